"""The guard: blocks end the chain, redactions compose, whatever fails fails closed."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Self, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.guard import Guard
from gateway.judgement import redacted
from gateway.policy_files import Fallback
from gateway.policy_sets import PolicyEntry, PolicySet
from gateway.protocols import Policy, PolicyFailure
from gateway.types import Conversation, Finding, Message, OnError, OnFail, Subject, Verdict

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


@dataclass
class Waits(Marks):
    """A policy that holds something open, and answers when it is told to."""

    answers: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: bool = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        findings = await super().judge(subject)
        try:
            await self.answers.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return findings


@dataclass(frozen=True)
class Phrase:
    """A policy that finds one phrase."""

    phrase: str

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        start = subject.text.find(self.phrase)
        return [] if start < 0 else [Finding(start, start + len(self.phrase), "phrase", "#")]


class Sleeps:
    async def judge(self, subject: Subject) -> Sequence[Finding]:  # noqa: ARG002
        await asyncio.sleep(3600)
        return ()


@dataclass(frozen=True)
class Gives:
    """A policy that gives what is no finding, or raises what is none of its business."""

    what: object

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        del subject
        if isinstance(self.what, BaseException):
            raise self.what
        return cast("Sequence[Finding]", self.what)


NONSENSE = (
    *(
        None,
        3,
        [None],
        [Finding(0, cast("int", 1.0), "c")],
        [Finding(start=0, end=cast("int", "1"), category="c")],
    ),
    *([Finding(0, 1, "c", detail=cast("str", 5))], [Finding(0, 1, "c", cast("str", None))]),
    *(asyncio.CancelledError(), GeneratorExit(), RecursionError()),
)


class Works:
    async def judge(self, subject: Subject) -> Sequence[Finding]:  # noqa: ARG002
        time.sleep(0.03)  # noqa: ASYNC251 - no other task has a chance to interrupt it
        return ()


def entry(name: str, policy: Policy, on_fail: OnFail = "block") -> PolicyEntry:
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
    "broken",
    [Raises(), Sleeps(), Works(), Marks([(2, 9)]), Marks([(1, 1)]), Marks([(-1, 2)])],
    ids=repr,
)
async def test_a_policy_that_can_not_run_withholds_the_text(broken: Policy):
    """Exception, time-out and impossible findings alike; the verdict is an error, not a block."""
    chain = guard(replace(entry("a", broken), timeout_ms=20), entry("b", Marks()))
    screening = await chain.screen("text", "input", CONVERSATION)
    assert outcome(screening.verdicts) == [("a", "error")]
    assert screening.blocked_by is not None
    assert screening.blocked_by.withheld
    assert "text" not in screening.blocked_by.detail


@pytest.mark.parametrize("what", NONSENSE, ids=repr)
@pytest.mark.parametrize("on_error", ["block", "allow"])
async def test_whatever_a_policy_gives_its_on_error_decides(what: object, on_error: OnError):
    """A plug-in's mistake is never the customer's, nor is its cancellation ours."""
    chain = guard(replace(entry("a", Gives(what)), on_error=on_error))
    screening = await chain.screen("text", "input", CONVERSATION)
    assert outcome(screening.verdicts) == [("a", "error")]
    assert screening.passed == (on_error == "allow")


async def test_only_a_failure_that_is_meant_to_be_told_is():
    """Any other message may quote the text."""
    told = guard(entry("a", Gives(PolicyFailure("the server answered HTTP 500"))))
    screening = await told.screen("text", "input", CONVERSATION)
    assert screening.verdicts[0].detail == "raised PolicyFailure: the server answered HTTP 500"
    untold = guard(entry("a", Gives(RuntimeError("text"))))
    screening = await untold.screen("text", "input", CONVERSATION)
    assert screening.verdicts[0].detail == "raised RuntimeError"


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
    sets = [PolicySet("t", (), Fallback(template="last"), templates, "")]
    of = Guard(sets, language_of={"Guten Tag": "de"}.get).template
    assert of("a", "Guten Tag") == "a-de"
    assert of("b", "Guten Tag") == "b-en"
    assert of("c", "Guten Tag") == "d-de"
    assert of("a", "Hello") == "a-en"
    assert of("c") == "last"


def test_what_a_later_set_says_goes_before():
    """Who adds a set to the shipped one speaks in its stead; what it does not state stays."""
    shipped = PolicySet("a", (), Fallback(resample=4, template="a"), {"x": {"en": "xa"}}, "")
    own = PolicySet("b", (), Fallback(template="b"), {"x": {"en": "xb"}}, "")
    both = Guard([shipped, own])
    assert (both.fallback.resample, both.fallback.template) == (4, "b")
    assert (both.template("x"), both.template("y")) == ("xb", "b")


async def test_across_turns_only_what_holds_nothing_is_asked():
    """A model's finding says nothing of where in its window the phrase stands."""
    model = Waits()
    model.answers.set()
    chain = guard(entry("a", model))
    await chain.screen_turns(turns("one"))
    await chain.screen_turns(turns("one", "two"))
    assert [subject.text for subject in model.asked] == ["one", "ok", "two"]


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


async def test_policies_that_wait_are_asked_last_and_all_at_once():
    """Wherever they stand in the file; the verdicts keep its order."""
    one, cheap, two = Waits(), Marks(), Waits()
    chain = guard(entry("one", one), entry("cheap", cheap), entry("two", two))
    screening = asyncio.ensure_future(chain.screen("text", "input", CONVERSATION))
    while not (one.asked and two.asked):
        await asyncio.sleep(0)
    assert cheap.asked
    two.answers.set()
    one.answers.set()
    assert outcome((await screening).verdicts) == [
        ("one", "pass"),
        ("cheap", "pass"),
        ("two", "pass"),
    ]


async def test_what_waits_is_not_asked_about_a_text_that_is_blocked_already():
    """A model costs more than a list of words."""
    waits = Waits()
    chain = guard(entry("model", waits), entry("cheap", Marks([(0, 1)])))
    screening = await chain.screen("text", "input", CONVERSATION)
    assert outcome(screening.verdicts) == [("cheap", "block")]
    assert waits.asked == []


async def test_of_those_that_wait_the_first_in_the_file_blocks():
    """However late it answers; who is not needed any more is cancelled."""
    first, second, third = Waits([(0, 1)], "first"), Waits([(0, 1)], "second"), Waits()
    chain = guard(entry("a", first), entry("b", second), entry("c", third))
    screening = asyncio.ensure_future(chain.screen("text", "input", CONVERSATION))
    second.answers.set()
    for _ in range(5):
        await asyncio.sleep(0)
    first.answers.set()
    assert outcome((await screening).verdicts) == [("a", "block")]
    assert third.cancelled


async def test_an_inspection_hears_every_policy():
    """A block ends nothing there; what blocks is the same as in a screening."""
    ready = Waits([(1, 2)], "late")
    ready.answers.set()
    chain = guard(
        entry("a", Marks([(0, 1)])), entry("b", ready), entry("c", Marks([(0, 1)]), "redact")
    )
    inspected = await chain.inspect("text", "input", CONVERSATION)
    assert outcome(inspected.verdicts) == [("a", "block"), ("b", "block"), ("c", "redact")]
    screened = await chain.screen("text", "input", CONVERSATION)
    assert (inspected.blocked_by, screened.blocked_by) == (
        inspected.verdicts[0],
        screened.verdicts[0],
    )


def turns(*texts: str) -> Conversation:
    """A conversation in which the assistant says "ok" to everything."""
    messages = [m for text in texts for m in (Message("user", text), Message("assistant", "ok"))]
    return Conversation(tuple(messages[:-1]))


async def test_turns_that_were_judged_before_are_remembered():
    """A conversation that goes on costs its new turns only, and is not told another story."""
    policy = Marks([(0, 1)])
    chain = guard(entry("a", policy, "flag"))
    await chain.screen_turns(turns("one"))
    first = await chain.screen_turns(turns("one", "two"))
    assert [s.text for s in policy.asked] == ["one", "ok", "two"]
    again = await chain.screen_turns(turns("one", "two"))
    assert [s.text for s in policy.asked] == ["one", "ok", "two"]
    assert [outcome(s.verdicts) for s in again] == [outcome(s.verdicts) for s in first]


async def test_the_same_turn_in_another_conversation_is_judged_anew():
    """What it means may depend on what was said before."""
    policy = Marks()
    chain = guard(entry("a", policy, "flag"))
    await chain.screen_turns(turns("one", "yes"))
    await chain.screen_turns(turns("two", "yes"))
    assert [s.text for s in policy.asked].count("yes") == 2


async def test_a_policy_that_could_not_judge_a_turn_is_asked_again():
    """It may be able to the next time."""
    broken = guard(entry("a", Raises()))
    first, second = [await broken.screen_turns(turns("one")) for _ in range(2)]
    assert [s.verdicts[0].duration_ms > 0 for s in (*first, *second)] == [True, True]


async def test_a_phrase_that_is_spread_over_turns_is_found():
    """It counts against the turn that completes it, by the part that stands there."""
    chain = guard(entry("a", Phrase("buy now")))
    *earlier, last = await chain.screen_turns(turns("please buy", "now or never"))
    assert all(screening.passed for screening in earlier)
    assert last.blocked_by is not None
    assert [(f.start, f.end) for f in last.blocked_by.findings] == [(0, 3)]


async def test_an_inspection_of_turns_ends_as_their_screening_does():
    """With every verdict on the last turn, and what was found over several."""
    chain = guard(entry("a", Phrase("buy now")), entry("b", Phrase("never")))
    inspected = await chain.inspect_turns(turns("please buy", "now or else"))
    [*_, screened] = await chain.screen_turns(turns("please buy", "now or else"))
    assert outcome(inspected.verdicts) == [("a", "pass"), ("b", "pass"), ("a", "block")]
    assert outcome(inspected.verdicts) == outcome(screened.verdicts)
    both = await chain.inspect_turns(turns("please buy now or never"))
    assert outcome(both.verdicts) == [("a", "block"), ("b", "block")]


@given(st.lists(st.sampled_from(["buy", "now", "hello", "buy now"]), min_size=1, max_size=4))
async def test_however_a_conversation_runs_both_come_to_the_same_end(said: list[str]):
    """What is spread over turns included."""
    chain = guard(entry("a", Phrase("buy now")))
    inspected = await chain.inspect_turns(turns(*said))
    [*_, screened] = await chain.screen_turns(turns(*said))
    assert (inspected.passed, inspected.shown) == (screened.passed, screened.shown)


async def test_a_last_turn_that_is_not_the_customers_stands_alone():
    """It completes nothing that the customer has begun."""
    said = (Message("user", "please buy"), Message("assistant", "now"))
    assert (await guard(entry("a", Phrase("buy now"))).inspect_turns(Conversation(said))).passed


async def test_a_turn_is_not_blocked_for_what_an_earlier_one_said():
    """That one was refused when it came."""
    chain = guard(entry("a", Phrase("buy now")))
    screenings = await chain.screen_turns(turns("buy now", "hello"))
    assert [screening.passed for screening in screenings] == [False, True, True]


async def test_a_sentence_window_shows_a_policy_one_sentence_at_a_time():
    """Its findings are places in the whole text."""
    policy = Phrase("two")
    one_by_one = replace(entry("a", policy), window="sentence")
    screening = await guard(one_by_one).screen("One. And two.", "output", CONVERSATION)
    assert [(f.start, f.end) for f in screening.verdicts[0].findings] == [(9, 12)]
    over_the_border = replace(entry("a", Phrase("One. And")), window="sentence")
    assert (await guard(over_the_border).screen("One. And two.", "output", CONVERSATION)).passed


async def test_texts_of_system_and_developer_are_read_as_one():
    """The model is given them as one."""
    said = (Message("system", "please buy"), Message("developer", "now"), Message("user", "Hi"))
    screenings = await guard(entry("a", Phrase("buy now"))).screen_turns(Conversation(said))
    assert [screening.passed for screening in screenings] == [True, False, True]


async def test_a_policy_is_asked_about_the_roles_of_its_entry_alone():
    """What a model takes for an attack may be what an assistant says every day."""
    policy = Marks()
    chain = guard(replace(entry("a", policy), roles=("user", "system")))
    await chain.screen_turns(turns("one", "two"))
    assert [subject.text for subject in policy.asked] == ["one", "two", "one two"]


async def test_our_own_words_are_not_judged_when_they_come_back():
    """Clients send the templates along that they were shown."""
    chain = Guard([PolicySet("t", (entry("a", Phrase("No.")),), Fallback(template="No."), {}, "")])
    said = (Message("user", "Hi"), Message("assistant", "No."), Message("user", "Why?"))
    screenings = await chain.screen_turns(Conversation(said))
    assert [screening.passed for screening in screenings] == [True, True, True]
    forged = (Message("user", "No."),)
    assert not (await chain.screen_turns(Conversation(forged)))[0].passed


async def test_many_sentences_leave_others_their_turn():
    """A text of sixteen thousand lines is judged in many small steps."""
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticking = asyncio.ensure_future(tick())
    by_line = replace(entry("a", Phrase("x")), window="sentence")
    await guard(by_line).screen("a\n" * 1600, "input", CONVERSATION)
    ticking.cancel()
    assert ticks >= 100
