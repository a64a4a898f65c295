"""Best-of-n on a simulated clock: real stop rules and selectors, answers that are known beforehand.

Each draw brings one token a step. What one request does is what the gateway does: it asks the rule
at the start, whenever draws have ended and when the rule wants to be asked, starts or cancels draws
as the plan says, and at the end the selector chooses among what has ended.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, inf
from random import Random

from gateway.protocols import Plan, Progress, Selector, StopRule
from gateway.pruning import Pruning, survivors
from gateway.types import Candidate, ScoredCandidate, Screening

MS_PER_TOKEN = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a draw will turn out to be. `worth` is what the customer gets of it, in whatever unit;
    `gain` its reward less what all answers to the prompt have in common; `prefix_rewards` the
    scores of its beginnings by their tokens (the whole answer's, if it is not that long).
    """

    tokens: int
    reward: float
    worth: float
    p_ok: float | None = None
    gain: float = 0.0
    prefix_rewards: Mapping[int, float] = field(default_factory=dict[int, float])
    text: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`tokens` by all draws, `steps` from the request to the answer, `worth` and `gain` as
    expected under the selector's probabilities.
    """

    worth: float
    gain: float
    tokens: int
    steps: int
    ended: int


def serve(
    answers: Sequence[Answer],
    rule: StopRule,
    selector: Selector,
    pruning: Pruning | None = None,
) -> Outcome:
    """One request that may draw these answers, in this order, and no more."""
    request = _Request(answers, pruning)
    while True:
        plan = rule.plan(request.progress())
        if plan.draws == 0:
            break
        request.follow(plan)
    return request.outcome(selector)


class _Request:
    """The draws of one request: `started` holds the step at which each began."""

    def __init__(self, answers: Sequence[Answer], pruning: Pruning | None) -> None:
        self._answers = answers
        self._pruning = pruning
        self._now = 0
        self._started: list[int] = []
        self._running: set[int] = set()
        self._ended: list[ScoredCandidate] = []
        self._spent = 0

    def progress(self) -> Progress:
        return Progress(
            ended=tuple(self._ended),
            running=len(self._running),
            room=len(self._answers) - len(self._started),
            elapsed_ms=self._now * MS_PER_TOKEN,
            tokens=self._tokens(),
        )

    def follow(self, plan: Plan) -> None:
        """Start what is to be started, and go on until the rule is to be asked again."""
        for _ in range(max(plan.draws - len(self._running), 0)):
            self._running.add(len(self._started))
            self._started.append(self._now)
        self._now = self._next_event(plan)
        self._end()
        self._prune()

    def outcome(self, selector: Selector) -> Outcome:
        chosen = selector.select(self._ended, Random(0)).probabilities
        shares = [(p, self._answers[index]) for index, p in chosen.items()]
        return Outcome(
            worth=sum(p * a.worth for p, a in shares),
            gain=sum(p * a.gain for p, a in shares),
            tokens=self._tokens(),
            steps=self._now,
            ended=len(self._ended),
        )

    def _tokens(self) -> int:
        return self._spent + sum(self._now - self._started[i] for i in self._running)

    def _ends_at(self, index: int) -> int:
        return self._started[index] + self._answers[index].tokens

    def _next_event(self, plan: Plan) -> int:
        asked_ms = plan.ask_at_ms / MS_PER_TOKEN
        asked_tokens = self._now + (plan.ask_at_tokens - self._tokens()) / len(self._running)
        events = [self._ends_at(i) for i in self._running]
        events += [ceil(asked) for asked in (asked_ms, asked_tokens) if asked < inf]
        if self._pruning is not None:
            events.append(max(self._started[i] for i in self._running) + self._pruning.at_tokens)
        return min(event for event in events if event > self._now)

    def _end(self) -> None:
        for index in sorted(i for i in self._running if self._ends_at(i) <= self._now):
            self._leave(index)
            answer = self._answers[index]
            candidate = Candidate(
                index,
                "finished",
                text=answer.text,
                completion_tokens=answer.tokens,
                finished_ms=self._now * MS_PER_TOKEN,
            )
            screening = Screening(answer.text, answer.text)
            self._ended.append(ScoredCandidate(candidate, screening, answer.reward, answer.p_ok))

    def _prune(self) -> None:
        """Once a request, as soon as all draws at work are so far: the best beginnings go on."""
        pruning = self._pruning
        if pruning is None or not self._running:
            return
        if any(self._now < self._started[i] + pruning.at_tokens for i in self._running):
            return
        going_on = survivors(
            {
                i: self._answers[i].prefix_rewards[pruning.at_tokens]
                for i in range(len(self._started))
            },
            pruning.keep,
        )
        for index in self._running - going_on:
            self._leave(index)
        self._pruning = None

    def _leave(self, index: int) -> None:
        self._spent += self._now - self._started[index]
        self._running.discard(index)
