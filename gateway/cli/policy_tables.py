"""What `winnow policy` tells, as tables for a terminal.

Texts of customers, models and authors are shown with every character that is not printable as its
escape, and never as markup: a terminal must not obey them.
"""

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gateway.alignment.recorded_texts import Votes
from gateway.alignment.replay_report import ChangedText, Ending, ReplayReport
from gateway.alignment.verdict_changes import Kind
from gateway.policy_examples import ExampleResult
from gateway.policy_sets import PolicySet

_LONGEST = 200

_KINDS: Mapping[Kind, str] = {
    "newly_blocked": "newly blocked",
    "newly_passed": "newly passed",
    "redaction_changed": "redaction changed",
    "flag_changed": "flag changed",
    "unchanged": "unchanged",
    "unrecorded": "no record",
    "error": "error",
}
_ENDINGS: Mapping[Ending, str] = {
    "refused_input": "the message is refused",
    "no_survivor": "the answer shown is blocked, and no other one is left",
    "another_answer": "the answer shown is blocked, another one is sent",
    "other_redactions": "the answer shown has other parts removed",
    "goes_to_the_model": "the message was refused, and goes to the model",
    "answered_after_all": "no candidate was left, and one is sent",
}


def example_tables(sets: Sequence[PolicySet], results: Sequence[ExampleResult]) -> RenderableType:
    """One row for each policy, then each example that fails, with its text and why."""
    table = Table("set", "policy")
    for heading in ("examples", "hold", "fail", "slowest ms"):
        table.add_column(heading, justify="right")
    for policy_set in sets:
        for entry in policy_set.entries:
            own = [r for r in results if (r.policy_set, r.policy) == (policy_set.name, entry.name)]
            held = sum(result.passed for result in own)
            failed = f"[red]{len(own) - held}[/]" if held < len(own) else "0"
            slowest = max((result.duration_ms for result in own), default=0.0)
            counts = (str(len(own)), str(held), failed, f"{slowest:.1f}")
            table.add_row(policy_set.name, entry.name, *counts)
    held = sum(result.passed for result in results)
    told = Text(f"{held} examples hold, {len(results) - held} fail")
    return Group(table, *_failures(sets, results), told)


def _failures(sets: Sequence[PolicySet], results: Sequence[ExampleResult]) -> Iterator[Text]:
    entries = {(s.name, entry.name): entry for s in sets for entry in s.entries}
    for result in results:
        if result.passed:
            continue
        example = entries[result.policy_set, result.policy].examples[result.index]
        times = f" ({example.repeat} times)" if example.repeat > 1 else ""
        because = f" ({result.detail})" if result.detail else ""
        yield Text.assemble(
            ("✗", "red"),
            f" {result.policy_set}: {result.policy}, example {result.index}: "
            f"expected {result.expected}, got {result.actual}{because}\n"
            f"  {printable(example.text)}{times}",
        )


def replay_tables(report: ReplayReport) -> RenderableType:
    """Outcomes, policies, examples of what changed, exchanges, and what could not be compared."""
    if not report.exchanges:
        return Text("The ledger has no such exchange.")
    return Group(
        Text(f"{report.texts} texts of {report.exchanges} exchanges were judged again."),
        _outcomes(report),
        _policies(report),
        *_examples(report),
        *_endings(report),
        *(Text.assemble(("!", "yellow"), f" {remark}") for remark in _remarks(report)),
    )


def printable(text: str) -> str:
    """A text as one line that a terminal shows and does not obey."""
    cut = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in cut)


def _outcomes(report: ReplayReport) -> Table:
    table = Table("was", "would be", title="Texts by what becomes of them", title_justify="left")
    for heading in ("texts", "voted up", "voted down"):
        table.add_column(heading, justify="right")
    for change in report.outcomes:
        votes = (str(change.votes.up), str(change.votes.down))
        style = "" if change.before == change.after else "bold"
        table.add_row(change.before, change.after, str(change.texts), *votes, style=style)
    return table


def _policies(report: ReplayReport) -> Table:
    kinds: list[Kind] = [
        k for k in _KINDS if any(policy.texts.get(k) for policy in report.policies)
    ]
    table = Table(title="Verdicts by policy", title_justify="left")
    table.add_column("policy", no_wrap=True)
    for kind in kinds:
        table.add_column(_KINDS[kind].replace(" ", "\n"), justify="right")
    for policy in report.policies:
        counts = (policy.texts.get(kind, 0) for kind in kinds)
        table.add_row(policy.policy, *(str(count) if count else "·" for count in counts))
    return table


def _examples(report: ReplayReport) -> Iterator[Text]:
    for policy in report.policies:
        for kind, examples in policy.examples.items():
            votes = policy.votes[kind]
            yield Text(f"\n{policy.policy}: {_KINDS[kind]} {policy.texts[kind]}{_voted(votes)}")
            for example in examples:
                yield _example(example)


def _example(example: ChangedText) -> Text:
    kind = "candidate" if example.stage == "output" else "message"
    place = f"  {example.exchange_id} {kind} {example.index}{_voted(example.votes)}: "
    return Text.assemble((place, "dim"), printable(example.excerpt or ""))


def _voted(votes: Votes) -> str:
    return f" (voted up {votes.up}, down {votes.down})" if votes.up or votes.down else ""


def _endings(report: ReplayReport) -> Iterator[Text]:
    if report.endings:
        yield Text("\nExchanges that would end otherwise:")
    for ending in report.endings:
        ids = ", ".join(ending.examples)
        yield Text(f"  {ending.exchanges}: {_ENDINGS[ending.ending]} ({ids})")


def _remarks(report: ReplayReport) -> Iterator[str]:
    """What was not compared, by name."""
    for name in report.not_asked:
        yield f"{name} asks another server, and was not asked: what it found then stands"
    for name, texts in report.undecided.items():
        yield (
            f"{name} has no recorded verdict on {texts} texts, or one that was given with other "
            "options: what would become of them is not told"
        )
    if report.unjudged:
        yield f"{report.unjudged} texts have no recorded verdict: their exchanges ended before it"
    if report.other_policies:
        yield (
            f"{report.other_policies} of the exchanges were judged by other sets than those that "
            "are in the config now: what differs there need not come from this file"
        )
    for name, exchanges in report.missing_sets.items():
        yield f"{exchanges} exchanges had added the set {name!r}, which the config no longer has"
