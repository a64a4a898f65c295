"""How a verdict differs from the recorded one, by what it does to the text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.alignment.verdict_changes import changes, effect, outcome
from gateway.types import Finding, Screening, Verdict

FOUND = (Finding(0, 2, "words"),)
PASS = Verdict("p", "output", "pass", enforced=True)
FLAG = Verdict("p", "output", "flag", enforced=True, findings=FOUND)
REDACT = Verdict("p", "output", "redact", enforced=True, findings=FOUND)
OTHER = Verdict("p", "output", "redact", enforced=True, findings=(Finding(1, 2, "words"),))
BLOCK = Verdict("p", "output", "block", enforced=True, findings=FOUND)
SHADOW = Verdict("p", "output", "block", enforced=False, findings=FOUND)
ERROR = Verdict("p", "output", "error", enforced=True, withheld=True)
ALL = (PASS, FLAG, REDACT, OTHER, BLOCK, SHADOW, ERROR)


def screening(*verdicts: Verdict) -> Screening:
    """A text with these verdicts, the last of which may have ended the chain."""
    ended = [v for v in verdicts if v.withheld or (v.enforced and v.action == "block")]
    return Screening("abc", "abc", verdicts, ended[0] if ended else None)


def kinds(recorded: Screening, *renewed: Verdict) -> dict[str, str]:
    return {change.policy: change.kind for change in changes(recorded, renewed)}


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (PASS, BLOCK, "newly_blocked"),
        (SHADOW, BLOCK, "newly_blocked"),
        (REDACT, BLOCK, "newly_blocked"),
        (BLOCK, PASS, "newly_passed"),
        (BLOCK, SHADOW, "newly_passed"),
        (BLOCK, REDACT, "newly_passed"),
        (PASS, REDACT, "redaction_changed"),
        (REDACT, OTHER, "redaction_changed"),
        (REDACT, FLAG, "redaction_changed"),
        (PASS, FLAG, "flag_changed"),
        (PASS, SHADOW, "flag_changed"),
        (FLAG, PASS, "flag_changed"),
        (FLAG, SHADOW, "unchanged"),
        (PASS, ERROR, "error"),
        (ERROR, PASS, "unrecorded"),
    ],
)
def test_a_change_is_named_by_what_it_does_to_the_text(before: Verdict, after: Verdict, kind: str):
    """A policy in shadow mode does nothing to it, whatever it asks for."""
    assert kinds(screening(before), after) == {"p": kind}


@given(st.sampled_from(ALL[:-1]))
def test_the_same_verdict_changes_nothing(verdict: Verdict):
    """Whatever it is."""
    assert kinds(screening(verdict), verdict) == {"p": "unchanged"}


def test_a_policy_behind_a_recorded_block_has_no_record():
    """Whether it would have found something then, nobody knows."""
    first = Verdict("first", "output", "block", enforced=True, findings=FOUND)
    assert kinds(screening(first), first, BLOCK) == {"first": "unchanged", "p": "unrecorded"}


def test_a_new_policy_had_let_everything_through_and_so_does_a_removed_one():
    """Where the recorded chain was whole."""
    assert kinds(screening(PASS), PASS, Verdict("new", "output", "pass", enforced=True)) == {
        "p": "unchanged",
        "new": "unchanged",
    }
    assert kinds(screening(), BLOCK) == {"p": "newly_blocked"}
    assert kinds(screening(BLOCK)) == {"p": "newly_passed"}
    assert kinds(screening(REDACT)) == {"p": "redaction_changed"}


def test_policies_of_one_name_are_told_apart_by_their_order():
    """Two sets may each have one."""
    found = [c.kind for c in changes(screening(PASS, FLAG), (PASS, PASS))]
    assert found == ["unchanged", "flag_changed"]


def test_the_outcome_is_what_ended_the_chain_or_the_gravest_effect():
    """An error that withholds nothing lets the text through."""
    harmless = Verdict("q", "output", "error", enforced=True)
    assert outcome(screening()) == "passed"
    assert outcome(screening(harmless, PASS)) == "passed"
    assert outcome(screening(FLAG, SHADOW)) == "flagged"
    assert outcome(screening(REDACT, FLAG)) == "redacted"
    assert outcome(screening(REDACT, BLOCK)) == "blocked"
    assert outcome(screening(REDACT, ERROR)) == "error"
    assert effect(SHADOW) == "flagged"
