"""What one policy of a set says of one text.

It fails closed here: a policy that raises, takes too long or returns findings that can't be
true has the verdict "error", and withholds the text unless its `on_error` is "allow".
"""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import replace
from time import perf_counter

from gateway.policy_sets import PolicyEntry
from gateway.protocols import PolicyFailure
from gateway.types import Finding, Subject, Verdict
from gateway.windows import sentences

_log = logging.getLogger(__name__)

# Between so many sentences whatever else waits has its turn.
_WINDOWS_AT_ONCE = 16


async def judge(entry: PolicyEntry, subject: Subject) -> Verdict:
    """The verdict of a policy, whatever its mode; never raises.

    One that comes later than `timeout_ms` is an error, also from a policy that never waits, which
    nothing can interrupt.
    """
    started = perf_counter()
    try:
        async with asyncio.timeout(entry.timeout_ms / 1000):
            findings = await _findings(entry, subject)
    except TimeoutError:
        return _late(entry, subject, started)
    except (Exception, asyncio.CancelledError, GeneratorExit) as error:
        if _is_called_off(error):
            raise
        # Whatever it was, the policy did not run. Other messages may quote the text.
        told = f": {error}" if isinstance(error, PolicyFailure) else ""
        return _error(entry, subject, started, f"raised {type(error).__name__}{told}")
    if _since(started) > entry.timeout_ms:
        return _late(entry, subject, started)
    return Verdict(
        policy=entry.name,
        stage=subject.stage,
        action=entry.on_fail if findings else "pass",
        enforced=entry.mode == "enforce",
        findings=findings,
        detail="; ".join(dict.fromkeys(f.detail for f in findings if f.detail)),
        duration_ms=_since(started),
    )


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


async def _findings(entry: PolicyEntry, subject: Subject) -> tuple[Finding, ...]:
    """All findings in the order of the text: of the whole, or of its windows one by one."""
    if entry.window == "whole":
        return _checked(await entry.policy.judge(subject), subject.text)
    found: list[Finding] = []
    for i, (start, end) in enumerate(sentences(subject.text)):
        window = replace(subject, text=subject.text[start:end])
        within = _checked(await entry.policy.judge(window), window.text)
        found += [replace(f, start=f.start + start, end=f.end + start) for f in within]
        if i % _WINDOWS_AT_ONCE == 0:
            await asyncio.sleep(0)
    return _checked(found, subject.text)


def _checked(findings: Iterable[object], text: str) -> tuple[Finding, ...]:
    """The findings, in the order of the text; an empty text alone may have an empty one.

    Raises:
        ValueError: a span does not lie in the text, or is empty.
        TypeError: what the policy gave are no findings: nobody else checks a plug-in's types.
    """
    checked = [_typed(finding) for finding in findings]
    for finding in checked:
        inside = 0 <= finding.start < finding.end <= len(text)
        if not inside and (text or finding.start or finding.end):
            raise ValueError(f"a finding at {finding.start}:{finding.end} of {len(text)}")
    return tuple(sorted(checked, key=lambda f: (f.start, -f.end, f.category, f.replacement)))


def _typed(finding: object) -> Finding:
    if not isinstance(finding, Finding):
        raise TypeError("not a finding")
    places = {type(finding.start), type(finding.end)}
    texts = {type(finding.category), type(finding.replacement), type(finding.detail)}
    if places != {int} or texts != {str}:
        raise TypeError("a finding with fields of other types")
    return finding


def _is_called_off(error: BaseException) -> bool:
    """Whether it is our own task that is cancelled: a policy may also raise that by itself."""
    task = asyncio.current_task()
    cancelled = isinstance(error, asyncio.CancelledError)
    return cancelled and task is not None and task.cancelling() > 0


def _late(entry: PolicyEntry, subject: Subject, started: float) -> Verdict:
    return _error(entry, subject, started, f"no verdict within {entry.timeout_ms} ms")


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
