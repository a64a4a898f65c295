"""What one exchange and the feedback on it say about good and bad answers.

Nothing here does I/O. Which answers are used, and whose word counts:

- An answer that was shown is used where it came from a candidate. Templates are not the
  model's words, and a vote on one says nothing about it.
- Of an answer's standing feedback (`ledger.feedback.current_feedback`) the strongest kind
  counts: a correction, else reviewers' ratings, else customers' thumbs. Among corrections a
  reviewer's goes before a customer's, a later one before an earlier one. Among ratings the
  majority decides; a tie decides nothing, and weaker kinds are then not asked.
- The other side of a pair is a sibling: a candidate that finished and that no policy blocked,
  as it would have been shown. Failed, censored and blocked candidates are never used, and one
  that was cut off by its length is never the better one.
- Where `consent` is False, nothing is used.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal

from gateway.types import (
    Choice,
    Conversation,
    Exchange,
    FeedbackEvent,
    ScoredCandidate,
)

LabelSource = Literal["correction", "preference", "reviewer", "thumbs", "reward"]


@dataclass(frozen=True, slots=True)
class LabelledAnswer:
    """An answer to a conversation, and who says whether it is good."""

    conversation: Conversation
    answer: str
    good: bool
    label_source: LabelSource
    exchange_id: str
    lineage: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PreferencePair:
    """Two answers to one conversation, and who says which is better.

    `margin` is the difference of raw rewards where both have one; `lineage` names the exchange
    and the feedback events that the pair was made from.
    """

    conversation: Conversation
    chosen: str
    rejected: str
    label_source: LabelSource
    exchange_id: str
    margin: float | None = None
    lineage: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Label:
    """What the standing feedback on one choice comes to."""

    source: LabelSource
    good: bool
    event_ids: tuple[str, ...]
    correction: str | None = None


def labelled_answers(
    exchange: Exchange, feedback: Sequence[FeedbackEvent]
) -> Iterator[LabelledAnswer]:
    """The answers that people judged, and the corrections that they wrote (good ones)."""
    for choice in _shown(exchange):
        label = _label(choice, feedback)
        if label is None:
            continue
        if label.correction is not None:
            yield _labelled(exchange, label.correction, label, good=True)
        if label.correction != choice.text:
            yield _labelled(exchange, choice.text, label, good=label.good)


def best_answers(exchange: Exchange) -> Iterator[LabelledAnswer]:
    """The shown answers that no other had a higher reward than, as good ones.

    None where no reward decided, and none that the selector took to explore.
    """
    if exchange.reward_degraded or _in_order(exchange):
        return
    for choice in _shown(exchange):
        candidate = _candidate(exchange, choice)
        if candidate is None or candidate.reward is None:
            continue
        best = _highest(exchange, choice.index)
        if candidate.reward >= best and _whole(candidate):
            label = _Label("reward", good=True, event_ids=())
            yield _labelled(exchange, choice.text, label, good=True)


def labelled_pairs(
    exchange: Exchange, feedback: Sequence[FeedbackEvent]
) -> Iterator[PreferencePair]:
    """The pairs that people's feedback makes.

    A correction is better than what was shown. An answer voted down is worse than its best
    sibling, one voted up better than its worst; best and worst by reward, so that siblings
    without a reward make no pair.
    """
    for choice in _shown(exchange):
        label = _label(choice, feedback)
        if label is None:
            continue
        if label.correction is not None:
            yield from _pair(exchange, label, label.correction, choice.text, None)
            continue
        siblings = _siblings(exchange, choice)
        own = _candidate(exchange, choice)
        own_reward = None if own is None else own.reward
        if label.good and siblings:
            worst = siblings[-1]
            margin = _margin(own_reward, worst.reward)
            yield from _pair(exchange, label, choice.text, worst.shown, margin)
        whole = [sibling for sibling in siblings if _whole(sibling)]
        if not label.good and whole:
            margin = _margin(whole[0].reward, own_reward)
            yield from _pair(exchange, label, whole[0].shown, choice.text, margin)


def reward_pairs(exchange: Exchange) -> Iterator[PreferencePair]:
    """The pair of the best and the worst candidate, by reward alone, where they differ."""
    if exchange.request.consent is False:
        return
    ranked = _ranked(exchange.candidates)
    whole = [candidate for candidate in ranked if _whole(candidate)]
    if not whole:
        return
    margin = _margin(whole[0].reward, ranked[-1].reward)
    if margin is not None and margin > 0:
        label = _Label("reward", good=True, event_ids=())
        yield from _pair(exchange, label, whole[0].shown, ranked[-1].shown, margin)


def _in_order(exchange: Exchange) -> bool:
    """Whether the first choice was made without rewards (`gateway.selection`)."""
    first = exchange.choices[0].selection if exchange.choices else None
    return first is not None and first.strategy == "unscored-in-order"


def _highest(exchange: Exchange, choice_index: int) -> float:
    """The highest reward among the candidates that earlier choices had left to a choice."""
    taken = {c.candidate_index for c in exchange.choices if c.index < choice_index}
    rewards = (
        c.reward
        for c in exchange.candidates
        if c.eligible and c.reward is not None and c.candidate.index not in taken
    )
    return max(rewards, default=-inf)


def _shown(exchange: Exchange) -> Sequence[Choice]:
    """The choices in which a person saw an answer of the model."""
    if exchange.request.consent is False or exchange.outcome == "abandoned":
        return []
    return [
        choice
        for choice in exchange.choices
        if choice.candidate_index is not None
        and choice.finish_reason != "content_filter"
        and choice.text.strip()
    ]


def _label(choice: Choice, feedback: Sequence[FeedbackEvent]) -> _Label | None:
    own = [
        event
        for event in feedback
        if event.choice_index == choice.index and event.source != "implicit"
    ]
    own.sort(key=lambda event: (event.source == "reviewer", event.created_at, event.id))
    for event in reversed(own):
        if event.correction is not None and event.correction.strip():
            good = event.correction == choice.text
            return _Label("correction", good, (event.id,), event.correction)
    reviews = [event for event in own if event.source == "reviewer" and event.rating is not None]
    thumbs = [event for event in own if event.source == "customer" and event.rating is not None]
    return _majority("reviewer", reviews) if reviews else _majority("thumbs", thumbs)


def _majority(source: LabelSource, ratings: Sequence[FeedbackEvent]) -> _Label | None:
    balance = sum(event.rating or 0 for event in ratings)
    if balance == 0:
        return None
    return _Label(source, balance > 0, tuple(event.id for event in ratings))


def _candidate(exchange: Exchange, choice: Choice) -> ScoredCandidate | None:
    return next(
        (c for c in exchange.candidates if c.candidate.index == choice.candidate_index), None
    )


def _siblings(exchange: Exchange, choice: Choice) -> Sequence[ScoredCandidate]:
    """The other safe candidates of a choice that have a reward, best first."""
    return _ranked([c for c in exchange.candidates if c.candidate.index != choice.candidate_index])


def _ranked(candidates: Sequence[ScoredCandidate]) -> Sequence[ScoredCandidate]:
    """Those that may stand in a pair, by reward, best first; ties by index."""
    usable = [
        (candidate.reward, candidate)
        for candidate in candidates
        if candidate.candidate.outcome == "finished"
        and candidate.eligible
        and candidate.reward is not None
        and candidate.shown.strip()
    ]
    usable.sort(key=lambda item: (-item[0], item[1].candidate.index))
    return [candidate for _, candidate in usable]


def _whole(candidate: ScoredCandidate) -> bool:
    return candidate.candidate.finish_reason != "length"


def _margin(better: float | None, worse: float | None) -> float | None:
    return None if better is None or worse is None else better - worse


def _pair(
    exchange: Exchange, label: _Label, chosen: str, rejected: str, margin: float | None
) -> Iterator[PreferencePair]:
    if chosen.strip() == rejected.strip():
        return
    yield PreferencePair(
        conversation=exchange.request.conversation,
        chosen=chosen,
        rejected=rejected,
        label_source=label.source,
        exchange_id=exchange.id,
        margin=margin,
        lineage=label.event_ids,
    )


def _labelled(exchange: Exchange, answer: str, label: _Label, *, good: bool) -> LabelledAnswer:
    return LabelledAnswer(
        conversation=exchange.request.conversation,
        answer=answer,
        good=good,
        label_source=label.source,
        exchange_id=exchange.id,
        lineage=label.event_ids,
    )
