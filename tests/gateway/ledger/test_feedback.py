"""The current view of feedback."""

from dataclasses import replace
from datetime import timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger.feedback import Opinion, current_feedback, current_opinions
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


def test_a_comment_after_a_thumb_leaves_the_thumb() -> None:
    """As nearly every chat page sends them: each field keeps its own last word."""
    thumb, comment = _at(1, by="ann", rating=1), _at(2, by="ann", comment="Thanks!")
    assert current_feedback([thumb, comment]) == [thumb, comment]
    assert current_opinions([thumb, comment]) == [
        Opinion(replace(comment, rating=1), ("event-01", "event-02"))
    ]


def test_only_the_field_said_again_is_replaced() -> None:
    """What else the earlier event said stands, and it is named for as long as anything does."""
    first = _at(1, rating=-1, reasons=("rude",), comment="No.")
    second, third = _at(2, rating=1), _at(3, reasons=("kind",), comment="Yes.")
    assert current_feedback([first, second]) == [replace(first, rating=None), second]
    assert current_feedback([first, second, third]) == [second, third]
    (opinion,) = current_opinions([first, second, third])
    assert (opinion.said.rating, opinion.said.comment) == (1, "Yes.")
    assert opinion.event_ids == ("event-02", "event-03")


def test_an_empty_comment_takes_the_comment_away() -> None:
    """It is a word too: the last one."""
    events = [_at(1, rating=1, comment="Oops"), _at(2, comment="")]
    (opinion,) = current_opinions(events)
    assert (opinion.said.rating, opinion.said.comment) == (1, "")


def test_a_retracted_word_leaves_nothing() -> None:
    """What it had replaced does not come back."""
    events = [_at(1, rating=1), _at(2, rating=-1), _at(3, retracts="event-02")]
    assert current_feedback(events) == []


def test_a_retraction_takes_back_all_that_its_author_said() -> None:
    """Every field, and nobody else's."""
    events = [
        _at(1, by="ann", rating=1),
        _at(2, by="bob", rating=-1),
        _at(3, by="ann", correction="On Monday."),
        _at(4, by="ann", retracts="event-03"),
    ]
    assert current_feedback(events) == [events[1]]


def test_a_retraction_dated_before_what_it_names_takes_that_back() -> None:
    """The clocks of two servers may differ; what was said later still stands."""
    events = [_at(1, retracts="event-02"), _at(2, rating=1), _at(3, comment="Hello")]
    assert current_feedback(events) == [events[2]]


def test_a_word_after_a_retraction_stands() -> None:
    """A retraction does not silence its author."""
    events = [_at(1, rating=1), _at(2, retracts="event-01"), _at(3, rating=-1)]
    assert current_feedback(events) == [events[2]]


_SAID = st.fixed_dictionaries(
    {"by": st.sampled_from(["ann", "bob", None])},
    optional={
        "rating": st.sampled_from([1, -1]),
        "score": st.sampled_from([0.0, 2.5]),
        "reasons": st.sampled_from([("rude",), ("kind", "short")]),
        "comment": st.sampled_from(["", "Thanks!"]),
        "correction": st.sampled_from(["On Monday."]),
    },
)
_EVENTS = st.lists(st.tuples(_SAID, st.integers(0, 5)), max_size=9).map(
    lambda said: [
        _at(n, by=fields["by"], retracts=f"event-{n - 1:02}") if dice == 0 else _at(n, **fields)
        for n, (fields, dice) in enumerate(said)
    ]
)


@given(_EVENTS, st.integers())
def test_the_order_of_events_given_does_not_matter(events: list[FeedbackEvent], seed: int) -> None:
    """The view is of the set of events."""
    shuffled = Random(seed).sample(events, len(events))
    assert current_feedback(shuffled) == current_feedback(events)
    assert current_opinions(shuffled) == current_opinions(events)


@given(_EVENTS)
def test_every_field_has_its_last_word_since_the_last_retraction(
    events: list[FeedbackEvent],
) -> None:
    """Told the slow way, person by person and field by field; and one opinion a person."""
    opinions = {opinion.said.by: opinion for opinion in current_opinions(events)}
    assert len(opinions) == len(current_opinions(events))
    for by in ("ann", "bob", None):
        own = [event for event in events if event.by == by]
        retracted = [n for n, event in enumerate(own) if event.retracts is not None]
        since = own[retracted[-1] + 1 if retracted else 0 :]
        for name, unsaid in (("rating", None), ("reasons", ()), ("comment", None)):
            said = [getattr(e, name) for e in since if getattr(e, name) != unsaid]
            found = getattr(opinions[by].said, name) if by in opinions else unsaid
            assert found == (said[-1] if said else unsaid)


@given(_EVENTS)
def test_an_opinion_rests_on_the_events_that_still_say_something(
    events: list[FeedbackEvent],
) -> None:
    """Its lineage is complete, and holds nothing that was replaced or taken back."""
    standing = current_feedback(events)
    named = [i for opinion in current_opinions(events) for i in opinion.event_ids]
    assert sorted(named) == sorted(event.id for event in standing)
    assert current_feedback(standing) == standing
