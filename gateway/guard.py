"""Judges a text by policy sets: the one place that says whether a text may pass.

It fails closed here: a policy that raises, takes too long or returns findings that can't be
true has the verdict "error", and withholds the text unless its `on_error` is "allow".
"""

import asyncio
import hashlib
import logging
from collections.abc import Iterable, Sequence
from time import perf_counter

from gateway.normalisation import normalise
from gateway.policy_sets import Fallback, PolicyEntry, PolicySet
from gateway.types import Conversation, Finding, Role, Screening, Stage, Subject, Verdict

_log = logging.getLogger(__name__)

# Policies judge on the event loop, where no time-out can interrupt them. Behind each that judged a
# text this long, whatever else waits has its turn; for a short one that would cost more.
_LONG = 4096


class Guard:
    """Several policy sets as one: the first set's policies come first, and so on.

    The fallback is that of the first set; a template is taken from the first set that has it.
    """

    def __init__(self, policy_sets: Sequence[PolicySet]) -> None:
        if not policy_sets:
            raise ValueError("a guard needs at least one policy set")
        self._sets = tuple(policy_sets)
        self._entries = tuple(
            entry for s in self._sets for entry in s.entries if entry.mode != "off"
        )
        digests = "\n".join(policy_set.digest for policy_set in self._sets)
        self._digest = hashlib.sha256(digests.encode()).hexdigest()

    @property
    def digest(self) -> str:
        """Names exactly what judges: sha256 over the digests of the sets, in their order."""
        return self._digest

    @property
    def fallback(self) -> Fallback:
        return self._sets[0].fallback

    def template(self, category: str, language: str = "en") -> str:
        """What a customer reads in place of a text blocked for `category`.

        Looked for in this order: the category in the language, in English, then the category
        "default" in the language, then the fallback's template. A language may have a region
        ("de-AT"), which does not count.
        """
        primary = language.partition("-")[0].lower()
        wanted = ((category, primary), (category, "en"), ("default", primary))
        found = (
            s.templates[key][tongue]
            for key, tongue in wanted
            for s in self._sets
            if key in s.templates and tongue in s.templates[key]
        )
        return next(found, self.fallback.template)

    async def screen(
        self, text: str, stage: Stage, conversation: Conversation, role: Role = "user"
    ) -> Screening:
        """Judge a text by every policy of its stage, in order.

        The first enforced block, or enforced error that withholds, ends the chain. Every policy
        judges the original text, so that all findings are positions in it: enforced redactions
        compose, and where they overlap one removal covers them all. Shadow verdicts are
        recorded and change nothing.
        """
        subject = Subject(text, stage, conversation, normalise, role)
        verdicts: list[Verdict] = []
        blocked_by: Verdict | None = None
        for entry in self._entries:
            if stage not in entry.stages:
                continue
            verdict = await judge(entry, subject)
            verdicts.append(verdict)
            if verdict.withheld or (verdict.enforced and verdict.action == "block"):
                blocked_by = verdict
                break
            if len(text) >= _LONG:
                await asyncio.sleep(0)
        redactions = [
            f for v in verdicts if v.enforced and v.action == "redact" for f in v.findings
        ]
        return Screening(text, redacted(text, redactions), tuple(verdicts), blocked_by)


async def judge(entry: PolicyEntry, subject: Subject) -> Verdict:
    """What one policy says of a text, whatever its mode; never raises."""
    started = perf_counter()
    findings: tuple[Finding, ...] = ()
    try:
        async with asyncio.timeout(entry.timeout_ms / 1000):
            findings = _checked(await entry.policy.judge(subject), subject.text)
    except TimeoutError:
        return _error(entry, subject, started, f"no verdict within {entry.timeout_ms} ms")
    except Exception as error:  # noqa: BLE001 - whatever it was, the policy did not run
        # Its message is left out: it may quote the text.
        return _error(entry, subject, started, f"raised {type(error).__name__}")
    return Verdict(
        policy=entry.name,
        stage=subject.stage,
        action=entry.on_fail if findings else "pass",
        enforced=entry.mode == "enforce",
        findings=findings,
        detail="; ".join(dict.fromkeys(f.detail for f in findings if f.detail)),
        duration_ms=_since(started),
    )


def example_subject(text: str, stage: Stage, conversation: Conversation) -> Subject:
    """A text on its own, in the role that its stage suggests."""
    roles: dict[Stage, Role] = {"input": "user", "output": "assistant", "tool": "tool"}
    return Subject(text, stage, conversation, normalise, roles[stage])


def redacted(text: str, findings: Iterable[Finding]) -> str:
    """The text with every finding's span replaced.

    Spans that overlap are removed together; the replacement is that of the one that starts
    first (the longest of several that do).
    """
    ordered = sorted(findings, key=lambda f: (f.start, -f.end, f.replacement))
    pieces: list[str] = []
    done = 0
    for finding in ordered:
        if finding.start >= done:
            pieces += (text[done : finding.start], finding.replacement)
        done = max(done, finding.end)
    return "".join((*pieces, text[done:]))


def _checked(findings: Iterable[Finding], text: str) -> tuple[Finding, ...]:
    """The findings, in the order of the text; an empty text alone may have an empty one.

    Raises:
        ValueError: a span does not lie in the text, or is empty.
    """
    checked = tuple(sorted(findings, key=lambda f: (f.start, -f.end, f.category, f.replacement)))
    for finding in checked:
        inside = 0 <= finding.start < finding.end <= len(text)
        if not inside and (text or finding.start or finding.end):
            raise ValueError(f"a finding at {finding.start}:{finding.end} of {len(text)}")
    return checked


def _error(entry: PolicyEntry, subject: Subject, started: float, detail: str) -> Verdict:
    _log.warning("policy %r could not judge a text (%s): %s", entry.name, subject.stage, detail)
    enforced = entry.mode == "enforce"
    return Verdict(
        policy=entry.name,
        stage=subject.stage,
        action="error",
        enforced=enforced,
        detail=detail,
        withheld=enforced and entry.on_error == "block",
        duration_ms=_since(started),
    )


def _since(started: float) -> float:
    return (perf_counter() - started) * 1000
