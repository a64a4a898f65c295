"""The story of a request, with scripted upstreams, a real guard and a real ledger."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import pytest
from uuid_utils import uuid7

from gateway.contest import Bounds
from gateway.errors import (
    ContextLengthExceeded,
    GuardUnavailable,
    LedgerUnavailable,
    RequestError,
    UpstreamFailure,
    UpstreamRefusal,
    UpstreamTimeout,
)
from gateway.guard import Guard
from gateway.ledger.schema import upgrade
from gateway.ledger.sql import SqlLedger
from gateway.pipeline import Pipeline
from gateway.policy_files import Fallback
from gateway.policy_sets import PolicyEntry, PolicySet
from gateway.protocols import Plan, Progress
from gateway.pruning import Pruning
from gateway.types import (
    Caller,
    ChatRequest,
    Conversation,
    Exchange,
    Finding,
    Message,
    SamplingParameters,
    Subject,
)
from gateway.upstreams.scripted import Line, ScriptedUpstream
from reward_filters.best_of_n import BestOfN
from reward_filters.fixed_n import FixedN

CALLER = Caller("k1", frozenset({"chat"}))


@dataclass(frozen=True)
class Word:
    """A policy that finds one word; "crash" in a text makes it fail."""

    word: str

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        if "crash" in subject.text:
            raise RuntimeError(subject.text)
        start = subject.text.find(self.word)
        return [] if start < 0 else [Finding(start, start + len(self.word), "bad_word", "[x]")]


@dataclass
class Length:
    """A reward model that likes long answers. It notes what it was asked."""

    asked: list[str] = field(default_factory=list[str])
    revision: str = "length-1"

    async def score(self, conversation: Conversation, answers: Sequence[str]) -> Sequence[float]:
        del conversation
        self.asked += answers
        return [float(len(answer)) for answer in answers]


@dataclass
class Broken:
    """A reward model that fails in the way it is told to."""

    gives: Sequence[float] | Exception | None
    revision: str = "broken-1"
    asked: int = 0

    async def score(self, conversation: Conversation, answers: Sequence[str]) -> Sequence[float]:
        del conversation, answers
        self.asked += 1
        if isinstance(self.gives, Exception):
            raise self.gives
        if self.gives is None:
            await asyncio.sleep(30)
            return []
        return self.gives


@dataclass
class Person:
    """Takes over, or does not."""

    accepts: bool
    told: list[Exchange] = field(default_factory=list[Exchange])

    async def hand_over(self, exchange: Exchange) -> bool:
        self.told.append(exchange)
        return self.accepts


def guard(resample: int = 0, handoff: Person | None = None) -> Guard:
    entries = (
        PolicyEntry("no-bad", Word("bad"), ("input", "output"), on_fail="block"),
        PolicyEntry("hide-name", Word("Smith"), ("input", "output"), on_fail="redact"),
    )
    templates = {"bad_word": {"en": "Let us stay polite."}, "handoff": {"en": "Anna takes over."}}
    sets = [PolicySet("test", entries, Fallback(resample=resample), templates, "digest")]
    return Guard(sets, handoff=handoff)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncGenerator[SqlLedger]:
    url = f"sqlite:///{tmp_path}/winnow.db"
    upgrade(url)
    async with SqlLedger(url) as opened:
        yield opened


@pytest.fixture
def pipeline(ledger: SqlLedger) -> Pipeline:
    return Pipeline(
        upstreams={"support": ScriptedUpstream([Line("a good answer")])},
        lease=lambda _: nullcontext(guard()),
        reward=Length(),
        selector=BestOfN(),
        stop_rule=FixedN(),
        ledger=ledger,
        rng=Random(0),
        bounds=Bounds(candidates_s=5, reward_s=1),
    )


def with_script(pipeline: Pipeline, *script: Line) -> tuple[Pipeline, ScriptedUpstream]:
    upstream = ScriptedUpstream(script)
    return replace(pipeline, upstreams={"support": upstream}), upstream


def asking(text: str = "Hello", n: int = 4, choices: int = 1) -> ChatRequest:
    return ChatRequest(
        model="support",
        conversation=Conversation((Message("user", text),)),
        sampling=SamplingParameters(max_tokens=16),
        n_candidates=n,
        n_choices=choices,
    )


async def complete(pipeline: Pipeline, request: ChatRequest) -> Exchange:
    return await pipeline.complete(uuid7().hex, request, CALLER)


async def recorded(pipeline: Pipeline, exchange_id: str) -> Exchange:
    exchange = await pipeline.ledger.exchange(exchange_id)
    assert exchange is not None
    return exchange


async def test_the_best_of_those_that_passed_is_sent(pipeline: Pipeline):
    """The longest answer breaks a policy, so the second longest wins."""
    script = [Line("short"), Line("the bad but very long answer"), Line("a longer one"), Line("ok")]
    exchange = await complete(with_script(pipeline, *script)[0], asking())
    assert exchange.outcome == "answered"
    assert exchange.choices[0].text == "a longer one"
    assert exchange.choices[0].finish_reason == "stop"


async def test_the_reward_model_never_sees_a_blocked_answer(pipeline: Pipeline):
    """A policy is not something that a reward can outweigh."""
    reward = Length()
    pipeline, _ = with_script(replace(pipeline, reward=reward), Line("good"), Line("so bad"))
    await complete(pipeline, asking(n=2))
    assert reward.asked == ["good"]


async def test_a_redacted_answer_is_scored_and_sent_as_it_is_shown(pipeline: Pipeline):
    """The ledger keeps both texts."""
    reward = Length()
    pipeline, _ = with_script(replace(pipeline, reward=reward), Line("Ask Smith."))
    exchange = await complete(pipeline, asking(n=1))
    assert exchange.choices[0].text == "Ask [x]."
    assert reward.asked == ["Ask [x]."]
    kept = (await recorded(pipeline, exchange.id)).candidates[0].screening
    assert kept is not None
    assert (kept.original, kept.shown) == ("Ask Smith.", "Ask [x].")


async def test_a_redacted_question_reaches_the_model_redacted(pipeline: Pipeline):
    """What may not be known is not sent on."""
    pipeline, upstream = with_script(pipeline, Line("fine"))
    await complete(pipeline, asking("I am Smith"))
    assert upstream.calls[0][0].messages[0].content == "I am [x]"


async def test_everything_is_recorded_before_it_is_returned(pipeline: Pipeline):
    """All candidates, verdicts, rewards and the selection; the same as what is returned."""
    pipeline, _ = with_script(pipeline, Line("good"), Line("bad"))
    exchange = await complete(pipeline, asking())
    kept = await recorded(pipeline, exchange.id)
    assert replace(kept, timings_ms={}) == replace(exchange, timings_ms={})
    assert [c.candidate.outcome for c in kept.candidates] == ["finished"] * 4
    assert kept.reward_revision == "length-1"
    assert kept.choices[0].selection is not None
    assert kept.choices[0].selection.probability == 1.0


async def test_a_blocked_input_is_answered_by_the_template_of_its_category(pipeline: Pipeline):
    """Nothing is sampled for it."""
    pipeline, upstream = with_script(pipeline, Line("fine"))
    exchange = await complete(pipeline, asking("you bad bot", choices=2))
    assert exchange.outcome == "blocked_input"
    assert [c.text for c in exchange.choices] == ["Let us stay polite."] * 2
    assert exchange.choices[0].finish_reason == "content_filter"
    assert exchange.blocked_categories == ("bad_word",)
    assert not upstream.calls


async def test_an_older_turn_that_was_refused_does_not_end_the_conversation(pipeline: Pipeline):
    """Clients send it along for ever; the model never sees it."""
    pipeline, upstream = with_script(pipeline, Line("fine"))
    turns = (
        Message("user", "you bad bot"),
        Message("assistant", "Let us stay polite."),
        Message("user", "sorry, where is my order?"),
    )
    asked = replace(asking(), conversation=Conversation(turns))
    exchange = await complete(pipeline, asked)
    assert exchange.choices[0].text == "fine"
    sent = [m.content for m in upstream.calls[0][0].messages]
    assert sent == ["[removed]", "Let us stay polite.", "sorry, where is my order?"]


async def test_a_last_turn_that_is_blocked_is_refused_whatever_failed_before(pipeline: Pipeline):
    """An outage that changes nothing is none."""
    request = asking()
    said = (Message("user", "crash"), Message("assistant", "Yes?"), Message("user", "bad"))
    conversation = replace(request.conversation, messages=said)
    exchange = await complete(pipeline, replace(request, conversation=conversation))
    assert exchange.outcome == "blocked_input"


async def test_when_all_are_blocked_the_template_is_sent(pipeline: Pipeline):
    """A block is an answer, not an error."""
    exchange = await complete(with_script(pipeline, Line("bad"))[0], asking())
    assert exchange.outcome == "blocked_output"
    assert exchange.choices[0].text == "Let us stay polite."


def leasing(pipeline: Pipeline, lent: Guard) -> Pipeline:
    def lease(added: tuple[str, ...]) -> AbstractAsyncContextManager[Guard]:
        del added
        return nullcontext(lent)

    return replace(pipeline, lease=lease)


async def test_the_fallback_samples_again_when_the_policies_left_nothing(pipeline: Pipeline):
    """The second wave brings a good one."""
    pipeline = leasing(pipeline, guard(resample=2))
    pipeline, upstream = with_script(pipeline, Line("bad"), Line("bad"), Line("good"))
    exchange = await complete(pipeline, asking(n=2))
    assert exchange.choices[0].text == "good"
    assert len(upstream.calls) == 4


@pytest.mark.parametrize(
    ("accepts", "shown"), [(True, "Anna takes over."), (False, "Let us stay polite.")]
)
async def test_a_person_takes_over_where_no_candidate_passed(
    pipeline: Pipeline, ledger: SqlLedger, *, accepts: bool, shown: str
):
    """The customer is told so if it is so, and the ledger in any case."""
    person = Person(accepts)
    pipeline = leasing(pipeline, guard(handoff=person))
    exchange = await complete(with_script(pipeline, Line("bad"))[0], asking(choices=2))
    assert [choice.text for choice in exchange.choices] == [shown, shown]
    assert {choice.finish_reason for choice in exchange.choices} == {"content_filter"}
    assert [told.outcome for told in person.told] == ["blocked_output"]
    recorded = await ledger.exchange(exchange.id)
    assert recorded is not None
    assert recorded.handed_over is accepts


async def test_nobody_is_called_where_a_candidate_passed(pipeline: Pipeline):
    """Nor for a message that may not be answered."""
    person = Person(accepts=True)
    pipeline = leasing(pipeline, guard(handoff=person))
    pipeline, _ = with_script(pipeline, Line("bad"), Line("good"))
    assert (await complete(pipeline, asking(n=2))).handed_over is None
    assert (await complete(pipeline, asking("a bad question"))).handed_over is None
    assert person.told == []


async def test_missing_choices_are_filled_with_the_template(pipeline: Pipeline):
    """A client that asked for three gets three, none of them unsafe."""
    pipeline, _ = with_script(pipeline, Line("good"), Line("bad"), Line("bad"))
    exchange = await complete(pipeline, asking(n=3, choices=3))
    finishes = [c.finish_reason for c in exchange.choices]
    assert finishes == ["stop", "content_filter", "content_filter"]


@pytest.mark.parametrize(
    "gives",
    [
        RuntimeError("out of memory"),
        [1.0],
        [1.0] * 9,
        [float("nan")] * 2,
        [float("inf"), 1.0],
        None,
    ],
    ids=["raises", "too few", "too many", "nan", "inf", "hangs"],
)
async def test_a_failing_reward_model_costs_the_choice_not_the_answer(
    pipeline: Pipeline, gives: Sequence[float] | Exception | None
):
    """The first that passed is sent, for certain, and it is flagged."""
    pipeline = replace(pipeline, reward=Broken(gives), bounds=Bounds(candidates_s=5, reward_s=0.05))
    exchange = await complete(with_script(pipeline, Line("a bad one"), Line("fine"))[0], asking())
    assert exchange.choices[0].candidate_index == 1
    assert exchange.choices[0].text == "fine"
    assert exchange.reward_degraded
    malformed = "malformed" if isinstance(gives, list) else "failed"
    assert exchange.reward_failure == ("timeout" if gives is None else malformed)
    assert exchange.choices[0].selection is not None
    assert exchange.choices[0].selection.strategy == "unscored-in-order"


async def test_without_a_reward_model_nothing_is_degraded(pipeline: Pipeline):
    """It is off because somebody wanted it so."""
    exchange = await complete(replace(pipeline, reward=None), asking())
    assert exchange.outcome == "answered"
    assert not exchange.reward_degraded


async def test_a_candidate_that_fails_is_recorded_and_the_rest_go_on(pipeline: Pipeline):
    """Best of the rest."""
    script = [Line(failure=UpstreamFailure("HTTP 500")), Line("fine")]
    exchange = await complete(with_script(pipeline, *script)[0], asking(n=2))
    assert [c.candidate.outcome for c in exchange.candidates] == ["failed", "finished"]
    assert exchange.choices[0].text == "fine"


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (Line(failure=UpstreamFailure("down")), UpstreamFailure),
        (Line(failure=UpstreamTimeout("late")), UpstreamTimeout),
        (Line("slow", delay_s=30), UpstreamTimeout),
        (Line(failure=UpstreamRefusal("no")), RequestError),
        (Line(failure=ContextLengthExceeded("long")), RequestError),
    ],
)
async def test_no_candidate_at_all_is_an_error_that_is_recorded(
    pipeline: Pipeline, line: Line, error: type[Exception]
):
    """503, 504 when it was the time, 400 when the server finds fault with the request."""
    pipeline = replace(with_script(pipeline, line)[0], bounds=Bounds(0.1))
    exchange_id = uuid7().hex
    with pytest.raises(error):
        await pipeline.complete(exchange_id, asking(), CALLER)
    assert (await recorded(pipeline, exchange_id)).outcome == "upstream_failed"


async def test_at_the_deadline_the_best_of_the_finished_is_sent(pipeline: Pipeline):
    """The slow one is kept as censored."""
    script = [Line("quick"), Line("a slow and long one", delay_s=30)]
    pipeline = replace(with_script(pipeline, *script)[0], bounds=Bounds(0.2))
    exchange = await complete(pipeline, asking(n=2))
    assert exchange.choices[0].text == "quick"
    assert [c.candidate.outcome for c in exchange.candidates] == ["finished", "censored"]
    timings = exchange.timings_ms
    assert timings["sampling"] > 150  # the wait for the slow one is not our own time
    assert timings["total"] - timings["sampling"] < 150


async def test_a_reward_model_that_failed_is_not_waited_for_again(pipeline: Pipeline):
    """Each batch would cost its time-out once more."""
    reward = Broken(RuntimeError("full"))
    script = [Line("one"), Line("two", delay_s=0.1), Line("three", delay_s=0.2)]
    pipeline, _ = with_script(replace(pipeline, reward=reward), *script)
    exchange = await complete(pipeline, asking(n=3))
    assert exchange.reward_degraded
    assert reward.asked == 1


@dataclass(frozen=True)
class FirstComeFirstServed:
    """A stop rule that has enough with the first answer."""

    def plan(self, progress: Progress) -> Plan:
        if progress.ended:
            return Plan(0, "good enough")
        return Plan(progress.running + progress.room)


async def test_when_the_rule_has_enough_the_losers_are_cancelled(pipeline: Pipeline):
    """Before anything is chosen, and the record says why no more was sampled."""
    script = [Line("quick"), Line("slow one here", pace_s=0.2), Line("slow", delay_s=30)]
    pipeline, upstream = with_script(replace(pipeline, stop_rule=FirstComeFirstServed()), *script)
    exchange = await complete(pipeline, asking(n=3))
    assert exchange.choices[0].text == "quick"
    assert exchange.stopped_by == "good enough"
    assert upstream.cancelled == 2
    assert [c.candidate.outcome for c in exchange.candidates] == [
        "finished",
        "censored",
        "censored",
    ]


async def test_the_tokens_of_a_request_are_bounded(pipeline: Pipeline):
    """Of all its candidates together; the best of those that ended is sent."""
    script = [Line("short"), Line("on and on " * 50, pace_s=0.005)]
    pipeline, upstream = with_script(replace(pipeline, bounds=Bounds(tokens=10)), *script)
    exchange = await complete(pipeline, asking(n=2))
    assert exchange.choices[0].text == "short"
    assert exchange.stopped_by == "out of tokens"
    assert upstream.tokens == sum(c.candidate.completion_tokens or 0 for c in exchange.candidates)
    assert upstream.tokens < 15


async def test_a_seed_that_cannot_be_sent_is_recorded_and_named(pipeline: Pipeline):
    """The client learns that its answers won't repeat."""
    upstream = ScriptedUpstream([Line("fine")], seeds=False)
    asked = replace(asking(), sampling=SamplingParameters(max_tokens=8, seed=7))
    exchange = await complete(replace(pipeline, upstreams={"support": upstream}), asked)
    assert exchange.request.ignored == ("seed",)
    assert exchange.request.sampling.seed == 7
    assert upstream.calls[0][1].seed is None


WORSE, BETTER, BAD = "no no no no no no", "yes indeed it is so yes", "bad bad bad bad bad bad bad"


async def test_the_worst_beginnings_are_cut_off(pipeline: Pipeline):
    """Only the kept go on; one that breaks a policy goes first and is never scored."""
    reward = Length()
    script = [Line(text, pace_s=0.01) for text in (WORSE, BETTER, BAD)]
    pipeline = replace(pipeline, reward=reward, pruning=Pruning(at_tokens=3, keep=1))
    pipeline, upstream = with_script(pipeline, *script)
    exchange = await complete(pipeline, asking(n=3))
    assert upstream.cancelled == 2
    kept, cut, broken = exchange.candidates
    assert (kept.candidate.outcome, cut.candidate.outcome) == ("finished", "censored")
    assert kept.prefix_reward == cut.prefix_reward == 9
    assert broken.prefix_reward is None
    assert not any("bad" in text for text in reward.asked)


async def test_nothing_is_cut_off_when_nobody_can_compare(pipeline: Pipeline):
    """A reward model that is away must not decide who goes on."""
    script = [Line(text, pace_s=0.01) for text in (WORSE, BETTER)]
    pipeline = replace(
        pipeline, reward=Broken(RuntimeError("full")), pruning=Pruning(at_tokens=3, keep=1)
    )
    pipeline, upstream = with_script(pipeline, *script)
    exchange = await complete(pipeline, asking(n=2))
    assert upstream.cancelled == 0
    assert exchange.reward_failure == "failed"


async def test_each_exchange_is_observed_once_whatever_became_of_it(pipeline: Pipeline):
    """Counters count answers, blocks and failures alike."""
    seen: list[Exchange] = []
    pipeline = replace(pipeline, observe=seen.append)
    await complete(pipeline, asking())
    down, _ = with_script(pipeline, Line(failure=UpstreamFailure("down")))
    with pytest.raises(UpstreamFailure):
        await complete(down, asking())
    assert [exchange.outcome for exchange in seen] == ["answered", "upstream_failed"]


async def test_a_client_that_asked_for_several_gets_them(pipeline: Pipeline):
    """The rule has enough with one answer; the client has not."""
    pipeline = replace(pipeline, stop_rule=FirstComeFirstServed())
    pipeline, _ = with_script(pipeline, Line("one"), Line("two", delay_s=0.1), Line("a bad one"))
    exchange = await complete(pipeline, replace(asking(n=3), n_choices=2))
    assert sorted(choice.text for choice in exchange.choices) == ["one", "two"]


async def test_without_rewards_nothing_more_is_sampled(pipeline: Pipeline):
    """The first that passed is sent in any case: the others would be paid for and not compared."""
    pipeline = replace(pipeline, reward=Broken(RuntimeError("full")))
    pipeline, upstream = with_script(pipeline, Line("quick"), Line("slow", delay_s=30))
    exchange = await complete(pipeline, asking(n=2))
    assert (exchange.choices[0].text, exchange.stopped_by) == ("quick", "no rewards")
    assert upstream.cancelled == 1


@pytest.mark.parametrize("crashing", ["question", "answer"])
async def test_a_policy_that_cannot_run_is_an_outage_not_a_block(pipeline: Pipeline, crashing: str):
    """503, and never the content-filter code."""
    pipeline, _ = with_script(pipeline, Line("crash" if crashing == "answer" else "fine"))
    exchange_id = uuid7().hex
    asked = asking("crash" if crashing == "question" else "Hello")
    with pytest.raises(GuardUnavailable):
        await pipeline.complete(exchange_id, asked, CALLER)
    assert (await recorded(pipeline, exchange_id)).outcome == "guard_failed"


async def test_one_answer_that_cannot_be_judged_leaves_the_others(pipeline: Pipeline):
    """Withheld, while a judged one is sent."""
    exchange = await complete(with_script(pipeline, Line("crash"), Line("ok"))[0], asking(n=2))
    assert exchange.choices[0].text == "ok"


async def test_a_client_that_leaves_gives_an_abandoned_exchange(pipeline: Pipeline):
    """What had finished is kept, what ran is cancelled upstream and censored."""
    pipeline, upstream = with_script(pipeline, Line("quick"), Line("slow", delay_s=30))
    exchange_id = uuid7().hex
    task = asyncio.create_task(pipeline.complete(exchange_id, asking(n=2), CALLER))
    await asyncio.sleep(0.2)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert upstream.cancelled == 1
    kept = await recorded(pipeline, exchange_id)
    assert kept.outcome == "abandoned"
    assert [c.candidate.outcome for c in kept.candidates] == ["finished", "censored"]
    assert kept.choices == ()


async def test_what_cannot_be_recorded_is_not_sent(pipeline: Pipeline, ledger: SqlLedger):
    """The ledger is closed: there is no answer without a record of it."""
    await ledger.__aexit__(None, None, None)
    with pytest.raises(LedgerUnavailable):
        await complete(pipeline, asking())


async def test_timings_tell_where_the_time_went(pipeline: Pipeline):
    """Every stage has its share, and together they are not more than the whole."""
    exchange = await complete(with_script(pipeline, Line("fine", delay_s=0.05))[0], asking())
    timings = dict(exchange.timings_ms)
    total = timings.pop("total")
    assert set(timings) == {"guard_input", "sampling", "guard_output", "reward", "commit"}
    assert timings["sampling"] >= 45
    assert sum(timings.values()) <= total * 1.001
