"""Every seam of the gateway on one page.

A plug-in implements one of these in one file of its own and is named in a config by
`use: package.module:Class`; its other keys in that entry are the class's own fields. Make it a
pydantic dataclass with `config={"extra": "forbid"}`, so that a misspelt option fails at start.

A plug-in that holds something open (a session, a thread, a client) is also an asynchronous
context manager: it is entered before it serves and left at the end, perhaps in another task.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from math import inf
from random import Random
from typing import Protocol, runtime_checkable

from gateway.types import (
    Conversation,
    Exchange,
    FeedbackEvent,
    Finding,
    Fragment,
    SamplingParameters,
    ScoredCandidate,
    Selection,
    Subject,
)


@runtime_checkable
class Upstream(Protocol):
    """A server that samples answers."""

    @property
    def together(self) -> bool:
        """Whether several answers are asked for in one call, which none of them can leave alone."""
        ...

    @property
    def seeds(self) -> bool:
        """Whether a seed may be sent."""
        ...

    def sample(
        self, conversation: Conversation, sampling: SamplingParameters, n: int = 1
    ) -> AsyncGenerator[Fragment]:
        """Sample `n` answers and yield their fragments as they come.

        Closing the generator, or cancelling who waits for it, stops the upstream's work.

        Raises:
            UpstreamFailure: an answer broke off or never came, whatever the reason.
        """
        ...

    async def ready(self) -> bool:
        """Whether the server answers; never raises."""
        ...


class PolicyFailure(Exception):
    """A policy could not run. Its message is shown and logged: it never quotes the text."""


@runtime_checkable
class Policy(Protocol):
    """Finds what must not stand in a text. What then happens is the policy set's to say."""

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        """All findings, in any order; none means that the text passes.

        An exception or a time-out means that the policy could not run, and the set's `on_error`
        decides. Work that blocks belongs off the event loop. A policy that holds something open
        is asked after all those that hold nothing, together with the others of its kind. One that
        sends texts to another server says so by a class attribute `remote = True`.
        """
        ...


@runtime_checkable
class Handoff(Protocol):
    """Calls a person to a conversation that the model may not go on with."""

    async def hand_over(self, exchange: Exchange) -> bool:
        """Whether somebody takes over; never raises."""
        ...


class RewardFailure(Exception):
    """A reward model could not score. Its message is shown and logged: it never quotes a text."""


@runtime_checkable
class RewardModel(Protocol):
    """Says how good answers are. One that asks a server says so by an attribute `remote = True`."""

    @property
    def revision(self) -> str:
        """Names exactly what gives the scores: it is stored beside each of them."""
        ...

    async def score(self, conversation: Conversation, answers: Sequence[str]) -> Sequence[float]:
        """One raw, finite score (a logit, not a probability) per answer; higher is better.

        Any exception, above all `RewardFailure`, means that none of them was scored.
        """
        ...


@runtime_checkable
class Calibrated(Protocol):
    """A reward model whose scores mean something by themselves."""

    def p_ok(self, score: float) -> float | None:
        """The probability that an answer of that score is acceptable; None where nobody knows."""
        ...


@runtime_checkable
class PrefixScorer(Protocol):
    """A reward model that was measured on the beginnings of answers."""

    def prefix_correlation(self, tokens: int) -> float | None:
        """How the score of an answer's first `tokens` tokens goes with that of the whole.

        The lower end of a 95 % interval, within conversations; None where nobody measured.
        """
        ...


@runtime_checkable
class Selector(Protocol):
    """Picks one of the eligible candidates."""

    def select(self, eligible: Sequence[ScoredCandidate], rng: Random) -> Selection:
        """Pick one of `eligible` (never empty, all with a reward); say how probable that was."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """What a stop rule is told. Draws of a hedged pair count as one.

    `ended` has finished and failed draws; `running` counts those at work; `room` is how many more
    this request may start. `tokens` are those sampled so far, by all draws.
    """

    ended: Sequence[ScoredCandidate]
    running: int
    room: int
    elapsed_ms: float = 0.0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a stop rule wants: `draws` at work from now on.

    More than are running starts some, 0 ends the sampling and cancels those that run, and any
    number between leaves things as they are. The rule is asked again whenever a draw has ended,
    and at the latest at `ask_at_ms` or when `ask_at_tokens` have been sampled. `reason` is a
    constant of the rule, a word or two on why it stops: it becomes a metric's label, never a text.
    """

    draws: int
    reason: str = ""
    ask_at_ms: float = inf
    ask_at_tokens: float = inf


@runtime_checkable
class StopRule(Protocol):
    """Decides how many candidates are worth their price."""

    def plan(self, progress: Progress) -> Plan:
        """How many draws should be at work, given what is known."""
        ...


@runtime_checkable
class Ledger(Protocol):
    """Keeps exchanges and feedback. What it has acknowledged is on disk."""

    async def record(self, exchange: Exchange) -> None:
        """Return once the exchange is durable.

        Raises:
            LedgerUnavailable: it could not be made durable.
        """
        ...

    async def exchange(self, exchange_id: str) -> Exchange | None:
        """The exchange of that id, or None."""
        ...

    async def add_feedback(self, event: FeedbackEvent) -> FeedbackEvent:
        """Store an event and return it once durable.

        The same `idempotency_key` with the same content returns the event first stored.

        Raises:
            Conflict: the same `idempotency_key` came with other content.
            LedgerUnavailable: it could not be made durable.
        """
        ...

    async def feedback(self, exchange_id: str) -> Sequence[FeedbackEvent]:
        """All events about that exchange, oldest first, retracted ones and retractions included."""
        ...

    async def ready(self) -> bool:
        """Whether the store answers; never raises."""
        ...
