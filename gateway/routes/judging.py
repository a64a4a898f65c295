"""What the routes share that offer the policies as a service: verdicts in full."""

from typing import Any

from gateway.types import Screening, Verdict

Json = dict[str, Any]


def screening_object(screening: Screening) -> Json:
    """A screening in full. Positions are in characters (Unicode code points), ends exclusive."""
    return {
        "passed": screening.passed,
        "blocked_by": screening.blocked_by and screening.blocked_by.policy,
        "shown": screening.shown if screening.passed else None,
        "verdicts": [_verdict(verdict) for verdict in screening.verdicts],
    }


def _verdict(verdict: Verdict) -> Json:
    scores = [finding.score for finding in verdict.findings if finding.score is not None]
    return {
        "policy": verdict.policy,
        "mode": "enforce" if verdict.enforced else "shadow",
        "action": verdict.action,
        "enforced": verdict.enforced,
        "withheld": verdict.withheld,
        "category": verdict.category,
        "score": max(scores, default=None),
        "detail": verdict.detail,
        "findings": [
            {
                "start": finding.start,
                "end": finding.end,
                "category": finding.category,
                "score": finding.score,
                "replacement": finding.replacement,
                "detail": finding.detail,
            }
            for finding in verdict.findings
        ],
        "duration_ms": round(verdict.duration_ms, 3),
    }
