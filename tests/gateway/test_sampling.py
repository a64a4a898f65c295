"""Sampling: concurrent draws, each accounted for and cancellable."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import UpstreamFailure, UpstreamTimeout
from gateway.hedging import Hedging
from gateway.sampling import Race, Stopwatch
from gateway.types import Candidate, Conversation, Fragment, Message, SamplingParameters
from gateway.upstreams.scripted import Line, ScriptedUpstream

ASKED = Conversation((Message("user", "Hello"),))
SLOW = Line("slow", delay_s=30)


def race_over(
    upstream: ScriptedUpstream, seed: int | None = None, hedging: Hedging | None = None
) -> Race:
    return Race(upstream, SamplingParameters(max_tokens=8, seed=seed), Stopwatch(), hedging)


async def drawn(race: Race, n: int, until_ms: float = 5_000) -> list[Candidate]:
    """All that ends of `n` draws, as it is told."""
    told: list[Candidate] = []
    async with race:
        race.start(ASKED, n)
        while batch := await race.ended(ASKED, until_ms=until_ms):
            told += batch
    return told


async def test_draws_run_at_the_same_time():
    """All have started before the first one has ended."""
    candidates = await drawn(race_over(ScriptedUpstream([Line("a", delay_s=0.05)])), 4)
    assert max(c.started_ms for c in candidates) < min(c.finished_ms for c in candidates)
    assert sorted(c.index for c in candidates) == [0, 1, 2, 3]


async def test_a_failed_draw_is_kept_and_the_others_go_on():
    """Best of the rest, with the failure on record, and what it had said by then."""
    failures = [
        Line("You owe", failure=UpstreamFailure("HTTP 500")),
        Line(failure=UpstreamTimeout("late")),
    ]
    candidates = await drawn(race_over(ScriptedUpstream([Line("good"), *failures])), 3)
    assert {c.index: (c.outcome, c.error, c.text, c.completion_tokens) for c in candidates} == {
        0: ("finished", None, "good", 1),
        1: ("failed", "upstream_unavailable", "You owe", 2),
        2: ("failed", "upstream_timeout", "", None),
    }


@pytest.mark.parametrize("together", [False, True])
async def test_at_the_deadline_what_still_runs_is_cancelled_upstream(together: bool):
    """Nobody waits for it, so nobody should pay for it; what it cost by then is known."""
    lines = [Line("quick"), Line("slow and long", pace_s=0.06)]
    upstream = ScriptedUpstream(lines, together=together)
    race = race_over(upstream)
    told = await drawn(race, 2, until_ms=100)
    assert [c.text for c in told] == ["quick"]
    assert upstream.cancelled == 1
    cut = race.candidates[1]
    assert (cut.outcome, cut.text, cut.completion_tokens) == ("censored", "slow ", 1)
    assert race.tokens == upstream.tokens == 2


async def test_leaving_early_cancels_the_losers():
    """A stop rule that has enough ends the race for all."""
    upstream = ScriptedUpstream([Line("quick"), SLOW])
    async with race_over(upstream) as race:
        race.start(ASKED, 4)
        await race.ended(ASKED, until_ms=60_000)
    assert upstream.cancelled == 2
    assert race.running == 0


async def test_cancelling_who_waits_cancels_every_draw():
    """The client left: no upstream call of its exchange goes on."""
    upstream = ScriptedUpstream([SLOW])
    task = asyncio.create_task(drawn(race_over(upstream), 3, until_ms=60_000))
    while len(upstream.calls) < 3:
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert upstream.cancelled == 3


async def test_all_answers_of_one_call_are_draws_of_their_own():
    """Where the upstream wants it so there is one call, and each answer ends by itself."""
    upstream = ScriptedUpstream([Line("a"), Line("b c")], together=True)
    told = await drawn(race_over(upstream), 2)
    assert len(upstream.calls) == 1
    assert [(c.text, c.completion_tokens) for c in told] == [("a", 1), ("b c", 2)]


async def test_what_ends_while_nobody_waits_is_told_later():
    """Until then it counts as running, so that nobody stops before it was judged."""
    async with race_over(ScriptedUpstream([Line("a"), Line("b", delay_s=0.05)])) as race:
        race.start(ASKED, 2)
        first = await race.ended(ASKED, until_ms=5_000)
        await asyncio.sleep(0.15)
        assert (race.running, [c.outcome for c in race.candidates]) == (1, ["finished", "censored"])
        second = await race.ended(ASKED, until_ms=5_000)
    assert ([c.text for c in first], [c.text for c in second]) == (["a"], ["b"])


async def test_whoever_waits_is_woken_when_the_tokens_are_spent():
    """A budget is of all draws together."""
    upstream = ScriptedUpstream([Line("one two three four five six", pace_s=0.01)])
    async with race_over(upstream) as race:
        race.start(ASKED, 2)
        assert await race.ended(ASKED, until_ms=5_000, until_tokens=6) == []
        assert race.tokens == 6
    assert upstream.cancelled == 2


async def test_whoever_waits_is_woken_when_all_have_come_far_enough():
    """The slowest one says when beginnings can be compared; then only the kept go on."""
    upstream = ScriptedUpstream([Line("a " * 40, pace_s=0.01), Line("e f g h", pace_s=0.03)])
    async with race_over(upstream) as race:
        race.start(ASKED, 2)
        assert await race.ended(ASKED, until_ms=5_000, checkpoint=2) == []
        assert race.reached(2)
        assert len(race.candidates[1].text.split()) == 2
        await race.keep({1})
        assert [c.text for c in await race.ended(ASKED, until_ms=5_000)] == ["e f g h"]
    assert upstream.cancelled == 1
    assert [c.outcome for c in race.candidates] == ["censored", "finished"]


async def test_candidates_of_one_seed_get_different_seeds():
    """The same seed n times would be the same answer n times."""
    upstream = ScriptedUpstream([Line("a")])
    await drawn(race_over(upstream, seed=40), 3)
    assert [sampling.seed for _, sampling in upstream.calls] == [40, 41, 42]


@pytest.mark.parametrize(("seed", "seeds"), [(None, True), (40, False)])
async def test_no_seed_is_invented_or_sent_where_it_does_harm(seed: int | None, seeds: bool):
    """One kills a vLLM CPU engine."""
    upstream = ScriptedUpstream([Line("a")], seeds=seeds)
    await drawn(race_over(upstream, seed=seed), 2)
    assert [sampling.seed for _, sampling in upstream.calls] == [None, None]


def hedging() -> Hedging:
    """One that knows what is usual and has a spare to give."""
    usual = Hedging(share=1.0, times=2.0, least_ms=40.0)
    for _ in range(64):
        usual.before_first.heard(10.0)
        usual.between.heard(10.0)
    usual.drawn()
    return usual


@pytest.mark.parametrize("stuck", [SLOW, Line("it says half", pace_s=30)])
async def test_a_silent_draw_gets_a_spare_and_the_loser_is_cancelled(stuck: Line):
    """Both are on record, and together they count as one."""
    upstream = ScriptedUpstream([stuck, Line("good")])
    race = race_over(upstream, hedging=hedging())
    told = await drawn(race, 1)
    assert [c.text for c in told] == ["good"]
    original, spare = race.candidates
    assert (original.outcome, spare.outcome, spare.hedges) == ("censored", "finished", 0)
    assert (race.started, upstream.cancelled) == (1, 1)


async def test_a_spare_takes_over_for_a_draw_that_fails():
    """One slot, two tries: it is lost only when both are."""
    fails = Line(delay_s=0.15, failure=UpstreamFailure("HTTP 500"))
    race = race_over(ScriptedUpstream([fails, Line("good", delay_s=0.3)]), hedging=hedging())
    told = await drawn(race, 1)
    assert [(c.outcome, c.text) for c in told] == [("failed", ""), ("finished", "good")]


async def test_without_a_ration_nobody_gets_a_spare():
    """The default of a race is none."""
    upstream = ScriptedUpstream([Line("late", delay_s=0.15)])
    await drawn(race_over(upstream), 1)
    assert len(upstream.calls) == 1


@dataclass
class Faulty:
    """An upstream with a mistake in it."""

    together: bool = False
    seeds: bool = True

    async def sample(
        self, conversation: Conversation, sampling: SamplingParameters, n: int = 1
    ) -> AsyncGenerator[Fragment]:
        del conversation, sampling, n
        yield Fragment("a", tokens=1)
        raise ZeroDivisionError

    async def ready(self) -> bool:
        return True


async def test_a_mistake_is_not_taken_for_a_failed_draw():
    """What no upstream may raise is raised on."""
    race = Race(Faulty(), SamplingParameters(max_tokens=8), Stopwatch())
    with pytest.raises(ZeroDivisionError):
        await drawn(race, 1)


Part = Fragment | float | Exception


@dataclass
class Parts:
    """An upstream that gives these fragments to each call, and sleeps and fails between them."""

    parts: Sequence[Part]
    together: bool = False
    seeds: bool = True
    closing_s: float = 0.0
    calls: int = 0

    async def sample(
        self, conversation: Conversation, sampling: SamplingParameters, n: int = 1
    ) -> AsyncGenerator[Fragment]:
        del conversation, sampling, n
        self.calls += 1
        try:
            for part in self.parts:
                if isinstance(part, Fragment):
                    yield part
                elif isinstance(part, Exception):
                    raise part
                else:
                    await asyncio.sleep(part)
        except (asyncio.CancelledError, GeneratorExit):
            await asyncio.sleep(self.closing_s)
            raise

    async def ready(self) -> bool:
        return True


def race_of(upstream: Parts, hedging: Hedging | None = None) -> Race:
    return Race(upstream, SamplingParameters(max_tokens=8), Stopwatch(), hedging)


STOP = Fragment(finish_reason="stop")


@pytest.mark.parametrize("then", [UpstreamFailure("broke off"), 30.0])
async def test_a_whole_answer_outlives_what_becomes_of_its_call(then: Part):
    """Its reason has come: that the call then fails, or never ends, does not take it back."""
    told = await drawn(race_of(Parts([Fragment("whole", tokens=1), STOP, then])), 1, until_ms=300)
    assert [(c.outcome, c.text, c.error) for c in told] == [("finished", "whole", None)]


async def test_a_whole_answer_gets_no_spare():
    """It waits for its counts, not for words."""
    upstream = Parts([Fragment("whole", tokens=1), STOP, 30.0])
    race = race_of(upstream, hedging())
    await drawn(race, 1, until_ms=400)
    assert (upstream.calls, len(race.candidates)) == (1, 1)


async def test_one_of_several_fails_alone():
    """The server filtered it; the others of its call go on."""
    parts = [Fragment("a", 0, 1), Fragment("", 0, error="upstream_unavailable")]
    upstream = Parts([*parts, Fragment("b", 1, 1, "stop")], together=True)
    told = await drawn(race_of(upstream), 2)
    assert [(c.outcome, c.text, c.error) for c in told] == [
        ("failed", "a", "upstream_unavailable"),
        ("finished", "b", None),
    ]


@pytest.mark.parametrize("together", [True, False])
async def test_what_comes_after_the_end_changes_no_record(together: bool):
    """It was judged as it was, or is whole: later words were never looked at."""
    late = [Fragment(" late", 0, 5), Fragment("", 0, finish_reason="length")]
    ends = [Fragment("b", 1, 1, "stop")] if together else []
    race = race_of(Parts([Fragment("a", 0, 1, "stop"), 0.1, *late, *ends], together=together))
    await drawn(race, 1 + together)
    first = race.candidates[0]
    assert (first.text, first.finish_reason, first.completion_tokens) == ("a", "stop", 1)


async def test_counts_that_come_after_the_reason_are_taken():
    """An answer that is alone in its call ends with the call."""
    parts = [Fragment("a", 0, 1), STOP, Fragment(prompt_tokens=5, completion_tokens=3)]
    [told] = await drawn(race_of(Parts(parts)), 1)
    assert (told.prompt_tokens, told.completion_tokens) == (5, 3)


@pytest.mark.parametrize("count", [-5, 0, 1])
async def test_no_count_takes_tokens_back(count: int):
    """A budget that a server can lower is none."""
    parts = [Fragment("a ", 0, 1), Fragment("b", 0, 1), STOP, Fragment(completion_tokens=count)]
    race = race_of(Parts(parts))
    await drawn(race, 1)
    assert race.tokens == 2


async def test_a_call_that_does_not_close_is_not_waited_for():
    """It was cancelled; the race is left all the same, and the draw is no longer at work."""
    upstream = Parts([Fragment("a", 0, 1), 60.0], closing_s=30)
    async with asyncio.timeout(15):
        race = race_of(upstream)
        await drawn(race, 2, until_ms=100)
    assert (race.running, race.reached(1)) == (0, False)
    assert [c.outcome for c in race.candidates] == ["censored"] * 2


async def test_whoever_leaves_while_a_loser_is_closed_was_told_of_nothing():
    """Nobody has judged the winner: on record it has not ended."""
    slow_to_close = Parts([0.2, Fragment("a", 0, 1, "stop")], closing_s=0.5)
    race = race_of(slow_to_close, hedging())
    task = asyncio.create_task(drawn(race, 1))
    while not any(c.finish_reason for c in race.candidates):
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait({task})
    assert {c.outcome for c in race.candidates} == {"censored"}


async def test_nothing_at_work_has_reached_nothing():
    """Else there would be a pruning of no draws."""
    async with race_over(ScriptedUpstream([Line("a")])) as race:
        assert not race.reached(0)


async def test_seeds_stay_within_64_bits():
    """The largest one is followed by the smallest."""
    upstream = ScriptedUpstream([Line("a")])
    await drawn(race_over(upstream, seed=2**63 - 1), 2)
    assert [sampling.seed for _, sampling in upstream.calls] == [2**63 - 1, -(2**63)]


LINES = st.builds(
    Line,
    st.sampled_from(["", "a", "a b c"]),
    finish_reason=st.sampled_from(["stop", "length"]),
    pace_s=st.sampled_from([0.0, 0.001]),
    failure=st.sampled_from([None, None, UpstreamFailure("x")]),
)


@given(st.lists(LINES, min_size=1, max_size=5), st.booleans(), st.integers(0, 3))
async def test_every_draw_is_accounted_for(script: list[Line], together: bool, stop_after: int):
    """Whenever it is left: as many candidates as draws, every token of the upstream counted."""
    upstream = ScriptedUpstream(script, together=together)
    async with race_over(upstream) as race:
        race.start(ASKED, len(script))
        told = [
            await race.ended(ASKED, until_ms=5_000, until_tokens=inf) for _ in range(stop_after)
        ]
    assert [c.index for c in race.candidates] == list(range(len(script)))
    assert race.tokens == upstream.tokens
    indices = sorted(c.index for batch in told for c in batch)
    assert indices == [c.index for c in race.candidates if c.outcome != "censored"]
    assert race.running == 0 or stop_after == 0
