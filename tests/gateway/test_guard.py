"""The guard: blocks end the chain, redactions compose, whatever fails fails closed."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.guard import Guard, redacted
from gateway.policy_sets import Fallback, PolicyEntry, PolicySet
from gateway.types import Conversation, Finding, OnFail, Subject, Verdict

CONVERSATION = Conversation(())
Span = tuple[int, int]


@dataclass
class Marks:
    """A policy that finds the spans it was given, and keeps what it was asked."""

    spans: Sequence[Span] = ()
    category: str = "marked"
    asked: list[Subject] = field(default_factory=list[Subject])

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        self.asked.append(subject)
        return [Finding(start, end, self.category, "#") for start, end in self.spans]


class Raises:
    async def judge(self, subject: Subject) -> Sequence[Finding]:
        raise KeyError(subject.text)


class Sleeps:
    async def judge(self, subject: Subject) -> Sequence[Finding]:  # noqa: ARG002
        await asyncio.sleep(3600)
        return ()


def entry(name: str, policy: Marks | Raises | Sleeps, on_fail: OnFail = "block") -> PolicyEntry:
    return PolicyEntry(name, policy, ("input", "output"), on_fail)


def guard(*entries: PolicyEntry) -> Guard:
    return Guard([PolicySet("test", entries, Fallback(), {}, "digest")])


def outcome(verdicts: Sequence[Verdict]) -> list[tuple[str, str]]:
    return [(v.policy, v.action) for v in verdicts]


async def test_the_first_block_ends_the_chain():
    """What stands behind it is never asked."""
    last = Marks()
    chain = guard(
        entry("a", Marks()), entry("b", Marks([(0, 1)])), entry("c", last, on_fail="flag")
    )
    screening = await chain.screen("text", "input", CONVERSATION)
    assert outcome(screening.verdicts) == [("a", "pass"), ("b", "block")]
    assert screening.blocked_by == screening.verdicts[1]
    assert not screening.passed
    assert last.asked == []


async def test_a_flag_changes_nothing_and_is_recorded():
    """The findings stand in the verdict."""
    screening = await guard(entry("a", Marks([(0, 2)]), "flag")).screen(
        "text", "input", CONVERSATION
    )
    assert screening.passed
    assert screening.shown == "text"
    assert screening.verdicts[0].category == "marked"


async def test_redactions_of_several_policies_compose():
    """Overlapping spans are removed together, and every policy judges the original text."""
    second = Marks([(3, 6), (8, 9)])
    chain = guard(entry("a", Marks([(1, 4)]), "redact"), entry("b", second, "redact"))
    screening = await chain.screen("0123456789", "output", CONVERSATION)
    assert screening.shown == "0#67#9"
    assert second.asked[0].text == "0123456789"


async def test_a_policy_judges_only_at_its_stages():
    """This one is no policy for answers of tools."""
    policy = Marks([(0, 1)])
    screening = await guard(entry("a", policy)).screen("text", "tool", CONVERSATION)
    assert screening.verdicts == ()
    assert policy.asked == []


async def test_a_policy_that_is_off_never_runs():
    """Not even to be recorded."""
    policy = Marks([(0, 1)])
    screening = await guard(replace(entry("a", policy), mode="off")).screen(
        "text", "input", CONVERSATION
    )
    assert (screening.verdicts, policy.asked) == ((), [])


@pytest.mark.parametrize(
    "broken", [Raises(), Sleeps(), Marks([(2, 9)]), Marks([(1, 1)]), Marks([(-1, 2)])], ids=repr
)
async def test_a_policy_that_can_not_run_withholds_the_text(
    broken: Marks | Raises | Sleeps,
):
    """Exception, time-out and impossible findings alike; the verdict is an error, not a block."""
    chain = guard(replace(entry("a", broken), timeout_ms=20), entry("b", Marks()))
    screening = await chain.screen("text", "input", CONVERSATION)
    assert outcome(screening.verdicts) == [("a", "error")]
    assert screening.blocked_by is not None
    assert screening.blocked_by.withheld
    assert "text" not in screening.blocked_by.detail


async def test_an_error_that_is_allowed_is_recorded_and_goes_on():
    """The next policy has its say."""
    chain = guard(replace(entry("a", Raises()), on_error="allow"), entry("b", Marks()))
    screening = await chain.screen("text", "input", CONVERSATION)
    assert outcome(screening.verdicts) == [("a", "error"), ("b", "pass")]
    assert screening.passed


@dataclass
class Folds(Marks):
    """A policy that reads the folded text."""

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        assert subject.normalised
        return await super().judge(subject)


async def test_a_text_refused_for_its_length_is_never_folded():
    """Folding is work for the length of it, and the size is known without."""
    size = Marks([(0, 1)])
    await guard(entry("size", size), entry("terms", Folds())).screen("Ä", "input", CONVERSATION)
    assert "_folded" not in vars(size.asked[0])
    await guard(entry("terms", policy := Folds())).screen("Ä", "input", CONVERSATION)
    assert "_folded" in vars(policy.asked[0])


async def test_behind_each_policy_of_a_long_text_others_have_their_turn():
    """What has no await in it would else hold the event loop for the whole chain."""
    seen: list[int] = []

    @dataclass
    class Counts(Marks):
        async def judge(self, subject: Subject) -> Sequence[Finding]:
            seen.append(turns)
            return await super().judge(subject)

    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    waiting = asyncio.create_task(other())
    chain = guard(*(entry(name, Counts()) for name in "abc"))
    await chain.screen("x" * 5000, "input", CONVERSATION)
    waiting.cancel()
    assert seen == [0, 1, 2]


async def test_a_cancelled_request_is_not_a_policy_error():
    """The customer has left: nothing is to be concluded from that."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await guard(entry("a", Sleeps())).screen("text", "input", CONVERSATION)


async def test_an_empty_text_may_have_an_empty_finding():
    """There is no other way to find that it is empty."""
    screening = await guard(entry("a", Marks([(0, 0)]))).screen("", "output", CONVERSATION)
    assert outcome(screening.verdicts) == [("a", "block")]


SPANS = st.lists(st.tuples(st.integers(0, 11), st.integers(1, 12)).filter(lambda s: s[0] < s[1]))


@given(st.text(), st.sampled_from(["input", "output"]))
async def test_no_policies_leave_a_text_unchanged(text: str, stage: str):
    """Whatever it is."""
    empty = Guard([PolicySet("none", (), Fallback(), {}, "")])
    screening = await empty.screen(text, "input" if stage == "input" else "output", CONVERSATION)
    assert (screening.shown, screening.passed) == (text, True)


@given(SPANS, st.sampled_from(["block", "redact", "flag"]))
async def test_a_shadow_verdict_never_acts(spans: list[Span], on_fail: OnFail):
    """It is recorded with what it asks for; errors likewise."""
    shadow = replace(entry("a", Marks(spans), on_fail), mode="shadow")
    broken = replace(entry("b", Raises()), mode="shadow")
    screening = await guard(shadow, broken).screen("abcdefghijkl", "input", CONVERSATION)
    assert (screening.shown, screening.passed) == ("abcdefghijkl", True)
    assert [v.enforced for v in screening.verdicts] == [False, False]
    assert screening.verdicts[0].action == (on_fail if spans else "pass")


@given(SPANS, st.integers())
def test_redaction_removes_every_span_and_nothing_else(spans: list[Span], seed: int):
    """Each character stands for its place, so that what is left says where it came from."""
    text = "abcdefghijkl"
    findings = [Finding(start, end, "x", "#") for start, end in spans]
    removed = {i for start, end in spans for i in range(start, end)}
    shown = redacted(text, findings)
    assert shown.replace("#", "") == "".join(c for i, c in enumerate(text) if i not in removed)
    shuffled = Random(seed).sample(findings, len(findings))
    assert redacted(text, shuffled) == shown


def test_a_template_is_looked_for_from_the_special_to_the_general():
    """Category and language, English, the default in the language, the fallback."""
    templates = {"a": {"en": "a-en", "de": "a-de"}, "b": {"en": "b-en"}, "default": {"de": "d-de"}}
    of = Guard([PolicySet("t", (), Fallback(template="last"), templates, "")]).template
    assert of("a", "de-AT") == "a-de"
    assert of("b", "de") == "b-en"
    assert of("c", "de") == "d-de"
    assert of("c") == "last"


def test_the_digest_names_the_sets_and_their_order():
    """Another order is another precedence."""
    one, two = (PolicySet(n, (), Fallback(), {}, n) for n in ("one", "two"))
    digests = {Guard(sets).digest for sets in ([one], [two], [one, two], [two, one])}
    assert len(digests) == 4
    assert Guard([one, two]).digest == Guard([one, two]).digest


def test_a_guard_of_nothing_is_refused():
    """It would let everything pass without anybody having said so."""
    with pytest.raises(ValueError, match="at least one"):
        Guard([])
