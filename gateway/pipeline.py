"""One request, told once: screened, sampled, judged, scored, chosen, recorded.

`Pipeline.complete` is the whole story. Each stage takes the exchange so far and gives the next
one; whatever happens, the last one is recorded: a client that leaves gives an abandoned exchange,
not a lost one.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random

from gateway.conclusion import answered_or_raise, concluded, handed_over, refused_input
from gateway.contest import Bounds, Contest, drawn, timed
from gateway.guard import Guard
from gateway.hedging import Hedging
from gateway.protocols import Ledger, RewardModel, Selector, StopRule, Upstream
from gateway.pruning import Pruning
from gateway.sampling import Race, Stopwatch
from gateway.selection import choose
from gateway.types import Caller, ChatRequest, Exchange

logger = logging.getLogger(__name__)

REMOVED_TURN = "[removed]"


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Serves requests. It holds the parts, and nothing of any request.

    `lease` lends out the guard of the always-on policy sets and those that a request added;
    `observe` is told of each exchange once it is recorded.
    """

    upstreams: Mapping[str, Upstream]
    lease: Callable[[tuple[str, ...]], AbstractAsyncContextManager[Guard]]
    reward: RewardModel | None
    selector: Selector
    stop_rule: StopRule
    ledger: Ledger
    rng: Random
    bounds: Bounds = field(default_factory=Bounds)
    pruning: Pruning | None = None
    hedging: Mapping[str, Hedging] = field(default_factory=dict[str, Hedging])
    observe: Callable[[Exchange], None] = lambda _: None

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
            request=self._as_possible(request),
            caller=caller,
            outcome="failed",
            policy_digest=guard.digest,
        )
        race = self._race(exchange.request, watch)
        try:
            async with race, aclosing(self._stages(exchange, guard, race, watch)) as stages:
                async for stage in stages:
                    exchange = stage
        except asyncio.CancelledError:
            exchange = replace(exchange, outcome="abandoned")
            raise
        finally:
            exchange = await self._record(drawn(exchange, race), watch)
            self._observe(exchange)
        return answered_or_raise(exchange)

    def _as_possible(self, request: ChatRequest) -> ChatRequest:
        """The request, with word of a seed that this model's servers can't take."""
        if request.sampling.seed is None or self.upstreams[request.model].seeds:
            return request
        return replace(request, ignored=(*request.ignored, "seed"))

    def _race(self, request: ChatRequest, watch: Stopwatch) -> Race:
        upstream, hedging = self.upstreams[request.model], self.hedging.get(request.model)
        return Race(upstream, request.sampling, watch, hedging)

    async def _stages(
        self, exchange: Exchange, guard: Guard, race: Race, watch: Stopwatch
    ) -> AsyncGenerator[Exchange]:
        """The exchange after each step; the last one has its outcome."""
        exchange = await self._screen_input(exchange, guard, watch)
        if (refused := refused_input(exchange, guard)) is not None:
            yield refused
            return
        contest = Contest(guard, self.reward, self.stop_rule, self.bounds, self.pruning)
        async with aclosing(contest.run(exchange, race, watch)) as stages:
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
        return timed(exchange, guard_input=watch.ms())

    async def _hand_over(self, exchange: Exchange, guard: Guard, watch: Stopwatch) -> Exchange:
        started_ms = watch.ms()
        accepted = await guard.hand_over(exchange)
        return timed(handed_over(exchange, accepted, guard), handoff=watch.ms() - started_ms)

    def _observe(self, exchange: Exchange) -> None:
        try:
            self.observe(exchange)
        except Exception as failure:  # noqa: BLE001  who counts must not cost an answer
            logger.warning("an exchange was not counted: %s", type(failure).__name__)

    async def _record(self, exchange: Exchange, watch: Stopwatch) -> Exchange:
        started_ms = watch.ms()
        exchange = timed(exchange, total=started_ms)
        # Shielded: a client that leaves now must not take the exchange along.
        recording = asyncio.ensure_future(self.ledger.record(exchange))
        recording.add_done_callback(_tell_of_failure)
        await asyncio.shield(recording)
        commit_ms = watch.ms() - started_ms
        return timed(exchange, commit=commit_ms, total=commit_ms)


def _tell_of_failure(recording: asyncio.Future[None]) -> None:
    """The client may have left by now, and then nobody else hears of it."""
    if not recording.cancelled() and (failure := recording.exception()) is not None:
        logger.warning("an exchange was not recorded: %s", type(failure).__name__)
