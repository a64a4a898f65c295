"""Every seam of the gateway on one page.

A plug-in implements one of these in one file of its own and is named in a config by
`use: package.module:Class`; its other keys in that entry are the class's own fields. Make it a
pydantic dataclass with `config={"extra": "forbid"}`, so that a misspelt option fails at start.

A plug-in that holds something open (a session, a thread, a client) is also an asynchronous
context manager: it is entered before it serves and left at the end, perhaps in another task.
"""

from collections.abc import Sequence
from random import Random
from typing import Protocol, runtime_checkable

from gateway.types import (
    Completion,
    Conversation,
    Exchange,
    FeedbackEvent,
    Finding,
    SamplingParameters,
    ScoredCandidate,
    Selection,
    Subject,
)


@runtime_checkable
class Upstream(Protocol):
    """A server that samples answers."""

    async def complete(
        self, conversation: Conversation, sampling: SamplingParameters
    ) -> Completion:
        """Sample one answer.

        Cancelling the call stops the upstream's work on it.

        Raises:
            UpstreamFailure: there is no complete answer, whatever the reason.
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


@runtime_checkable
class RewardModel(Protocol):
    """Says how good answers are."""

    @property
    def revision(self) -> str:
        """Names exactly what gives the scores: it is stored beside each of them."""
        ...

    async def score(self, conversation: Conversation, answers: Sequence[str]) -> Sequence[float]:
        """One raw, finite score (a logit, not a probability) per answer; higher is better."""
        ...


@runtime_checkable
class Selector(Protocol):
    """Picks one of the eligible candidates."""

    def select(self, eligible: Sequence[ScoredCandidate], rng: Random) -> Selection:
        """Pick one of `eligible` (never empty, all with a reward); say how probable that was."""
        ...


@runtime_checkable
class StopRule(Protocol):
    """Decides how many more candidates are worth their price."""

    def next_wave(self, so_far: Sequence[ScoredCandidate], limit: int) -> int:
        """How many candidates to start now, given those that ended; 0 stops.

        `limit` is the most candidates that this request may have in all.
        """
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
