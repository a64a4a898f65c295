"""The texts of an exchange that policies judged, each as it was judged, and what was said of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.ledger.feedback import current_feedback
from gateway.types import Conversation, Exchange, FeedbackEvent, Role, Screening, Stage


@dataclass(frozen=True, slots=True)
class Votes:
    """How many thumbs of people point up, and how many down."""

    up: int = 0
    down: int = 0

    def __add__(self, more: "Votes") -> "Votes":
        return Votes(self.up + more.up, self.down + more.down)


NO_VOTES = Votes()


@dataclass(frozen=True, slots=True)
class RecordedText:
    """A message or a candidate, and the verdicts that it got.

    `index` is that of the message or of the candidate. `conversation` is what the policies were
    given: for a message the client's turns up to it, for a candidate what the model had seen.
    `newest` is the last message, the one that can be refused. `votes` are those on what the
    customer was shown for it: for a candidate this answer, or the template when all were blocked;
    for the newest message every choice.
    """

    exchange_id: str
    stage: Stage
    role: Role
    index: int
    conversation: Conversation
    screening: Screening
    newest: bool = False
    votes: Votes = NO_VOTES


def recorded_texts(exchange: Exchange, events: Sequence[FeedbackEvent]) -> Iterator[RecordedText]:
    """The messages in their order, then the candidates, of those that were judged."""
    votes = _votes_by_choice(events)
    yield from _messages(exchange, sum(votes.values(), NO_VOTES))
    for scored in exchange.candidates:
        if scored.screening is None:
            continue
        # Where all were blocked, a template stood for each of them.
        shown_as = None if exchange.outcome == "blocked_output" else scored.candidate.index
        choices = [c.index for c in exchange.choices if c.candidate_index == shown_as]
        yield RecordedText(
            exchange_id=exchange.id,
            stage="output",
            role="assistant",
            index=scored.candidate.index,
            conversation=exchange.request.conversation,
            screening=scored.screening,
            votes=sum((votes.get(index, NO_VOTES) for index in choices), NO_VOTES),
        )


def unjudged(exchange: Exchange) -> int:
    """How many texts of an exchange no policy judged, because it ended before that."""
    messages = len(exchange.request.conversation.messages) - len(exchange.input_screenings)
    candidates = [
        c for c in exchange.candidates if c.candidate.outcome == "finished" and c.screening is None
    ]
    return max(messages, 0) + len(candidates)


def _messages(exchange: Exchange, votes: Votes) -> Iterator[RecordedText]:
    conversation = exchange.request.conversation
    pairs = list(zip(conversation.messages, exchange.input_screenings, strict=False))
    # As they were sent: the exchange keeps them as the model was shown them.
    sent = tuple(replace(message, content=screening.original) for message, screening in pairs)
    for index, (message, screening) in enumerate(pairs):
        newest = index == len(conversation.messages) - 1
        yield RecordedText(
            exchange_id=exchange.id,
            stage=screening.verdicts[0].stage if screening.verdicts else "input",
            role=message.role,
            index=index,
            conversation=replace(conversation, messages=sent[: index + 1]),
            screening=screening,
            newest=newest,
            votes=votes if newest else NO_VOTES,
        )


def _votes_by_choice(events: Sequence[FeedbackEvent]) -> Mapping[int, Votes]:
    votes: dict[int, Votes] = {}
    for event in current_feedback(events):
        if event.rating is not None:
            given = Votes(up=event.rating > 0, down=event.rating < 0)
            votes[event.choice_index] = votes.get(event.choice_index, NO_VOTES) + given
    return votes
