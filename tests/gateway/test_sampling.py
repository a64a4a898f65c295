"""Sampling: concurrent draws, each accounted for and cancellable."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

from gateway.errors import UpstreamFailure, UpstreamTimeout
from gateway.sampling import Stopwatch, wave
from gateway.types import Candidate, Conversation, Message, SamplingParameters
from gateway.upstreams.scripted import Line, ScriptedUpstream

ASKED = Conversation((Message("user", "Hello"),))


async def drawn(
    upstream: ScriptedUpstream, n: int, deadline_ms: float = 5_000, seed: int | None = None
) -> Sequence[Candidate]:
    batches = wave(
        upstream,
        ASKED,
        SamplingParameters(max_tokens=8, seed=seed),
        range(n),
        deadline_ms=deadline_ms,
        watch=Stopwatch(),
    )
    return [candidate async for batch in batches for candidate in batch]


async def test_draws_run_at_the_same_time():
    """All have started before the first one has ended."""
    upstream = ScriptedUpstream([Line("a", delay_s=0.05)])
    candidates = await drawn(upstream, 4)
    assert max(c.started_ms for c in candidates) < min(c.finished_ms for c in candidates)
    assert sorted(c.index for c in candidates) == [0, 1, 2, 3]


async def test_a_failed_draw_is_kept_and_the_others_go_on():
    """Best of the rest, with the failure on record."""
    failures = [Line(failure=UpstreamFailure("HTTP 500")), Line(failure=UpstreamTimeout("late"))]
    candidates = await drawn(ScriptedUpstream([Line("good"), *failures]), 3)
    outcomes = {c.index: (c.outcome, c.error) for c in candidates}
    assert outcomes == {
        0: ("finished", None),
        1: ("failed", "upstream_unavailable"),
        2: ("failed", "upstream_timeout"),
    }


async def test_at_the_deadline_what_still_runs_is_cancelled_upstream():
    """Nobody waits for it, so nobody should pay for it."""
    upstream = ScriptedUpstream([Line("quick"), Line("slow", delay_s=30)])
    candidates = await drawn(upstream, 2, deadline_ms=100)
    assert [c.text for c in candidates] == ["quick"]
    assert upstream.cancelled == 1


async def test_leaving_early_cancels_the_losers():
    """A stop rule that has enough ends the race for all."""
    upstream = ScriptedUpstream([Line("quick"), Line("slow", delay_s=30)])
    batches = wave(
        upstream,
        ASKED,
        SamplingParameters(max_tokens=8),
        range(4),
        deadline_ms=60_000,
        watch=Stopwatch(),
    )
    async with aclosing(batches):
        async for _ in batches:
            break
    assert upstream.cancelled == 2


async def test_cancelling_the_consumer_cancels_every_draw():
    """The client left: no upstream call of its exchange goes on."""
    upstream = ScriptedUpstream([Line("slow", delay_s=30)])
    task = asyncio.create_task(drawn(upstream, 3, deadline_ms=60_000))
    while len(upstream.calls) < 3:
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert upstream.cancelled == 3


async def test_candidates_of_one_seed_get_different_seeds():
    """The same seed n times would be the same answer n times."""
    upstream = ScriptedUpstream([Line("a")])
    await drawn(upstream, 3, seed=40)
    assert [sampling.seed for _, sampling in upstream.calls] == [40, 41, 42]


async def test_no_seed_is_invented():
    """One kills a vLLM CPU engine."""
    upstream = ScriptedUpstream([Line("a")])
    await drawn(upstream, 2)
    assert [sampling.seed for _, sampling in upstream.calls] == [None, None]
