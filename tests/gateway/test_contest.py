"""The contest of candidates: what bounds it, and what it survives."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from math import nan
from pathlib import Path
from random import Random

import pytest
from uuid_utils import uuid7

from gateway.contest import Bounds
from gateway.errors import UpstreamTimeout
from gateway.guard import Guard
from gateway.ledger.schema import upgrade
from gateway.ledger.sql import SqlLedger
from gateway.pipeline import Pipeline
from gateway.policy_files import Fallback
from gateway.policy_sets import PolicyEntry, PolicySet
from gateway.protocols import Plan, Progress, RewardModel, Selector, StopRule
from gateway.pruning import Pruning
from gateway.types import (
    Caller,
    ChatRequest,
    Conversation,
    Exchange,
    Finding,
    Message,
    SamplingParameters,
    ScoredCandidate,
    Selection,
    Subject,
)
from gateway.upstreams.scripted import Line, ScriptedUpstream
from reward_filters.best_of_n import BestOfN
from reward_filters.fixed_n import FixedN

LONG = Line("word " * 200, pace_s=0.005)


@dataclass(frozen=True)
class Slow:
    """A policy that thinks for a while and then finds "bad"."""

    seconds: float = 0.0

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        await asyncio.sleep(self.seconds if subject.stage == "output" else 0)
        start = subject.text.find("bad")
        return [] if start < 0 else [Finding(start, start + 3, "bad_word", "[x]")]


@dataclass(frozen=True)
class Words:
    """A reward model that counts words."""

    revision: str = "words-1"

    async def score(self, conversation: Conversation, answers: Sequence[str]) -> Sequence[float]:
        del conversation
        return [float(len(answer.split())) for answer in answers]


async def answered(
    folder: Path,
    script: Sequence[Line],
    *,
    n: int = 2,
    n_choices: int = 1,
    policy: Slow = Slow(),
    reward: RewardModel | None = None,
    rule: StopRule | None = None,
    selector: Selector | None = None,
    bounds: Bounds | None = None,
    pruning: Pruning | None = None,
) -> tuple[Exchange, ScriptedUpstream]:
    """One request, all the way through a real ledger."""
    entry = PolicyEntry("no-bad", policy, ("input", "output"), on_fail="block")
    guard = Guard([PolicySet("test", (entry,), Fallback(resample=0), {}, "digest")])
    upstream = ScriptedUpstream(script)

    def lease(_: tuple[str, ...]) -> AbstractAsyncContextManager[Guard]:
        return nullcontext(guard)

    url = f"sqlite:///{folder}/winnow.db"
    upgrade(url)
    async with SqlLedger(url) as ledger:
        pipeline = Pipeline(
            upstreams={"support": upstream},
            lease=lease,
            reward=reward or Words(),
            selector=selector or BestOfN(),
            stop_rule=rule or FixedN(),
            ledger=ledger,
            rng=Random(1),
            bounds=bounds or Bounds(),
            pruning=pruning,
        )
        request = ChatRequest(
            "support",
            Conversation((Message("user", "Hello"),)),
            SamplingParameters(max_tokens=300),
            n_candidates=n,
            n_choices=n_choices,
        )
        exchange_id = uuid7().hex
        exchange = await pipeline.complete(exchange_id, request, Caller(None, frozenset()))
        kept = await ledger.exchange(exchange_id)
    assert kept is not None
    assert kept.candidates == exchange.candidates
    return exchange, upstream


async def test_when_the_tokens_are_spent_before_any_answer_the_furthest_one_may_end(tmp_path: Path):
    """A bound on the cost is no reason to answer nothing; the others stop at once."""
    ahead = replace(LONG, text="word " * 40)
    exchange, upstream = await answered(
        tmp_path, [LONG, ahead, LONG, LONG], n=4, bounds=Bounds(tokens=40)
    )
    assert exchange.stopped_by == "out of tokens"
    assert exchange.outcome == "answered"
    assert upstream.cancelled == 3
    assert upstream.tokens < 40 + 200 + 20


async def test_what_has_ended_is_judged_even_if_the_tokens_are_spent_meanwhile(tmp_path: Path):
    """The first is blocked after some thought; the second, whole by then, is the answer."""
    script = [Line("bad"), Line("fine and whole", pace_s=0.01)]
    exchange, _ = await answered(tmp_path, script, policy=Slow(0.2), bounds=Bounds(tokens=3))
    assert exchange.choices[0].text == "fine and whole"


async def test_what_has_ended_is_judged_even_if_the_time_is_up_meanwhile(tmp_path: Path):
    """It was sampled in time, and nothing else is there."""
    script = [Line("bad"), Line("fine", delay_s=0.05)]
    exchange, _ = await answered(
        tmp_path, script, policy=Slow(0.3), bounds=Bounds(candidates_s=0.2)
    )
    assert exchange.choices[0].text == "fine"
    assert exchange.stopped_by == "out of time"


@dataclass
class Says:
    """A stop rule that says what it is told to, and counts how often it was asked."""

    given: Plan | Exception
    asked: int = 0

    def plan(self, progress: Progress) -> Plan:
        del progress
        self.asked += 1
        if isinstance(self.given, Exception):
            raise self.given
        return self.given


@pytest.mark.parametrize(
    "plan",
    [
        Plan(2, ask_at_ms=-5),
        Plan(2, ask_at_tokens=0),
        Plan(2, ask_at_ms=nan),
        Plan(2, ask_at_tokens=nan),
        Plan(10**9),
    ],
    ids=["time passed", "tokens spent", "no time", "no number", "too many"],
)
async def test_a_rule_that_asks_for_nonsense_does_not_spin(tmp_path: Path, plan: Plan):
    """It is asked when something has happened, and gets no more than there is."""
    rule = Says(plan)
    exchange, upstream = await answered(tmp_path, [Line("one", delay_s=0.1)], rule=rule)
    assert exchange.outcome == "answered"
    assert rule.asked <= 4
    assert len(upstream.calls) == 2


async def test_a_bound_holds_whatever_the_rule_asks_for(tmp_path: Path):
    """Not a number is not for ever."""
    with pytest.raises(UpstreamTimeout):
        await answered(
            tmp_path,
            [Line("late", delay_s=30)],
            rule=Says(Plan(2, ask_at_ms=nan)),
            bounds=Bounds(candidates_s=0.2),
        )


@pytest.mark.parametrize("given", [ZeroDivisionError(), Plan(nan)])  # pyright: ignore[reportArgumentType]
async def test_a_rule_that_fails_costs_its_savings_not_the_answer(
    tmp_path: Path, given: Plan | Exception
):
    """All that the request may have is sampled."""
    exchange, upstream = await answered(tmp_path, [Line("a"), Line("a b")], rule=Says(given))
    assert exchange.choices[0].text == "a b"
    assert len(upstream.calls) == 2


@dataclass(frozen=True)
class Picks:
    """A selector that fails, or picks what is not there."""

    index: int | None

    def select(self, eligible: Sequence[ScoredCandidate], rng: Random) -> Selection:
        if self.index is None:
            raise LookupError(eligible, rng)
        return Selection(self.index, 1.0, "picks", {self.index: 1.0}, 0.0)


@pytest.mark.parametrize("index", [None, 7])
async def test_a_selector_that_fails_costs_the_choice_not_the_answer(
    tmp_path: Path, index: int | None
):
    """The first that passed, for certain, under a name that replay leaves out."""
    exchange, _ = await answered(tmp_path, [Line("a"), Line("a b")], selector=Picks(index))
    assert exchange.choices[0].text == "a"
    assert exchange.choices[0].selection is not None
    assert exchange.choices[0].selection.strategy == "unscored-in-order"


@dataclass(frozen=True)
class Odd(Words):
    """A reward model whose P(ok) is none, or which cancels itself."""

    p: object = None

    def p_ok(self, score: float) -> float | None:
        del score
        if isinstance(self.p, Exception):
            raise self.p
        return self.p  # pyright: ignore[reportReturnType]

    async def score(self, conversation: Conversation, answers: Sequence[str]) -> Sequence[float]:
        if self.p == "cancels":
            raise asyncio.CancelledError
        return await super().score(conversation, answers)


@pytest.mark.parametrize("p", [ValueError("x"), "0.5", nan, 1.5], ids=str)
async def test_a_probability_that_is_none_is_left_out(tmp_path: Path, p: object):
    """The scores still say which answer is the best."""
    exchange, _ = await answered(tmp_path, [Line("a"), Line("a b")], reward=Odd(p=p))
    assert exchange.choices[0].text == "a b"
    assert {c.p_ok for c in exchange.candidates} == {None}


async def test_a_reward_model_that_cancels_itself_has_failed(tmp_path: Path):
    """It is not the client who left."""
    exchange, _ = await answered(tmp_path, [Line("a"), Line("a b")], reward=Odd(p="cancels"))
    assert (exchange.outcome, exchange.reward_failure) == ("answered", "failed")


SIMILAR = [replace(LONG, text=f"answer {i} " + "and so on " * 5) for i in range(4)]


async def test_pruning_leaves_as_many_as_the_client_asked_for(tmp_path: Path):
    """A client's n is a promise, `keep` a saving."""
    pruning = Pruning(at_tokens=3, keep=1)
    exchange, upstream = await answered(tmp_path, SIMILAR, n=4, n_choices=3, pruning=pruning)
    assert len(exchange.choices) == 3
    assert upstream.cancelled == 1


async def test_beginnings_that_no_policy_lets_pass_prune_nothing(tmp_path: Path):
    """A policy on the whole text says nothing of its beginning."""
    script = [Line("bad bad bad " * 3, pace_s=0.005) for _ in range(4)]
    exchange, upstream = await answered(tmp_path, script, n=4, pruning=Pruning(at_tokens=3, keep=1))
    assert upstream.cancelled == 0
    assert {c.candidate.outcome for c in exchange.candidates} == {"finished"}


async def test_where_nothing_would_be_cut_nothing_is_compared(tmp_path: Path):
    """One answer is not scored twice."""
    exchange, _ = await answered(tmp_path, SIMILAR, n=2, pruning=Pruning(at_tokens=3, keep=2))
    assert {c.prefix_reward for c in exchange.candidates} == {None}


@dataclass
class Down:
    """A reward model that always fails."""

    revision: str = "down"
    calls: int = 0

    async def score(self, conversation: Conversation, answers: Sequence[str]) -> Sequence[float]:
        self.calls += 1
        raise ConnectionError(conversation, answers)


async def test_a_reward_model_that_fails_at_pruning_is_not_asked_again(tmp_path: Path):
    """It is flagged, all go on, and the first that passes is sent."""
    reward = Down()
    pruning = Pruning(at_tokens=3, keep=1)
    exchange, _ = await answered(tmp_path, SIMILAR, n=4, reward=reward, pruning=pruning)
    assert (exchange.reward_failure, reward.calls) == ("failed", 1)
    assert exchange.stopped_by == "no rewards"
