"""The simulated clock of `bench.stopping` costs what the gateway would have cost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.simulation import MS_PER_TOKEN, Answer, serve
from gateway.protocols import StopRule
from gateway.pruning import Pruning
from reward_filters.best_of_n import BestOfN
from reward_filters.budget import Budget
from reward_filters.deadline import Deadline
from reward_filters.fixed_n import FixedN
from reward_filters.pandora import Pandora
from reward_filters.threshold import Threshold

ANSWERS = [
    Answer(tokens=10, reward=1.0, worth=5.0, p_ok=0.2, prefix_rewards={12: 3.0}),
    Answer(tokens=30, reward=3.0, worth=9.0, p_ok=0.9, prefix_rewards={12: 1.0}),
    Answer(tokens=20, reward=2.0, worth=7.0, p_ok=0.6, prefix_rewards={12: 2.0}),
]


def test_fixed_n_pays_for_all_and_waits_for_the_longest():
    """All begin together."""
    outcome = serve(ANSWERS, FixedN(), BestOfN())
    assert (outcome.tokens, outcome.steps, outcome.ended) == (60, 30, 3)
    assert outcome.worth == 9.0


def test_a_cancelled_draw_costs_what_it_had_by_then():
    """The third is at 10 tokens when the second ends, as it began when the first had."""
    outcome = serve(ANSWERS, Threshold(p_ok=0.5, at_once=2), BestOfN())
    assert (outcome.tokens, outcome.steps, outcome.ended) == (60, 30, 3)
    outcome = serve(ANSWERS, Threshold(p_ok=0.1, at_once=2), BestOfN())
    assert (outcome.tokens, outcome.steps, outcome.ended) == (20, 10, 1)


def test_one_after_the_other_waits_for_the_sum():
    """Until one is good enough."""
    outcome = serve(ANSWERS, Threshold(p_ok=0.7, at_once=1), BestOfN())
    assert (outcome.tokens, outcome.steps, outcome.worth) == (40, 40, 9.0)


def test_a_rule_is_asked_when_it_wants_to_be():
    """At 15 steps one of three has ended; at 45 tokens likewise."""
    deadline = serve(ANSWERS, Deadline(after_s=15 * MS_PER_TOKEN / 1000), BestOfN())
    assert (deadline.tokens, deadline.steps, deadline.worth) == (40, 15, 5.0)
    budget = serve(ANSWERS, Budget(tokens=45), BestOfN())
    assert (budget.tokens, budget.steps, budget.worth) == (46, 18, 5.0)


def test_pruned_draws_end_at_the_cut():
    """The best two of three beginnings go on; the first of them has ended before."""
    outcome = serve(ANSWERS, FixedN(), BestOfN(), Pruning(12, keep=2))
    assert (outcome.tokens, outcome.steps, outcome.worth) == (10 + 12 + 20, 20, 7.0)


RULES: list[StopRule] = [FixedN(), Threshold(), Pandora(), Deadline(0.2), Budget(50)]
some_answers = st.lists(
    st.builds(
        Answer,
        tokens=st.integers(1, 60),
        reward=st.floats(-5, 5),
        worth=st.floats(0, 10),
        prefix_rewards=st.floats(-5, 5).map(lambda score: dict.fromkeys(range(1, 31), score)),
    ),
    min_size=1,
    max_size=6,
)
prunings = st.none() | st.builds(Pruning, st.integers(1, 30), st.integers(1, 4))


@pytest.mark.parametrize("rule", RULES, ids=repr)
@settings(deadline=None)
@given(answers=some_answers, pruning=prunings)
def test_no_rule_costs_more_than_all_draws_or_ends_without_an_answer(
    rule: StopRule, answers: list[Answer], pruning: Pruning | None
):
    """Whatever is pruned."""
    outcome = serve(answers, rule, BestOfN(), pruning)
    assert 1 <= outcome.tokens <= sum(a.tokens for a in answers)
    assert outcome.ended >= 1
    assert outcome.steps <= outcome.tokens
