"""What the ledger knows of rewards, without any text: one record per exchange that had a reward
model, with all of its draws, so that trends and priors can be fitted on what was served.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.ledger.history import History
from gateway.types import CandidateOutcome, Exchange, Mode, ScoredCandidate


@dataclass(frozen=True, slots=True)
class DrawRecord:
    """One draw.

    `passed` says whether its policies let it through, None where nobody asked them. `characters`
    is the length of the text as it was scored (after redactions), or of what had come of it.
    `tokens` is the upstream's own count, None where it gave none. `hedges` is the index of the
    silent draw that this one was started for.
    """

    index: int
    outcome: CandidateOutcome
    characters: int
    passed: bool | None = None
    reward: float | None = None
    tokens: int | None = None
    hedges: int | None = None


@dataclass(frozen=True, slots=True)
class RewardRecord:
    """The draws of one exchange, by their index. Their rewards can be compared with one another.

    `degraded` says that the rewards decided nothing, because some could not be given; those that
    were given stand. `stopped_by` is the stop rule's reason.
    """

    exchange_id: str
    conversation_id: str
    model: str
    mode: Mode
    revision: str
    draws: tuple[DrawRecord, ...]
    degraded: bool = False
    stopped_by: str | None = None


def reward_records(history: History, revision: str | None = None) -> Iterator[RewardRecord]:
    """The exchanges that a reward model of that revision scored (None: any), oldest first.

    An exchange that drew nothing has no record.
    """
    for exchange, _ in history:
        record = _record(exchange)
        if record is not None and revision in {None, record.revision}:
            yield record


def _record(exchange: Exchange) -> RewardRecord | None:
    if exchange.reward_revision is None or not exchange.candidates:
        return None
    return RewardRecord(
        exchange_id=exchange.id,
        conversation_id=exchange.conversation_id,
        model=exchange.request.model,
        mode=exchange.request.mode,
        revision=exchange.reward_revision,
        draws=tuple(_draw(scored) for scored in exchange.candidates),
        degraded=exchange.reward_degraded,
        stopped_by=exchange.stopped_by,
    )


def _draw(scored: ScoredCandidate) -> DrawRecord:
    draw, screening = scored.candidate, scored.screening
    return DrawRecord(
        index=draw.index,
        outcome=draw.outcome,
        characters=len(draw.text if screening is None else screening.shown),
        passed=None if screening is None else screening.passed,
        reward=scored.reward,
        tokens=draw.completion_tokens,
        hedges=draw.hedges,
    )
