"""The current view of feedback: events are only ever added, this says which still stand."""

from collections.abc import Iterable, Sequence

from gateway.types import FeedbackEvent


def current_feedback(events: Iterable[FeedbackEvent]) -> Sequence[FeedbackEvent]:
    """What stands, oldest first: of each person on each choice the last word.

    A person is a `source` and a `by`. A last word that was retracted leaves nothing: what it
    had replaced does not come back. Retractions themselves are never among the result.
    `events` may be in any order; `created_at` and then `id` order them.
    """
    in_order = sorted(events, key=lambda event: (event.created_at, event.id))
    retracted = {event.retracts for event in in_order}
    last = {
        (event.exchange_id, event.choice_index, event.source, event.by): event
        for event in in_order
        if event.retracts is None
    }
    standing = {event.id for event in last.values() if event.id not in retracted}
    return [event for event in in_order if event.id in standing]
