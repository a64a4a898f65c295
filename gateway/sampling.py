"""Draws candidates: concurrent, each its own cancellable call."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace

from gateway.errors import UpstreamFailure
from gateway.protocols import Upstream
from gateway.types import Candidate, Conversation, SamplingParameters

logger = logging.getLogger(__name__)

Clock = Callable[[], float]


class Stopwatch:
    """Milliseconds since the request arrived, on a clock that never jumps."""

    def __init__(self, clock: Clock = time.perf_counter) -> None:
        self._clock = clock
        self._start = clock()

    def ms(self) -> float:
        return (self._clock() - self._start) * 1000


async def wave(
    upstream: Upstream,
    conversation: Conversation,
    sampling: SamplingParameters,
    indices: Sequence[int],
    *,
    deadline_ms: float,
    watch: Stopwatch,
) -> AsyncGenerator[tuple[Candidate, ...]]:
    """Start one draw per index and yield the candidates that ended since the last yield.

    While the consumer works on a batch the other draws go on, so what ends meanwhile comes as
    one batch. After `deadline_ms` (on `watch`) nothing more is awaited. Whenever this ends, by
    the deadline, by the consumer's leaving or by cancellation, the draws that are still running
    are cancelled, and with them their work upstream.
    """
    # Not a task group: a generator that yields inside one can't be left.
    pending = {
        asyncio.create_task(_draw(upstream, conversation, sampling, index, watch))  # noqa: TID251
        for index in indices
    }
    try:
        while pending:
            remaining_s = (deadline_ms - watch.ms()) / 1000
            done, pending = await asyncio.wait(
                pending, timeout=max(remaining_s, 0), return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                return
            yield tuple(sorted((task.result() for task in done), key=lambda c: c.index))
    finally:
        for task in pending:
            task.cancel()
        if pending:
            await asyncio.wait(pending)


async def _draw(
    upstream: Upstream,
    conversation: Conversation,
    sampling: SamplingParameters,
    index: int,
    watch: Stopwatch,
) -> Candidate:
    # Candidates of one seed would all be the same answer: candidate i gets seed + i.
    seed = None if sampling.seed is None else sampling.seed + index
    started_ms = watch.ms()
    try:
        completion = await upstream.complete(conversation, replace(sampling, seed=seed))
    except UpstreamFailure as failure:
        logger.warning("a draw failed: %s", failure)
        return Candidate(
            index=index,
            outcome="failed",
            started_ms=started_ms,
            finished_ms=watch.ms(),
            error=failure.code,
        )
    return Candidate(
        index=index,
        outcome="finished",
        text=completion.text,
        finish_reason=completion.finish_reason,
        prompt_tokens=completion.prompt_tokens,
        completion_tokens=completion.completion_tokens,
        started_ms=started_ms,
        finished_ms=watch.ms(),
    )
