"""Other choices among the same answers: probabilities, and what they would have earned."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.alignment.label_curve import best_of_n_moments, rank_moments
from gateway.alignment.rank_policies import (
    RankCells,
    best_of_n_weights,
    effective_votes,
    rank,
    reward_spread,
    soft_weights,
)
from gateway.alignment.votes import Vote
from tests.gateway.alignment.simulated_votes import peak_at, rising, votes

REWARDS = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=8)


def each_shown(rewards: list[float]) -> list[Vote]:
    """A vote on each answer in turn, of a choice in which all were as probable."""
    even = (1 / len(rewards),) * len(rewards)
    return [
        Vote("c", tuple(rewards), even, i, good=True, drawn=len(rewards))
        for i in range(len(rewards))
    ]


@given(REWARDS, st.integers(1, 8), st.floats(0.05, 20))
def test_the_chances_of_another_choice_sum_to_one(rewards: list[float], n: int, warmth: float):
    """Whichever answers are equal; best of more than there are has none at all."""
    size = len(rewards)
    shown = each_shown(rewards)
    assert sorted(rank(v) for v in shown) == list(range(1, size + 1))
    best_of_n = best_of_n_weights(shown, n).sum() / size
    assert best_of_n == pytest.approx(1 if n <= size else 0)
    assert soft_weights(shown, warmth).sum() / size == pytest.approx(1)


@given(st.integers(1, 8), st.integers(1, 8))
def test_best_of_n_among_more_answers_is_best_of_n(n: int, more: int):
    """The mean quantile over random subsets is that of n draws, whatever number was drawn."""
    size = max(n, more)
    chances = best_of_n_weights(each_shown([float(i) for i in range(size)]), n) / size
    ranks = np.arange(1.0, size + 1)
    mean = chances @ rank_moments(ranks, np.full(size, float(size)))
    assert mean == pytest.approx(best_of_n_moments(np.array([float(n)]))[0])


def test_a_rate_is_recovered_from_choices_that_favoured_the_best():
    """Weights undo the selection: one sample's rate and best-of-4's come out as they are."""
    cast = votes(20_000, rising, exploration=0.2)
    good = np.array([v.good for v in cast], dtype=float)
    for n, true in ((1, 0.5), (2, 0.6), (4, 0.68)):
        weights = best_of_n_weights(cast, n)
        assert (weights @ good) / weights.sum() == pytest.approx(true, abs=0.02)
    assert good.mean() > 0.6


def test_a_temperature_lies_between_the_best_answer_and_any():
    """A cold choice is best-of-n, a hot one is a random pick."""
    cast = votes(300, peak_at(3), exploration=0.5)
    assert soft_weights(cast, 1e-6) == pytest.approx(best_of_n_weights(cast, 4))
    assert soft_weights(cast, 1e6) == pytest.approx(best_of_n_weights(cast, 1), rel=1e-4)


def test_votes_of_equal_weight_count_whole():
    """And one that outweighs all others counts alone."""
    assert effective_votes(np.full(7, 3.0)) == pytest.approx(7)
    assert effective_votes(np.array([1e9, 1, 1])) == pytest.approx(1)
    assert effective_votes(np.zeros(3)) == 0


def test_rates_by_rank_leave_out_ranks_without_a_vote():
    """A resample may have none of one."""
    low, high = each_shown([0.0, 1.0])
    cells = RankCells([replace(low, good=False), high, high])
    every = cells.rates(np.ones(3))
    assert every.ranks.tolist() == [1, 2]
    assert every.rates.tolist() == [0, 1]
    assert every.effective.tolist() == [1, 2]
    assert cells.rates(np.array([0.0, 1, 1])).ranks.tolist() == [2]


def test_the_spread_is_within_requests():
    """That one request's answers are all better than another's is none."""
    assert reward_spread([*each_shown([1.0, 1.0]), *each_shown([5.0, 5.0])]) == 0
    assert reward_spread(each_shown([0.0, 2.0])) == pytest.approx(2**0.5)
    assert reward_spread([]) == 0
