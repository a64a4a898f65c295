"""One request, told once: screened, sampled, judged, scored, chosen, recorded.

`Pipeline.complete` is the whole story. Each stage takes the exchange so far and gives the next
one; whatever happens, the last one is recorded: a client that leaves gives an abandoned exchange,
not a lost one.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random

from gateway.conclusion import answered_or_raise, concluded, handed_over, refused_input
from gateway.guard import Guard
from gateway.protocols import Ledger, RewardModel, Selector, StopRule, Upstream
from gateway.sampling import Stopwatch, wave
from gateway.scoring import score
from gateway.selection import choose
from gateway.types import (
    Caller,
    Candidate,
    ChatRequest,
    Conversation,
    Exchange,
    ScoredCandidate,
)

logger = logging.getLogger(__name__)

REMOVED_TURN = "[removed]"


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds until the candidates must be there, and for one call of the reward model."""

    candidates_s: float = 60.0
    reward_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Serves requests. It holds the parts, and nothing of any request.

    `lease` lends out the guard of the always-on policy sets and those that a request added.
    """

    upstreams: Mapping[str, Upstream]
    lease: Callable[[tuple[str, ...]], AbstractAsyncContextManager[Guard]]
    reward: RewardModel | None
    selector: Selector
    stop_rule: StopRule
    ledger: Ledger
    rng: Random
    deadlines: Deadlines = Deadlines()

    async def complete(self, exchange_id: str, request: ChatRequest, caller: Caller) -> Exchange:
        """Answer one request and return the exchange, which by then is durable.

        Cancelling this cancels every upstream call and records the exchange as abandoned.

        Raises:
            UpstreamFailure: no candidate came; `UpstreamTimeout` when none came in time.
            GuardUnavailable: a policy that must run could not, and no text passed without it.
            RequestError: the model's server refuses the request, such as for its length.
            LedgerUnavailable: the exchange could not be made durable, so it may not be sent.
        """
        async with self.lease(request.policy_sets) as guard:
            return await self._complete(exchange_id, request, caller, guard)

    async def _complete(
        self, exchange_id: str, request: ChatRequest, caller: Caller, guard: Guard
    ) -> Exchange:
        watch = Stopwatch()
        exchange = Exchange(
            id=exchange_id,
            created_at=datetime.now(UTC),
            request=request,
            caller=caller,
            outcome="failed",
            policy_digest=guard.digest,
        )
        try:
            async with aclosing(self._stages(exchange, guard, watch)) as stages:
                async for stage in stages:
                    exchange = stage
        except asyncio.CancelledError:
            exchange = replace(exchange, outcome="abandoned")
            raise
        finally:
            exchange = await self._record(exchange, watch)
        return answered_or_raise(exchange)

    async def _stages(
        self, exchange: Exchange, guard: Guard, watch: Stopwatch
    ) -> AsyncGenerator[Exchange]:
        """The exchange after each step; the last one has its outcome."""
        exchange = await self._screen_input(exchange, guard, watch)
        if (refused := refused_input(exchange, guard)) is not None:
            yield refused
            return
        async with aclosing(self._candidates(exchange, guard, watch)) as stages:
            async for stage in stages:
                exchange = stage
                yield exchange
        picks = choose(exchange.candidates, exchange.request.n_choices, self.selector, self.rng)
        exchange = concluded(exchange, picks, guard)
        yield exchange
        if exchange.outcome == "blocked_output":
            yield await self._hand_over(exchange, guard, watch)

    async def _screen_input(self, exchange: Exchange, guard: Guard, watch: Stopwatch) -> Exchange:
        """Judge every message that the client sent; the model sees them as they come out.

        Only the last one can be refused. An older one that breaks a policy was refused when it
        came, and clients send it along for ever: the model is told that something stood there.
        """
        conversation = exchange.request.conversation
        screenings = await guard.screen_turns(conversation)
        messages = tuple(
            replace(message, content=screening.shown if screening.passed else REMOVED_TURN)
            for message, screening in zip(conversation.messages, screenings, strict=True)
        )
        seen = replace(exchange.request, conversation=replace(conversation, messages=messages))
        exchange = replace(exchange, request=seen, input_screenings=screenings)
        return _timed(exchange, guard_input=watch.ms())

    async def _candidates(
        self, exchange: Exchange, guard: Guard, watch: Stopwatch
    ) -> AsyncGenerator[Exchange]:
        """Waves of draws until the stop rule has enough or the deadline has come."""
        request = exchange.request
        deadline_ms = self.deadlines.candidates_s * 1000
        while watch.ms() < deadline_ms:
            drawn, limit = len(exchange.candidates), _limit(exchange, guard)
            indices = range(drawn, drawn + self.stop_rule.next_wave(exchange.candidates, limit))
            if not indices:
                return
            # Every draw counts as censored from its start until it has ended otherwise.
            now = watch.ms()
            started = (
                ScoredCandidate(Candidate(index=i, outcome="censored", started_ms=now))
                for i in indices
            )
            exchange = replace(exchange, candidates=(*exchange.candidates, *started))
            yield exchange
            batches = wave(
                self.upstreams[request.model],
                request.conversation,
                request.sampling,
                indices,
                deadline_ms=deadline_ms,
                watch=watch,
            )
            async with aclosing(batches):
                waiting_since = watch.ms()
                async for batch in batches:
                    exchange = _timed(exchange, sampling=watch.ms() - waiting_since)
                    exchange = await self._judge(exchange, batch, guard, watch)
                    yield exchange
                    waiting_since = watch.ms()
                # The deadline may have cut the last wait short, without a batch.
                exchange = _timed(exchange, sampling=watch.ms() - waiting_since)
                yield exchange

    async def _judge(
        self, exchange: Exchange, batch: Sequence[Candidate], guard: Guard, watch: Stopwatch
    ) -> Exchange:
        """Screen the draws that have ended and score what survives: never what was blocked."""
        started_ms = watch.ms()
        conversation = exchange.request.conversation
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_screened(c, conversation, guard)) for c in batch]
        screened = [task.result() for task in tasks]
        eligible = [c for c in screened if c.eligible]
        screened_ms = watch.ms()
        # A score that others lack decides nothing: after one failure none is waited for.
        reward_model = None if exchange.reward_degraded else self.reward
        rewards = await score(
            reward_model, conversation, [c.shown for c in eligible], self.deadlines.reward_s
        )
        scored_ms = watch.ms()
        by_index = {c.candidate.index: c for c in (*exchange.candidates, *screened)}
        for candidate, reward in zip(eligible, rewards, strict=True):
            by_index[candidate.candidate.index] = replace(candidate, reward=reward)
        degraded = self.reward is not None and None in rewards
        return _timed(
            replace(
                exchange,
                candidates=tuple(by_index[i] for i in sorted(by_index)),
                reward_revision=self.reward.revision if self.reward else None,
                reward_degraded=exchange.reward_degraded or degraded,
            ),
            guard_output=screened_ms - started_ms,
            reward=scored_ms - screened_ms,
        )

    async def _hand_over(self, exchange: Exchange, guard: Guard, watch: Stopwatch) -> Exchange:
        started_ms = watch.ms()
        accepted = await guard.hand_over(exchange)
        return _timed(handed_over(exchange, accepted, guard), handoff=watch.ms() - started_ms)

    async def _record(self, exchange: Exchange, watch: Stopwatch) -> Exchange:
        started_ms = watch.ms()
        exchange = _timed(exchange, total=started_ms)
        # Shielded: a client that leaves now must not take the exchange along.
        recording = asyncio.ensure_future(self.ledger.record(exchange))
        recording.add_done_callback(_tell_of_failure)
        await asyncio.shield(recording)
        commit_ms = watch.ms() - started_ms
        return _timed(exchange, commit=commit_ms, total=commit_ms)


async def _screened(
    candidate: Candidate, conversation: Conversation, guard: Guard
) -> ScoredCandidate:
    if candidate.outcome != "finished":
        return ScoredCandidate(candidate)
    screening = await guard.screen(candidate.text, "output", conversation, role="assistant")
    return ScoredCandidate(candidate, screening)


def _tell_of_failure(recording: asyncio.Future[None]) -> None:
    """The client may have left by now, and then nobody else hears of it."""
    if not recording.cancelled() and (failure := recording.exception()) is not None:
        logger.warning("an exchange was not recorded: %s", type(failure).__name__)


def _timed(exchange: Exchange, **milliseconds: float) -> Exchange:
    """The exchange with these times added to those it has."""
    timings = dict(exchange.timings_ms)
    for stage, ms in milliseconds.items():
        timings[stage] = timings.get(stage, 0.0) + ms
    return replace(exchange, timings_ms=timings)


def _limit(exchange: Exchange, guard: Guard) -> int:
    """How many draws this request may have in all.

    When all of its own are spent and the policies left too few, the set's fallback grants more.
    """
    limit = exchange.request.n_candidates
    eligible = sum(c.eligible for c in exchange.candidates)
    if len(exchange.candidates) < limit or eligible >= exchange.request.n_choices:
        return limit
    blocked = any(c.screening and not c.screening.passed for c in exchange.candidates)
    return limit + guard.fallback.resample if blocked else limit
