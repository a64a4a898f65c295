"""Which answers become examples, and on whose word."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest

from gateway.alignment.pairs import (
    PreferencePair,
    best_answers,
    labelled_answers,
    labelled_pairs,
    reward_pairs,
)
from gateway.types import Exchange, FeedbackEvent, Screening
from tests.gateway.ledger.exchanges import blocked, candidate, exchange, request, vote

BEST, SECOND, WORST = "It arrives tomorrow; order 0.", "It may be on its way.", "No idea."


def _pairs(about: Exchange, *events: FeedbackEvent) -> list[tuple[str, str, str, float | None]]:
    return [_told(pair) for pair in labelled_pairs(about, events)]


def _told(pair: PreferencePair) -> tuple[str, str, str, float | None]:
    return pair.chosen, pair.rejected, pair.label_source, pair.margin


def _answers(about: Exchange, *events: FeedbackEvent) -> list[tuple[str, bool, str]]:
    return [(a.answer, a.good, a.label_source) for a in labelled_answers(about, events)]


def test_an_answer_voted_down_is_worse_than_its_best_sibling() -> None:
    """Even where the reward model had preferred the one that was shown."""
    about = exchange(shown=0)
    assert _pairs(about, vote(about, rating=-1)) == [(SECOND, BEST, "thumbs", -1.5)]
    assert _answers(about, vote(about, rating=-1)) == [(BEST, False, "thumbs")]


def test_an_answer_voted_up_is_better_than_its_worst_sibling() -> None:
    """The pair that says most."""
    about = exchange(shown=1)
    assert _pairs(about, vote(about, rating=1)) == [(SECOND, WORST, "thumbs", 1.5)]
    assert _answers(about, vote(about, rating=1)) == [(SECOND, True, "thumbs")]


def test_a_correction_is_better_than_what_was_shown() -> None:
    """Whatever thumbs were given besides; it is a good answer, the shown one a bad one."""
    about = exchange()
    events = [vote(about, rating=1, by="bob"), vote(about, correction="On Monday.", by="ann")]
    assert _pairs(about, *events) == [("On Monday.", BEST, "correction", None)]
    assert _answers(about, *events) == [
        ("On Monday.", True, "correction"),
        (BEST, False, "correction"),
    ]


def test_a_correction_that_changes_nothing_is_praise() -> None:
    """It makes no pair, and no bad answer."""
    about = exchange()
    assert _pairs(about, vote(about, correction=BEST)) == []
    assert _answers(about, vote(about, correction=BEST)) == [(BEST, True, "correction")]


def test_reviewers_go_before_customers() -> None:
    """Of corrections a reviewer's, of ratings the reviewers' majority; a tie decides nothing."""
    about = exchange()
    customer = vote(about, rating=1, correction="Customer's.")
    reviewer = vote(about, id="r", source="reviewer", correction="Reviewer's.")
    later = replace(customer, created_at=customer.created_at + timedelta(hours=1))
    assert _answers(about, reviewer, later)[0] == ("Reviewer's.", True, "correction")

    thumb = vote(about, rating=1)
    votes = [
        vote(about, id=f"r{n}", source="reviewer", rating=r) for n, r in enumerate((-1, -1, 1))
    ]
    assert _answers(about, thumb, *votes) == [(BEST, False, "reviewer")]
    assert _answers(about, thumb, *votes[1:]) == []


def test_the_lineage_names_exchange_and_events() -> None:
    """So that erasing a person finds what was exported of them."""
    about = exchange()
    events = [vote(about, id=name, by=name, rating=-1) for name in ("a", "b")]
    (pair,) = labelled_pairs(about, events)
    assert (pair.exchange_id, pair.lineage) == (about.id, ("a", "b"))


def test_the_order_of_events_does_not_matter() -> None:
    """The same feedback gives the same examples."""
    about = exchange()
    events = [
        vote(about, id="1", by="a", rating=-1),
        vote(about, id="2", by="b", correction="One."),
        vote(about, id="3", by="c", correction="Two."),
    ]
    told = {tuple(_pairs(about, *order)) for order in permutations(events)}
    assert told == {(("Two.", BEST, "correction", None),)}


def _with_siblings(*siblings: str) -> Exchange:
    """The shown answer beside candidates that are all better by reward, unusable by `siblings`."""
    unusable = {
        "blocked": blocked(1, "Blocked."),
        "failed": replace(
            candidate(1, "Half", 9.0),
            candidate=replace(candidate(1, "Half", 9.0).candidate, outcome="failed"),
        ),
        "censored": replace(
            candidate(1, "Half", 9.0),
            candidate=replace(candidate(1, "Half", 9.0).candidate, outcome="censored"),
        ),
        "unscored": candidate(1, "Unscored.", None),
        "empty": candidate(1, "  ", 9.0),
        "the same": candidate(1, "Shown. ", 9.0),
    }
    return exchange(candidates=(candidate(0, "Shown.", 1.0), *(unusable[s] for s in siblings)))


@pytest.mark.parametrize(
    "sibling", ["blocked", "failed", "censored", "unscored", "empty", "the same"]
)
def test_some_candidates_are_never_in_a_pair(sibling: str) -> None:
    """Neither as the better nor as the worse one, labelled or not."""
    about = _with_siblings(sibling)
    for rating in (1, -1):
        assert _pairs(about, vote(about, rating=rating)) == []
    assert list(reward_pairs(about)) == []


def test_a_cut_off_answer_is_never_the_better_one() -> None:
    """It may be the worse one."""
    cut = candidate(1, "It will", 9.0)
    cut = replace(cut, candidate=replace(cut.candidate, finish_reason="length"))
    about = exchange(candidates=(candidate(0, "Shown.", 1.0), cut))
    assert _pairs(about, vote(about, rating=-1)) == []
    assert _pairs(about, vote(about, rating=1)) == [("Shown.", "It will", "thumbs", -8.0)]


def test_a_redacted_answer_is_exported_as_it_was_shown() -> None:
    """What was redacted stays out of the dataset."""
    hidden = candidate(0, "", 2.0)
    hidden = replace(
        hidden,
        candidate=replace(hidden.candidate, text="Call 0123."),
        screening=Screening(original="Call 0123.", shown="Call [removed]."),
    )
    other = replace(hidden, candidate=replace(hidden.candidate, index=1), reward=1.0)
    about = exchange(candidates=(hidden, other, candidate(2, "Fine.", 0.0)))
    down, up = vote(about, rating=-1), vote(about, rating=1)
    assert _pairs(about, up) == [("Call [removed].", "Fine.", "thumbs", 2.0)]
    assert _answers(about, down) == [("Call [removed].", False, "thumbs")]


def _template(about: Exchange) -> Exchange:
    choice = replace(about.choices[0], candidate_index=None, text="Sorry.", selection=None)
    return replace(about, choices=(choice,))


def _filtered(about: Exchange) -> Exchange:
    return replace(about, choices=(replace(about.choices[0], finish_reason="content_filter"),))


def _abandoned(about: Exchange) -> Exchange:
    return replace(about, outcome="abandoned")


def _without_consent(about: Exchange) -> Exchange:
    return replace(about, request=request(consent=False))


@pytest.mark.parametrize("change", [_template, _filtered, _abandoned, _without_consent])
@pytest.mark.parametrize("said", [{"rating": 1}, {"rating": -1}, {"correction": "Better."}])
def test_some_votes_say_nothing_about_the_model(
    change: Callable[[Exchange], Exchange], said: dict[str, object]
) -> None:
    """Those on templates and withheld answers, on what nobody saw, and without consent."""
    about = change(exchange())
    assert _pairs(about, vote(about, **said)) == []
    assert _answers(about, vote(about, **said)) == []
    assert list(best_answers(about)) == []


def test_rewards_alone_give_the_best_against_the_worst() -> None:
    """Labelled as such; equal rewards give none, nor does an exchange without consent."""
    assert [_told(pair) for pair in reward_pairs(exchange(shown=1))] == [
        (BEST, WORST, "reward", 3.0)
    ]
    equal = exchange(candidates=(candidate(0, "One.", 1.0), candidate(1, "Two.", 1.0)))
    assert list(reward_pairs(equal)) == []
    assert list(reward_pairs(_without_consent(exchange()))) == []
    assert _texts(best_answers(exchange(shown=0))) == [BEST]


def test_an_answer_that_was_shown_to_explore_is_not_the_best() -> None:
    """Another had a higher reward; of several choices each is compared with what was left."""
    assert list(best_answers(exchange(shown=1))) == []
    first = exchange(shown=0)
    second = replace(exchange(shown=1).choices[0], index=1)
    both = replace(first, choices=(*first.choices, second))
    assert _texts(best_answers(both)) == [BEST, SECOND]


def test_where_rewards_did_not_decide_nothing_is_best() -> None:
    """A reward that others lack says nothing, and the first in order is only the first."""
    about = exchange()
    assert list(best_answers(replace(about, reward_degraded=True))) == []
    (choice,) = about.choices
    assert choice.selection is not None
    in_order = replace(choice.selection, strategy="unscored-in-order")
    unscored = replace(about, choices=(replace(choice, selection=in_order),))
    assert list(best_answers(unscored)) == []


def _texts(answers: Iterable[object]) -> Sequence[str]:
    return [getattr(answer, "answer", "") for answer in answers]


def test_votes_count_for_their_own_choice() -> None:
    """A request may have had several answers."""
    about = exchange()
    second = replace(about.choices[0], index=1, text=SECOND, candidate_index=1)
    about = replace(about, choices=(*about.choices, second))
    assert _answers(about, vote(about, choice_index=1, rating=-1)) == [(SECOND, False, "thumbs")]


def test_what_was_only_inferred_decides_nothing() -> None:
    """Implicit signals are kept, and are nobody's word."""
    about = exchange()
    assert _answers(about, vote(about, source="implicit", rating=-1)) == []
