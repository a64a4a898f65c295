"""Another rule, for so many tokens."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.protocols import Plan
from gateway.types import ScoredCandidate
from reward_filters.budget import Budget
from reward_filters.threshold import Threshold
from tests.reward_filters.progress import blocked, endings, failed, finished, progress


def test_with_nothing_known_the_inner_rule_decides():
    """But the question is asked again when the budget is spent."""
    assert Budget(100).plan(progress(room=4)) == Plan(4, reason="limit", ask_at_tokens=100)


def test_once_it_is_spent_one_answer_is_enough():
    """What still runs is cancelled."""
    told = progress([finished(1.0, tokens=60)], running=2, tokens=100)
    assert Budget(100).plan(told) == Plan(0, reason="budget")


def test_once_it_is_spent_the_first_answer_is_waited_for_and_nothing_started():
    """A blocked draw is no answer."""
    told = progress([blocked(tokens=60)], running=2, room=3, tokens=120)
    assert Budget(100).plan(told) == Plan(2, reason="budget")


@pytest.mark.parametrize("spent", [60, 100])
def test_there_is_one_draw_at_a_time_until_there_is_an_answer(spent: int):
    """Whether the budget is spent, or can't pay for another as long as the blocked one."""
    assert Budget(100).plan(progress([blocked(tokens=spent)], room=3)).draws == 1
    assert Budget(100).plan(progress([blocked(tokens=spent)], room=0)).draws == 0


@pytest.mark.parametrize(("room_for", "tokens"), [(0, 119), (1, 120), (2, 160), (3, 1000)])
def test_nothing_is_started_that_the_rest_cannot_pay(room_for: int, tokens: int):
    """One ended with 40 tokens; one at work has 10 and is thought to come to 40 as well."""
    told = progress([finished(1.0, tokens=40)], running=1, room=3, tokens=50)
    assert Budget(tokens).plan(told).draws == 1 + room_for


def test_with_nothing_left_to_pay_with_and_nothing_at_work_it_stops():
    """90 of 100 tokens are spent, and draws take 45."""
    told = progress([finished(1.0, tokens=45), finished(2.0, tokens=45)], room=2)
    assert Budget(100).plan(told) == Plan(0, reason="budget", ask_at_tokens=100)


def test_draws_of_unknown_length_say_nothing_about_the_next():
    """A failed draw has no tokens; that does not make draws free, nor impossible."""
    assert Budget(100).plan(progress([failed()], room=3)).draws == 3


@given(
    ended=st.lists(endings, min_size=1, max_size=6),
    running=st.integers(0, 4),
    room=st.integers(0, 4),
    tokens=st.integers(0, 1000),
)
def test_a_larger_budget_never_starts_less(
    ended: Sequence[ScoredCandidate], running: int, room: int, tokens: int
):
    """More to spend is more draws, or as many."""
    told = progress(ended, running=running, room=room)
    smaller, larger = Budget(tokens + 1).plan(told), Budget(tokens + 100).plan(told)
    assert smaller.draws <= larger.draws


def test_a_rule_that_stops_by_itself_gives_its_own_reason():
    """The ledger tells why."""
    told = progress([finished(1.0, 0.9, tokens=500)])
    assert Budget(100, Threshold(p_ok=0.8)).plan(told).reason == "good enough"


@pytest.mark.parametrize("options", [{"tokens": 0}, {}, {"tokens": 5, "rule": "x"}])
def test_options_that_make_no_sense_are_refused(options: dict[str, int]):
    """At start, not in production."""
    with pytest.raises(ValidationError):
        Budget(**options)  # pyright: ignore[reportArgumentType]
