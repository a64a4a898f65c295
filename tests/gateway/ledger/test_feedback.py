"""The current view of feedback."""

from dataclasses import replace
from datetime import timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger.feedback import current_feedback
from gateway.types import FeedbackEvent
from tests.gateway.ledger.exchanges import exchange, vote

ABOUT = exchange()


def _at(minute: int, **said: object) -> FeedbackEvent:
    moment = ABOUT.created_at + timedelta(minutes=minute)
    return vote(ABOUT, id=f"event-{minute:02}", created_at=moment, **said)


def test_the_last_word_of_a_person_stands() -> None:
    """Who changes their mind has one vote."""
    up, down = _at(1, by="ann", rating=1), _at(2, by="ann", rating=-1)
    assert current_feedback([up, down]) == [down]


def test_people_sources_and_choices_are_kept_apart() -> None:
    """Nobody's word replaces another's, nor the word on another choice."""
    events = [
        _at(1, by="ann", rating=1),
        _at(2, by="bob", rating=-1),
        _at(3, by="ann", rating=-1, choice_index=1),
        _at(4, by="ann", rating=-1, source="reviewer"),
    ]
    assert current_feedback(events) == events


def test_a_retracted_word_leaves_nothing() -> None:
    """What it had replaced does not come back."""
    events = [_at(1, rating=1), _at(2, rating=-1), _at(3, retracts="event-02")]
    assert current_feedback(events) == []


def test_a_word_after_a_retraction_stands() -> None:
    """A retraction does not silence its author."""
    events = [_at(1, rating=1), _at(2, retracts="event-01"), _at(3, rating=-1)]
    assert current_feedback(events) == [events[2]]


@given(
    st.lists(
        st.tuples(st.sampled_from(["ann", "bob", None]), st.sampled_from([1, -1, None])), max_size=9
    ),
    st.integers(),
)
def test_the_order_of_events_given_does_not_matter(
    said: list[tuple[str | None, int | None]], seed: int
) -> None:
    """The view is of the set of events; each person has one word at most."""
    events = [
        _at(n, by=by, rating=rating) if rating else _at(n, by=by, retracts=f"event-{n - 1:02}")
        for n, (by, rating) in enumerate(said)
    ]
    shuffled = Random(seed).sample(events, len(events))
    view = current_feedback(shuffled)
    assert view == current_feedback(events)
    assert len({event.by for event in view}) == len(view)
    assert all(replace(event, retracts=None) == event for event in view)
