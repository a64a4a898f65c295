"""The shipped stop rules in the real pipeline, over a scripted upstream."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from uuid_utils import uuid7

from gateway.guard import Guard
from gateway.ledger.schema import upgrade
from gateway.ledger.sql import SqlLedger
from gateway.pipeline import Bounds, Pipeline
from gateway.policy_files import Fallback
from gateway.policy_sets import PolicySet
from gateway.protocols import StopRule
from gateway.types import Caller, ChatRequest, Conversation, Exchange, Message, SamplingParameters
from gateway.upstreams.scripted import Line, ScriptedUpstream
from reward_filters.best_of_n import BestOfN
from reward_filters.budget import Budget
from reward_filters.deadline import Deadline
from reward_filters.pandora import Pandora, Prior
from reward_filters.threshold import Threshold

PRIOR = Prior(
    revision="words-1",
    mean=2.0,
    between=0.0,
    within=1.0,
    survived=1e6,
    lost=1.0,
    exchanges=100,
    rewards=100,
    source="made up",
)
SLOW = Line("on and on and on", delay_s=30)


@dataclass(frozen=True)
class Words:
    """A calibrated reward model: a point for each word, and acceptable from four words on."""

    revision: str = "words-1"

    async def score(self, conversation: Conversation, answers: Sequence[str]) -> Sequence[float]:
        del conversation
        return [float(len(answer.split())) for answer in answers]

    def p_ok(self, score: float) -> float | None:
        return 0.9 if score >= 4 else 0.1


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncGenerator[SqlLedger]:
    url = f"sqlite:///{tmp_path}/winnow.db"
    upgrade(url)
    async with SqlLedger(url) as opened:
        yield opened


async def served(ledger: SqlLedger, rule: StopRule, *script: Line) -> Exchange:
    """One exchange of at most as many draws as there are lines."""
    guard = Guard([PolicySet("none", (), Fallback(), {}, "digest")])
    pipeline = Pipeline(
        upstreams={"support": ScriptedUpstream(script)},
        lease=lambda _: nullcontext(guard),
        reward=Words(),
        selector=BestOfN(),
        stop_rule=rule,
        ledger=ledger,
        rng=Random(0),
        bounds=Bounds(candidates_s=20, reward_s=5),
    )
    asked = ChatRequest(
        model="support",
        conversation=Conversation((Message("user", "Hello"),)),
        sampling=SamplingParameters(max_tokens=64),
        n_candidates=len(script),
    )
    return await pipeline.complete(uuid7().hex, asked, Caller("k1", frozenset({"chat"})))


def outcomes(exchange: Exchange) -> list[str]:
    return [c.candidate.outcome for c in exchange.candidates]


async def test_pandora_draws_until_an_answer_is_better_than_its_prompt_promises(ledger: SqlLedger):
    """One after the other; the fourth is never asked for."""
    script = [Line("one"), Line("one two"), Line("one two three four"), Line("never drawn")]
    exchange = await served(ledger, Pandora(cost=0.1, prior=PRIOR, at_once=1), *script)
    assert outcomes(exchange) == ["finished"] * 3
    assert exchange.choices[0].text == "one two three four"
    assert exchange.stopped_by == "not worth more"


async def test_an_acceptable_answer_cancels_what_runs(ledger: SqlLedger):
    """A poor one does not."""
    script = [SLOW, Line("no"), Line("that is quite right"), Line("never drawn")]
    exchange = await served(ledger, Threshold(p_ok=0.8, at_once=2), *script)
    assert outcomes(exchange) == ["censored", "finished", "finished"]
    assert exchange.choices[0].text == "that is quite right"
    assert exchange.stopped_by == "good enough"


async def test_after_the_deadline_nobody_waits_for_the_slow(ledger: SqlLedger):
    """The rule asks to be asked then, though no draw has ended."""
    exchange = await served(ledger, Deadline(after_s=0.3), SLOW, Line("quick"), SLOW)
    assert outcomes(exchange) == ["censored", "finished", "censored"]
    assert exchange.stopped_by == "deadline"


async def test_a_spent_budget_ends_the_sampling(ledger: SqlLedger):
    """In the middle of a long answer."""
    long = Line("word " * 2000, pace_s=0.002)
    exchange = await served(ledger, Budget(tokens=40), Line("a short one"), long)
    assert outcomes(exchange) == ["finished", "censored"]
    assert exchange.stopped_by == "budget"
    assert 40 <= sum(c.candidate.completion_tokens or 0 for c in exchange.candidates) < 200
