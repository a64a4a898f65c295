"""The candidates of one request: drawn, judged and scored as they end, until there are enough.

`Contest.run` gives the exchange after each step, with every draw as it stands. Whatever a stop
rule or a reward model does, the answer goes on without it; what bounds a request holds all the
same.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

from gateway.guard import Guard
from gateway.protocols import Plan, Progress, RewardModel, StopRule
from gateway.pruning import Pruning, beginnings, survivors
from gateway.sampling import Race, Stopwatch
from gateway.scoring import acceptable, score
from gateway.types import Candidate, Conversation, Exchange, ScoredCandidate, Screening

logger = logging.getLogger(__name__)

_OUT_OF_TOKENS = "out of tokens"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one request may cost: seconds until its candidates must be there, tokens of all of
    them together, and seconds for one call of the reward model.
    """

    candidates_s: float = 60.0
    tokens: float = inf
    reward_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Contest:
    """What candidates are compared by, and what they may cost."""

    guard: Guard
    reward: RewardModel | None
    stop_rule: StopRule
    bounds: Bounds
    pruning: Pruning | None

    async def run(
        self, exchange: Exchange, race: Race, watch: Stopwatch
    ) -> AsyncGenerator[Exchange]:
        """Draws until the stop rule has enough, or the time or the tokens are spent."""
        conversation = exchange.request.conversation
        pruning = self._pruning(exchange)
        while (reason := self._over(exchange, race, watch)) is None:
            plan = self._plan(exchange, race, watch)
            if plan.draws < 1:
                reason = plan.reason
                break
            race.start(conversation, max(plan.draws - race.running, 0))
            exchange = drawn(exchange, race)
            yield exchange
            checkpoint = pruning.at_tokens if pruning else inf
            exchange = await self._next(exchange, race, watch, plan, checkpoint)
            if pruning is not None and race.reached(pruning.at_tokens):
                exchange = await self._prune(exchange, pruning, race, watch)
                pruning = None
            yield exchange
        async for stage in self._last(exchange, race, watch, reason):
            exchange = stage
            yield exchange
        await race.stop()
        yield replace(drawn(exchange, race), stopped_by=reason)

    async def _last(
        self, exchange: Exchange, race: Race, watch: Stopwatch, reason: str
    ) -> AsyncGenerator[Exchange]:
        """Where answers are still missing: those that have ended meanwhile, and, if only the
        tokens are spent, as many as are missing of those that have come furthest.
        """
        furthest = _furthest(exchange, missing(exchange)) if reason == _OUT_OF_TOKENS else ()
        await race.keep(furthest)
        while missing(exchange) > 0 and race.running:
            before = len(_ended(exchange))
            exchange = await self._next(exchange, race, watch, Plan(0), inf)
            yield exchange
            if len(_ended(exchange)) == before:
                return

    async def _next(
        self, exchange: Exchange, race: Race, watch: Stopwatch, plan: Plan, checkpoint: float
    ) -> Exchange:
        """Wait until draws have ended or `plan` wants to be asked, and judge what there is."""
        waiting_since = watch.ms()
        # A time that has passed and tokens that are spent would be waited for without an end.
        until_ms, tokens = self.bounds.candidates_s * 1000, race.tokens
        if waiting_since < plan.ask_at_ms < until_ms:
            until_ms = plan.ask_at_ms
        until_tokens = self.bounds.tokens if self.bounds.tokens > tokens else inf
        if tokens < plan.ask_at_tokens < until_tokens:
            until_tokens = plan.ask_at_tokens
        ended = await race.ended(
            exchange.request.conversation,
            until_ms=until_ms,
            until_tokens=until_tokens,
            checkpoint=checkpoint,
        )
        exchange = timed(drawn(exchange, race), sampling=watch.ms() - waiting_since)
        return await self._judge(exchange, ended, watch)

    def _over(self, exchange: Exchange, race: Race, watch: Stopwatch) -> str | None:
        """Why nothing more may be sampled, or need be, whatever the stop rule says."""
        if watch.ms() >= self.bounds.candidates_s * 1000:
            return "out of time"
        if race.tokens >= self.bounds.tokens:
            return _OUT_OF_TOKENS
        # Without rewards the first that passed is sent: more of them would change nothing.
        return "no rewards" if exchange.reward_degraded and missing(exchange) < 1 else None

    def _plan(self, exchange: Exchange, race: Race, watch: Stopwatch) -> Plan:
        """What the rule wants, as far as this request may have it; if it fails, all of that."""
        progress = Progress(
            ended=_ended(exchange),
            running=race.running,
            room=max(_limit(exchange, self.guard, race) - race.started, 0),
            elapsed_ms=watch.ms(),
            tokens=race.tokens,
        )
        most = progress.running + progress.room
        # A stop rule thinks of one answer, the best; a client may have asked for several.
        least = missing(exchange) if exchange.request.n_choices > 1 else 0
        try:
            plan = self.stop_rule.plan(progress)
            return replace(plan, draws=min(max(int(plan.draws), least), most))
        except Exception as failure:  # noqa: BLE001  a rule of whoever wrote it
            name = type(self.stop_rule).__name__
            logger.warning("stop rule %s failed: %s", name, type(failure).__name__)
            return Plan(most, "stop rule failed")

    async def _judge(
        self, exchange: Exchange, batch: Sequence[Candidate], watch: Stopwatch
    ) -> Exchange:
        """Screen the draws that have ended and score what survives: never what was blocked."""
        started_ms = watch.ms()
        conversation = exchange.request.conversation
        ended = {c.index: c.text for c in batch if c.outcome == "finished"}
        screenings = await self._screened(ended, conversation)
        candidates = [
            replace(c, screening=screenings.get(c.candidate.index, c.screening))
            for c in exchange.candidates
        ]
        eligible = [c for c in candidates if c.candidate.index in ended and c.eligible]
        screened_ms = watch.ms()
        # A score that others lack decides nothing: after one failure none is waited for.
        reward_model = None if exchange.reward_degraded else self.reward
        answers = [c.shown for c in eligible]
        scores = await score(reward_model, conversation, answers, self.bounds.reward_s)
        for candidate, reward in zip(eligible, scores.rewards, strict=True):
            position = candidates.index(candidate)
            p_ok = acceptable(self.reward, reward)
            candidates[position] = replace(candidate, reward=reward, p_ok=p_ok)
        exchange = replace(exchange, candidates=tuple(candidates))
        return timed(
            self._scored(exchange, scores.failure),
            guard_output=screened_ms - started_ms,
            reward=watch.ms() - screened_ms,
        )

    def _pruning(self, exchange: Exchange) -> Pruning | None:
        """What was configured, where it leaves enough and cuts any."""
        if self.pruning is None:
            return None
        keep = max(self.pruning.keep, exchange.request.n_choices)
        pruning = replace(self.pruning, keep=keep)
        return pruning if exchange.request.n_candidates > keep else None

    async def _prune(
        self, exchange: Exchange, pruning: Pruning, race: Race, watch: Stopwatch
    ) -> Exchange:
        """Compare how the answers begin, and let the best go on; all of them, if nobody can say."""
        started_ms = watch.ms()
        conversation = exchange.request.conversation
        texts = beginnings(exchange.candidates)
        if len(texts) <= pruning.keep or exchange.reward_degraded:
            return exchange
        screenings = await self._screened(texts, conversation)
        passed = {i: s.shown for i, s in screenings.items() if s.passed}
        scores = await score(self.reward, conversation, list(passed.values()), self.bounds.reward_s)
        exchange = self._scored(exchange, scores.failure)
        if len(passed) >= pruning.keep and None not in scores.rewards:
            rewards = dict.fromkeys(texts) | dict(zip(passed, scores.rewards, strict=True))
            await race.keep(survivors(rewards, pruning.keep))
            marked = (
                replace(c, prefix_reward=rewards.get(c.candidate.index))
                for c in exchange.candidates
            )
            exchange = drawn(replace(exchange, candidates=tuple(marked)), race)
        return timed(exchange, pruning=watch.ms() - started_ms)

    async def _screened(
        self, texts: Mapping[int, str], conversation: Conversation
    ) -> Mapping[int, Screening]:
        async with asyncio.TaskGroup() as group:
            screening = {
                i: group.create_task(
                    self.guard.screen(text, "output", conversation, role="assistant")
                )
                for i, text in texts.items()
            }
        return {i: task.result() for i, task in screening.items()}

    def _scored(self, exchange: Exchange, failure: str | None) -> Exchange:
        """The exchange with word of who scored, and of the first failure."""
        failure = exchange.reward_failure or failure
        return replace(
            exchange,
            reward_revision=self.reward.revision if self.reward else None,
            reward_degraded=failure is not None,
            reward_failure=failure,
        )


def drawn(exchange: Exchange, race: Race) -> Exchange:
    """The exchange with every draw of the race as it stands now."""
    judged = {c.candidate.index: c for c in exchange.candidates}
    candidates = (
        replace(judged[draw.index], candidate=draw)
        if draw.index in judged
        else ScoredCandidate(draw)
        for draw in race.candidates
    )
    return replace(exchange, candidates=tuple(candidates))


def missing(exchange: Exchange) -> int:
    """How many answers the client does not have yet."""
    return exchange.request.n_choices - sum(c.eligible for c in exchange.candidates)


def timed(exchange: Exchange, **milliseconds: float) -> Exchange:
    """The exchange with these times added to those it has."""
    timings = dict(exchange.timings_ms)
    for stage, ms in milliseconds.items():
        timings[stage] = timings.get(stage, 0.0) + ms
    return replace(exchange, timings_ms=timings)


def _ended(exchange: Exchange) -> Sequence[ScoredCandidate]:
    """The draws that finished or failed, as far as anybody was told."""
    return [c for c in exchange.candidates if c.candidate.outcome != "censored"]


def _furthest(exchange: Exchange, n: int) -> Collection[int]:
    """The `n` draws at work that have come furthest."""
    at_work = [c.candidate for c in exchange.candidates if c.candidate.outcome == "censored"]
    at_work.sort(key=lambda draw: (-(draw.completion_tokens or 0), draw.index))
    return [draw.index for draw in at_work[: max(n, 0)]]


def _limit(exchange: Exchange, guard: Guard, race: Race) -> int:
    """How many draws this request may have in all.

    When all of its own are spent and the policies left too few, the set's fallback grants more.
    """
    limit = exchange.request.n_candidates
    if race.running or race.started < limit or missing(exchange) < 1:
        return limit
    blocked = any(c.screening and not c.screening.passed for c in exchange.candidates)
    return limit + guard.fallback.resample if blocked else limit
