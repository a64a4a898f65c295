"""The current view of feedback: events are only ever added, this says what of them still stands.

A person is a `source` and a `by`. What a person says of a choice is kept field by field: a
comment sent after a thumb adds to it, a second thumb replaces the first. A retraction takes back
all that its author had said of that choice, up to the later of itself and the event that it
names; what is said afterwards stands.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway.types import FeedbackEvent

_UNSAID: dict[str, Any] = {
    "rating": None,
    "score": None,
    "reasons": (),
    "comment": None,
    "correction": None,
}

_Person = tuple[str, int, str, str | None]


@dataclass(frozen=True, slots=True)
class Opinion:
    """All that one person now says of one choice.

    `said` has every field's last word, and the id and time of the newest event that still says
    something; `event_ids` are those of all such events, oldest first.
    """

    said: FeedbackEvent
    event_ids: tuple[str, ...]


def current_feedback(events: Iterable[FeedbackEvent]) -> Sequence[FeedbackEvent]:
    """What stands of each event, oldest first: the fields that its author has not since replaced.

    So each field of each person on each choice stands in one event at most, the one that said
    it. Events of which nothing stands are left out, and so are retractions. `events` may be in
    any order; `created_at` and then `id` order them.
    """
    in_order = sorted(events, key=lambda event: (event.created_at, event.id))
    standing = _not_retracted(in_order)
    last = {(_person(event), name): event.id for event in standing for name in _said(event)}
    stripped = [
        replace(
            event,
            **{n: _UNSAID[n] for n in _said(event) if last[_person(event), n] != event.id},
        )
        for event in standing
    ]
    return [event for event in stripped if _said(event)]


def current_opinions(events: Iterable[FeedbackEvent]) -> Sequence[Opinion]:
    """The same by person and choice, each in one piece; the most recently changed one last."""
    merged: dict[_Person, Opinion] = {}
    for event in current_feedback(events):
        before = merged.pop(_person(event), None)
        ids = (event.id,) if before is None else (*before.event_ids, event.id)
        earlier = {} if before is None else _said(before.said)
        merged[_person(event)] = Opinion(replace(event, **(earlier | _said(event))), ids)
    return list(merged.values())


def _not_retracted(in_order: Sequence[FeedbackEvent]) -> Sequence[FeedbackEvent]:
    position = {event.id: n for n, event in enumerate(in_order)}
    until: dict[_Person, int] = {}
    for n, event in enumerate(in_order):
        if event.retracts is not None:
            # Two servers' clocks may differ, so that a retraction may seem the older one.
            reach = max(n, position.get(event.retracts, n))
            until[_person(event)] = max(reach, until.get(_person(event), -1))
    return [
        event
        for n, event in enumerate(in_order)
        if event.retracts is None and n > until.get(_person(event), -1)
    ]


def _person(event: FeedbackEvent) -> _Person:
    return event.exchange_id, event.choice_index, event.source, event.by


def _said(event: FeedbackEvent) -> dict[str, Any]:
    """The fields that say something, with what they say."""
    fields = ((name, getattr(event, name)) for name in _UNSAID)
    return {name: value for name, value in fields if value != _UNSAID[name]}
