"""Votes that say something of the selection: people's thumbs on answers that were drawn by chance.

A vote counts where the probability of every answer that might have been shown is known, and
where that choice was open: anything else tells of what was shown, and not of what could have been.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import and_

from gateway.ledger.feedback import current_feedback
from gateway.ledger.history import WITH_FEEDBACK, open_history
from gateway.ledger.recent import recent
from gateway.types import Choice, Exchange, FeedbackEvent, ScoredCandidate

Voter = Literal["customer", "reviewer"]
VOTERS: Final[tuple[Voter, ...]] = ("customer", "reviewer")

Report = Callable[[int, int], None]
"""Told `(exchanges read, exchanges in all)` after each exchange with feedback."""

CERTAIN: Final = "the choice was certain"

# With fewer draws because of the rewards seen so far, the ranks among them are no random ones.
_NOT_STOPPED: Final = (None, "limit")


@dataclass(frozen=True, slots=True)
class Vote:
    """The vote on the answer at `shown`, and all the answers that it was chosen from.

    `rewards` and `probabilities` are those of the answers that passed their policies, in the
    order in which they were drawn; `drawn` counts all draws of the request but spares.
    """

    conversation_id: str
    rewards: tuple[float, ...]
    probabilities: tuple[float, ...]
    shown: int
    good: bool
    drawn: int


@dataclass(frozen=True, slots=True)
class Votes:
    """The votes of each kind of voter, apart: customers choose what to vote on, reviewers too.

    `left_out` counts voted exchanges by the reason why they say nothing, `exchanges` all those of
    the period, voted on or not.
    """

    by_voter: Mapping[Voter, Sequence[Vote]]
    left_out: Mapping[str, int]
    exchanges: int


def read_votes(ledger_url: str, revision: str, since: datetime | None, report: Report) -> Votes:
    """The votes on exchanges from `since` on that the reward model `revision` scored.

    A person's last word on an answer counts, retractions are heeded; several people of one kind
    decide by majority, and a tie says nothing.

    Raises:
        ConfigurationError: there is no such ledger, or it has another version's schema.
        LedgerUnavailable: another process holds its lock.
    """
    with open_history(ledger_url, recent(since)) as history:
        exchanges = len(history)
    by_voter: dict[Voter, list[Vote]] = {voter: [] for voter in VOTERS}
    left_out: Counter[str] = Counter()
    with open_history(ledger_url, and_(recent(since), WITH_FEEDBACK)) as history:
        in_all = len(history)
        for read, (exchange, events) in enumerate(history, 1):
            balances = _balances(events)
            reason = _says_nothing(exchange, revision) if balances else None
            if reason is not None:
                left_out[reason] += 1
            else:
                for voter, balance in balances.items():
                    by_voter[voter].append(_vote(exchange, good=balance > 0))
            report(read, in_all)
    return Votes(by_voter, left_out, exchanges)


def _balances(events: Sequence[FeedbackEvent]) -> Mapping[Voter, int]:
    """Thumbs up minus thumbs down on the first choice, of each kind of voter that is not at odds.

    Where a client was given several choices, none is used.
    """
    feedback = [e for e in current_feedback(events) if e.choice_index == 0]
    balances: Mapping[Voter, int] = {
        voter: sum(e.rating or 0 for e in feedback if e.source == voter) for voter in VOTERS
    }
    return {voter: balance for voter, balance in balances.items() if balance}


def _says_nothing(exchange: Exchange, revision: str) -> str | None:
    """Why a vote on that exchange can't be used, or None."""
    probabilities = _probabilities(exchange)
    reasons = (
        ("consent was withheld", exchange.request.consent is False),
        ("the client asked for several answers", exchange.request.n_choices > 1),
        ("nothing of the model was shown", exchange.outcome != "answered" or not probabilities),
        ("the reward model failed", exchange.reward_degraded),
        ("another reward model scored it", exchange.reward_revision != revision),
        ("it was chosen by prefixes", _chosen_by_prefixes(exchange)),
        ("sampling was stopped early", exchange.stopped_by not in _NOT_STOPPED),
        (
            "an answer has no reward or no probability",
            any(c.reward is None for c in _eligible(exchange))
            or len(probabilities) != len(_eligible(exchange)),
        ),
        (CERTAIN, len(probabilities) > 1 and max(probabilities.values(), default=1) >= 1),
    )
    return next((reason for reason, applies in reasons if applies), None)


def _vote(exchange: Exchange, *, good: bool) -> Vote:
    eligible, probabilities = _eligible(exchange), _probabilities(exchange)
    indices = [c.candidate.index for c in eligible]
    return Vote(
        conversation_id=exchange.conversation_id,
        rewards=tuple(c.reward for c in eligible if c.reward is not None),
        probabilities=tuple(probabilities[i] for i in indices),
        shown=indices.index(_first_choice(exchange).candidate_index or 0),
        good=good,
        drawn=sum(c.candidate.hedges is None for c in exchange.candidates),
    )


def _eligible(exchange: Exchange) -> Sequence[ScoredCandidate]:
    return [c for c in exchange.candidates if c.eligible]


def _first_choice(exchange: Exchange) -> Choice:
    return exchange.choices[0]


def _probabilities(exchange: Exchange) -> Mapping[int, float]:
    selections = [c.selection for c in exchange.choices if c.selection is not None]
    return selections[0].probabilities if selections else {}


def _chosen_by_prefixes(exchange: Exchange) -> bool:
    on_prefixes = any(c.selection and c.selection.stage == "prefix" for c in exchange.choices)
    return on_prefixes or any(c.prefix_reward is not None for c in exchange.candidates)
