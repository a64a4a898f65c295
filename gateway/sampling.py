"""Draws candidates: concurrent, each cancellable, and every one of them accounted for.

A `Race` belongs to one request. Its draws run as tasks that gather fragments; whoever waits for
the race is woken when a draw ends, when all have come far enough to be compared, or when the time
or the tokens that were set have been spent. A draw that falls silent gets a spare, within limits.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from math import inf
from typing import Self

from gateway.errors import UpstreamFailure
from gateway.hedging import Hedging
from gateway.protocols import Upstream
from gateway.types import Candidate, CandidateOutcome, Conversation, Fragment, SamplingParameters

logger = logging.getLogger(__name__)

Clock = Callable[[], float]

_CLOSING_S = 1.0  # longer than this nobody waits for a call that was cancelled


class Stopwatch:
    """Milliseconds since the request arrived, on a clock that never jumps."""

    def __init__(self, clock: Clock = time.perf_counter) -> None:
        self._clock = clock
        self._start = clock()

    def ms(self) -> float:
        return (self._clock() - self._start) * 1000


@dataclass(slots=True, eq=False)
class _Draw:
    """One draw as it goes on. Draws of one call share their task."""

    candidate: Candidate
    heard_ms: float
    task: asyncio.Task[None] | None = None
    twin: "_Draw | None" = None
    told: bool = False
    pieces: list[str] = field(default_factory=list[str])

    @property
    def running(self) -> bool:
        task = self.task
        at_work = task is not None and not task.done() and not task.cancelling()
        return at_work and self.candidate.outcome == "censored"

    @property
    def whole(self) -> bool:
        """Whether all of its text has come, though its call may go on."""
        return self.candidate.finish_reason is not None

    @property
    def open(self) -> bool:
        """Whether it is at work, or has ended and nobody has been told."""
        return self.running or (self.candidate.outcome != "censored" and not self.told)

    @property
    def spare(self) -> bool:
        """Whether this one runs for another that still runs itself."""
        original = self.twin if self.candidate.hedges is not None else None
        return original is not None and original.running

    @property
    def tokens(self) -> int:
        return self.candidate.completion_tokens or 0

    def add(self, fragment: Fragment, now_ms: float) -> None:
        candidate = self.candidate
        if fragment.text:
            self.pieces.append(fragment.text)
            self.heard_ms = now_ms
        # Servers that count do so from the beginning of the answer; no count takes tokens back.
        counted = fragment.completion_tokens
        tokens = self.tokens + fragment.tokens if counted is None else max(self.tokens, counted)
        self.candidate = replace(
            candidate,
            finish_reason=fragment.finish_reason or candidate.finish_reason,
            prompt_tokens=fragment.prompt_tokens or candidate.prompt_tokens,
            completion_tokens=tokens,
            first_token_ms=candidate.first_token_ms or (now_ms if fragment.text else None),
        )

    def end(self, outcome: CandidateOutcome, now_ms: float, error: str | None = None) -> None:
        self.candidate = replace(self.candidate, outcome=outcome, finished_ms=now_ms, error=error)

    def account(self) -> Candidate:
        # What nobody was told of was never judged: to whoever asks it has not ended.
        outcome = self.candidate.outcome if self.told else "censored"
        return replace(self.candidate, text="".join(self.pieces), outcome=outcome)


class Race:
    """The draws of one request. An asynchronous context manager.

    On leaving, what still runs is cancelled, and with it its work upstream.
    """

    def __init__(
        self,
        upstream: Upstream,
        sampling: SamplingParameters,
        watch: Stopwatch,
        hedging: Hedging | None = None,
    ) -> None:
        self._upstream = upstream
        self._sampling = sampling
        self._watch = watch
        self._hedging = hedging or Hedging(share=0.0)
        self._draws: list[_Draw] = []
        self._changed = asyncio.Event()
        self._each_fragment_counts = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def candidates(self) -> Sequence[Candidate]:
        """Every draw in the order of the starts; one that `ended` did not tell of is censored."""
        return [draw.account() for draw in self._draws]

    @property
    def running(self) -> int:
        """How many draws are at work or yet to be told of, spares not counted."""
        return sum(draw.open and not draw.spare for draw in self._draws)

    @property
    def started(self) -> int:
        """How many draws were started, spares not counted."""
        return sum(draw.candidate.hedges is None for draw in self._draws)

    @property
    def tokens(self) -> int:
        """How many tokens were sampled, by all draws."""
        return sum(draw.tokens for draw in self._draws)

    def start(self, conversation: Conversation, n: int) -> None:
        """Start `n` more draws: one call each, or one for all where the upstream wants it so."""
        draws = [self._added() for _ in range(n)]
        if not draws:
            return
        for part in [draws] if self._upstream.together else [[draw] for draw in draws]:
            self._begin(conversation, part)

    async def ended(
        self,
        conversation: Conversation,
        *,
        until_ms: float,
        until_tokens: float = inf,
        checkpoint: float = inf,
    ) -> Sequence[Candidate]:
        """The draws that ended since this was last asked, as soon as there are any.

        None when nothing runs, or the watch shows `until_ms`, or `until_tokens` have been sampled,
        or every draw at work has come to `checkpoint` tokens. A spare reads `conversation`.
        """
        self._each_fragment_counts = min(until_tokens, checkpoint) < inf
        while True:
            self._changed.clear()
            if found := await self._settled():
                return found
            now = self._watch.ms()
            spent = now >= until_ms or self.tokens >= until_tokens
            if spent:
                # What is whole is not lost because its call did not end, or ended badly.
                self._end([d for d in self._draws if d.running and d.whole], "finished")
                return await self._settled()
            if not self.running or self.reached(checkpoint):
                return []
            await self._wait(min(until_ms, self._hedge(conversation, now)) - now)

    def reached(self, checkpoint: float) -> bool:
        """Whether every draw at work has so many tokens."""
        at_work = [draw for draw in self._draws if draw.running and not draw.whole]
        return bool(at_work) and all(draw.tokens >= checkpoint for draw in at_work)

    async def keep(self, indices: Collection[int]) -> None:
        """Cancel every other draw at work."""
        await self._cancel(
            [draw for draw in self._draws if draw.running and draw.candidate.index not in indices]
        )

    async def stop(self) -> None:
        """Cancel all that is at work."""
        await self.keep(())

    def _added(self, hedges: int | None = None) -> _Draw:
        now = self._watch.ms()
        candidate = Candidate(len(self._draws), "censored", started_ms=now, hedges=hedges)
        draw = _Draw(candidate, heard_ms=now)
        self._draws.append(draw)
        self._hedging.drawn()
        return draw

    def _begin(self, conversation: Conversation, draws: Sequence[_Draw]) -> None:
        # Not a task group: the draws outlive the calls that start them and wait for them.
        task = asyncio.create_task(self._run(conversation, draws))  # noqa: TID251
        task.add_done_callback(_tell_of_mistake)
        for draw in draws:
            draw.task = task

    async def _run(self, conversation: Conversation, draws: Sequence[_Draw]) -> None:
        sampling = self._seeded(draws[0].candidate.index)
        calls = self._upstream.sample(conversation, sampling, len(draws))
        try:
            async with aclosing(calls) as fragments:
                async for fragment in fragments:
                    self._hear(draws[fragment.draw], fragment, alone=len(draws) == 1)
            self._end(draws, "finished")
        except UpstreamFailure as failure:
            logger.warning("a draw failed: %s", failure)
            self._end([d for d in draws if not d.whole], "failed", failure.code)
        finally:
            # Cut off after its last token, an answer is whole all the same.
            self._end([d for d in draws if d.whole], "finished")
            self._end(draws, "censored")
            self._changed.set()

    def _seeded(self, index: int) -> SamplingParameters:
        """Candidates of one seed would all be the same answer: candidate i gets seed + i.

        After the largest number of 64 bits comes the smallest one.
        """
        seed = self._sampling.seed
        if seed is None:
            return self._sampling
        own = (seed + index + 2**63) % 2**64 - 2**63
        return replace(self._sampling, seed=own if self._upstream.seeds else None)

    def _hear(self, draw: _Draw, fragment: Fragment, *, alone: bool) -> None:
        if draw.candidate.outcome != "censored":  # it was judged as it was
            return
        if draw.whole:
            fragment = replace(fragment, text="", tokens=0, finish_reason=None, error=None)
        now = self._watch.ms()
        if fragment.text:
            kind = self._hedging.between if draw.pieces else self._hedging.before_first
            kind.heard(now - draw.heard_ms)
        draw.add(fragment, now)
        if fragment.error is not None:
            self._end([draw], "failed", fragment.error)
            self._changed.set()
        # Alone in its call, an answer ends with the call: its counts may come after its reason.
        if fragment.finish_reason is not None and not alone:
            self._end([draw], "finished")
            self._changed.set()
        if self._each_fragment_counts:
            self._changed.set()

    def _end(
        self, draws: Sequence[_Draw], outcome: CandidateOutcome, error: str | None = None
    ) -> None:
        now = self._watch.ms()
        for draw in draws:
            if draw.candidate.outcome == "censored":
                draw.end(outcome, now, error)

    async def _settled(self) -> Sequence[Candidate]:
        """What ended and has not been told yet; of a hedged pair that has its answer, one."""
        found = [d for d in self._draws if not d.told and d.candidate.outcome != "censored"]
        answered = [d for d in found if d.candidate.outcome == "finished"]
        await self._cancel([d.twin for d in answered if d.twin is not None and d.twin.running])
        # Not before: whoever leaves while it waits has been told of nothing.
        for draw in found:
            draw.told = True
        for draw in self._draws:
            if draw.task is not None and draw.task.done() and not draw.task.cancelled():
                draw.task.result()  # raises what no upstream may raise
        return [draw.account() for draw in found]

    def _hedge(self, conversation: Conversation, now: float) -> float:
        """Give stragglers a spare; when the next draw may have become one."""
        next_ms = inf
        if self._upstream.together:
            return next_ms
        for draw in [d for d in self._draws if d.running and not d.whole and d.twin is None]:
            patience = self._hedging.patience_ms(begun=bool(draw.pieces))
            if now - draw.heard_ms < patience:
                next_ms = min(next_ms, draw.heard_ms + patience)
                continue
            spare = self._added(hedges=draw.candidate.index)
            draw.twin, spare.twin = spare, draw
            self._hedging.spent()
            self._begin(conversation, [spare])
        return next_ms

    async def _wait(self, ms: float) -> None:
        try:
            async with asyncio.timeout(None if ms == inf else max(ms, 0) / 1000):
                await self._changed.wait()
        except TimeoutError:
            pass

    async def _cancel(self, draws: Sequence[_Draw]) -> None:
        """Cancel these draws; one that shares its call with others that go on has to go on."""
        others = {d.task for d in self._draws if d.running and d not in draws}
        tasks = {d.task for d in draws if d.task is not None} - others
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_CLOSING_S)


def _tell_of_mistake(task: asyncio.Task[None]) -> None:
    """A race that has been left raises nothing any more."""
    if not task.cancelled() and (mistake := task.exception()) is not None:
        logger.warning("a draw ended in a mistake: %s", type(mistake).__name__)
