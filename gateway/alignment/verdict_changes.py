"""What differs between the verdicts that were recorded on a text and those of a trial.

A verdict is compared by its effect, what it does to the text: in shadow mode, and with
`on_fail: flag`, a policy that finds something has the effect "flagged".
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from gateway.types import Finding, Screening, Verdict

Effect = Literal["passed", "flagged", "redacted", "blocked", "error"]

Kind = Literal[
    "newly_blocked",
    "newly_passed",
    "redaction_changed",
    "flag_changed",
    "unchanged",
    "unrecorded",
    "error",
]
"""What became of one policy's verdict on one text.

`newly_passed`: the policy held the text back, and no longer does. `redaction_changed`: what it
removes from a text that it lets through. `unrecorded`: there is nothing to compare with, since
the recorded chain had ended before this policy, or the policy could not run then.
"""


@dataclass(frozen=True, slots=True)
class Change:
    """One policy on one text. `verdict` is the one that has the findings to show for it."""

    policy: str
    kind: Kind
    verdict: Verdict


def effect(verdict: Verdict) -> Effect:
    """What one verdict does to its text."""
    if verdict.action == "error":
        return "error"
    if not verdict.findings:
        return "passed"
    if not verdict.enforced or verdict.action == "flag":
        return "flagged"
    return "redacted" if verdict.action == "redact" else "blocked"


def outcome(screening: Screening) -> Effect:
    """What became of a text: what ended its chain, or else the gravest effect of its verdicts.

    An error that withheld nothing counts as passed.
    """
    if screening.blocked_by is not None:
        return effect(screening.blocked_by)
    effects = {effect(verdict) for verdict in screening.verdicts}
    if "redacted" in effects:
        return "redacted"
    return "flagged" if "flagged" in effects else "passed"


def changes(recorded: Screening, renewed: Sequence[Verdict]) -> Iterator[Change]:
    """One change for each policy that judges a text now or judged it then.

    Policies are matched by name; of several with one name, in different sets, the first with the
    first. A policy without a verdict on a text whose chain was whole did not exist then, and
    counts as having let it through; so does one that exists no longer, which is told only where it
    had found something.
    """
    before, after = _numbered(recorded.verdicts), _numbered(renewed)
    cut_short = recorded.blocked_by is not None
    for key, verdict in after.items():
        earlier = before.get(key) or (None if cut_short else _without_findings(verdict))
        yield Change(verdict.policy, _kind(earlier, verdict), verdict)
    for key, earlier in before.items():
        if key not in after and effect(earlier) not in ("passed", "error"):
            yield Change(earlier.policy, _kind(earlier, _without_findings(earlier)), earlier)


def _kind(before: Verdict | None, after: Verdict) -> Kind:
    if effect(after) == "error":
        return "error"
    if before is None or effect(before) == "error":
        return "unrecorded"
    was, now = effect(before), effect(after)
    if (was == "blocked") != (now == "blocked"):
        return "newly_blocked" if now == "blocked" else "newly_passed"
    if "redacted" in (was, now) and _removed(before) != _removed(after):
        return "redaction_changed"
    return "unchanged" if was == now else "flag_changed"


def _removed(verdict: Verdict) -> set[tuple[int, int, str]]:
    """What a verdict takes out of the text, and what it puts in its place."""
    acts = effect(verdict) == "redacted"
    return {(f.start, f.end, f.replacement) for f in verdict.findings} if acts else set()


def _without_findings(verdict: Verdict) -> Verdict:
    nothing: tuple[Finding, ...] = ()
    return replace(verdict, action="pass", findings=nothing, withheld=False)


def _numbered(verdicts: Sequence[Verdict]) -> Mapping[tuple[str, int], Verdict]:
    """The verdicts by name, and by how many of that name stand before."""
    times: Counter[str] = Counter()
    numbered: dict[tuple[str, int], Verdict] = {}
    for verdict in verdicts:
        numbered[verdict.policy, times[verdict.policy]] = verdict
        times[verdict.policy] += 1
    return numbered
