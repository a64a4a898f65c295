"""One request, told once: screened, sampled, judged, scored, chosen, recorded.

`Pipeline.complete` is the whole story. Each stage takes the exchange so far and gives the next
one; whatever happens, the last one is recorded: a client that leaves gives an abandoned exchange,
not a lost one.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from math import inf
from random import Random

from gateway.conclusion import answered_or_raise, concluded, handed_over, refused_input
from gateway.guard import Guard
from gateway.hedging import Hedging
from gateway.protocols import Ledger, Progress, RewardModel, Selector, StopRule, Upstream
from gateway.pruning import Pruning, beginnings, survivors
from gateway.sampling import Race, Stopwatch
from gateway.scoring import acceptable, score
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
class Bounds:
    """What one request may cost: seconds until its candidates must be there, tokens of all of
    them together, and seconds for one call of the reward model.
    """

    candidates_s: float = 60.0
    tokens: float = inf
    reward_s: float = 5.0


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
    bounds: Bounds = Bounds()
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
            exchange = await self._record(_drawn(exchange, race), watch)
            self.observe(exchange)
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
        async with aclosing(self._candidates(exchange, guard, race, watch)) as stages:
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
        self, exchange: Exchange, guard: Guard, race: Race, watch: Stopwatch
    ) -> AsyncGenerator[Exchange]:
        """Draws until the stop rule has enough, or the time or the tokens are spent."""
        request, bounds = exchange.request, self.bounds
        conversation = request.conversation
        deadline_ms = bounds.candidates_s * 1000
        pruning = self.pruning
        while (reason := _spent(exchange, race, watch, bounds)) is None:
            progress = _progress(exchange, guard, race, watch)
            plan = self.stop_rule.plan(progress)
            # A stop rule thinks of one answer, the best; a client may have asked for several.
            wanted = max(plan.draws, _missing(exchange) if request.n_choices > 1 else 0)
            if (draws := min(wanted, progress.running + progress.room)) < 1:
                reason = plan.reason
                break
            race.start(conversation, max(draws - race.running, 0))
            exchange = _drawn(exchange, race)
            yield exchange
            waiting_since = watch.ms()
            ended = await race.ended(
                conversation,
                until_ms=min(plan.ask_at_ms, deadline_ms),
                until_tokens=min(plan.ask_at_tokens, bounds.tokens),
                checkpoint=pruning.at_tokens if pruning else inf,
            )
            exchange = _drawn(exchange, race)
            exchange = _timed(exchange, sampling=watch.ms() - waiting_since)
            exchange = await self._judge(exchange, ended, guard, watch)
            if pruning is not None and race.running and race.reached(pruning.at_tokens):
                exchange = await self._prune(exchange, pruning, guard, race, watch)
                pruning = None
            yield exchange
        await race.stop()
        yield replace(_drawn(exchange, race), stopped_by=reason)

    async def _judge(
        self, exchange: Exchange, batch: Sequence[Candidate], guard: Guard, watch: Stopwatch
    ) -> Exchange:
        """Screen the draws that have ended and score what survives: never what was blocked."""
        started_ms = watch.ms()
        conversation = exchange.request.conversation
        ended = {candidate.index for candidate in batch}
        judging = [c for c in exchange.candidates if c.candidate.index in ended]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_screened(c, conversation, guard)) for c in judging]
        screened = [task.result() for task in tasks]
        eligible = [c for c in screened if c.eligible]
        screened_ms = watch.ms()
        # A score that others lack decides nothing: after one failure none is waited for.
        reward_model = None if exchange.reward_degraded else self.reward
        scores = await score(
            reward_model, conversation, [c.shown for c in eligible], self.bounds.reward_s
        )
        scored_ms = watch.ms()
        by_index = {c.candidate.index: c for c in (*exchange.candidates, *screened)}
        for candidate, reward in zip(eligible, scores.rewards, strict=True):
            by_index[candidate.candidate.index] = replace(
                candidate, reward=reward, p_ok=acceptable(self.reward, reward)
            )
        failure = exchange.reward_failure or scores.failure
        return _timed(
            replace(
                exchange,
                candidates=tuple(by_index[i] for i in sorted(by_index)),
                reward_revision=self.reward.revision if self.reward else None,
                reward_degraded=failure is not None,
                reward_failure=failure,
            ),
            guard_output=screened_ms - started_ms,
            reward=scored_ms - screened_ms,
        )

    async def _prune(
        self, exchange: Exchange, pruning: Pruning, guard: Guard, race: Race, watch: Stopwatch
    ) -> Exchange:
        """Compare how the answers begin, and let the best go on; all of them, if nobody can say."""
        started_ms = watch.ms()
        conversation = exchange.request.conversation
        texts = beginnings(exchange.candidates)
        async with asyncio.TaskGroup() as group:
            tasks = {
                i: group.create_task(guard.screen(text, "output", conversation, role="assistant"))
                for i, text in texts.items()
            }
        passed = {i: t.result().shown for i, t in tasks.items() if t.result().passed}
        model = None if exchange.reward_degraded else self.reward
        scores = await score(model, conversation, list(passed.values()), self.bounds.reward_s)
        if None not in scores.rewards:
            rewards = dict.fromkeys(texts) | dict(zip(passed, scores.rewards, strict=True))
            await race.keep(survivors(rewards, pruning.keep))
            marked = (
                replace(c, prefix_reward=rewards.get(c.candidate.index))
                for c in exchange.candidates
            )
            exchange = _drawn(replace(exchange, candidates=tuple(marked)), race)
        return _timed(exchange, pruning=watch.ms() - started_ms)

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
    scored: ScoredCandidate, conversation: Conversation, guard: Guard
) -> ScoredCandidate:
    draw = scored.candidate
    if draw.outcome != "finished":
        return scored
    screening = await guard.screen(draw.text, "output", conversation, role="assistant")
    return replace(scored, screening=screening)


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


def _drawn(exchange: Exchange, race: Race) -> Exchange:
    """The exchange with every draw of the race as it stands now."""
    judged = {c.candidate.index: c for c in exchange.candidates}
    candidates = (
        replace(judged[draw.index], candidate=draw)
        if draw.index in judged
        else ScoredCandidate(draw)
        for draw in race.candidates
    )
    return replace(exchange, candidates=tuple(candidates))


def _spent(exchange: Exchange, race: Race, watch: Stopwatch, bounds: Bounds) -> str | None:
    """Why nothing more may be sampled, or need be, whatever the stop rule says."""
    if watch.ms() >= bounds.candidates_s * 1000:
        return "out of time"
    if race.tokens >= bounds.tokens:
        return "out of tokens"
    # Without rewards the first that passed is sent: more of them would change nothing.
    return "no rewards" if exchange.reward_degraded and _missing(exchange) < 1 else None


def _progress(exchange: Exchange, guard: Guard, race: Race, watch: Stopwatch) -> Progress:
    return Progress(
        ended=[c for c in exchange.candidates if c.candidate.outcome != "censored"],
        running=race.running,
        room=max(_limit(exchange, guard, race) - race.started, 0),
        elapsed_ms=watch.ms(),
        tokens=race.tokens,
    )


def _missing(exchange: Exchange) -> int:
    """How many answers the client does not have yet."""
    return exchange.request.n_choices - sum(c.eligible for c in exchange.candidates)


def _limit(exchange: Exchange, guard: Guard, race: Race) -> int:
    """How many draws this request may have in all.

    When all of its own are spent and the policies left too few, the set's fallback grants more.
    """
    limit = exchange.request.n_candidates
    eligible = sum(c.eligible for c in exchange.candidates)
    if race.running or race.started < limit or eligible >= exchange.request.n_choices:
        return limit
    blocked = any(c.screening and not c.screening.passed for c in exchange.candidates)
    return limit + guard.fallback.resample if blocked else limit
