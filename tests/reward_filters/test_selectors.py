"""Selectors: a pick, and the probability that it really had."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.protocols import Selector
from gateway.types import Candidate, ScoredCandidate, Screening
from reward_filters.best_of_n import BestOfN
from reward_filters.soft_best_of_n import SoftBestOfN

SELECTORS: list[Selector] = [BestOfN(), SoftBestOfN(), SoftBestOfN(temperature=5, exploration=1)]
rewards_of_some = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8)


def scored(rewards: list[float]) -> list[ScoredCandidate]:
    return [
        ScoredCandidate(Candidate(i * 3, "finished", text="a"), Screening("a", "a"), reward)
        for i, reward in enumerate(rewards)
    ]


@pytest.mark.parametrize("selector", SELECTORS, ids=repr)
@given(rewards=rewards_of_some, seed=st.integers(0, 2**32))
def test_every_selector_states_a_proper_distribution(
    selector: Selector, rewards: list[float], seed: int
):
    """The probabilities are of the candidates given, sum to one, and the pick has its own."""
    candidates = scored(rewards)
    selection = selector.select(candidates, Random(seed))
    assert set(selection.probabilities) == {c.candidate.index for c in candidates}
    assert sum(selection.probabilities.values()) == pytest.approx(1)
    assert selection.probability == selection.probabilities[selection.index] > 0
    assert 0 <= selection.draw < 1


@pytest.mark.parametrize("selector", SELECTORS, ids=repr)
def test_the_same_draw_gives_the_same_pick(selector: Selector):
    """A selection can be replayed from its seed."""
    candidates = scored([0.1, 0.5, 0.3])
    assert selector.select(candidates, Random(7)) == selector.select(candidates, Random(7))


@given(rewards=rewards_of_some)
def test_soft_best_of_n_gives_every_candidate_its_floor(rewards: list[float]):
    """Without a known, non-zero probability nothing can be estimated from the log."""
    selection = SoftBestOfN(exploration=0.02).select(scored(rewards), Random(0))
    assert min(selection.probabilities.values()) >= 0.02 / len(rewards) * (1 - 1e-9)


@given(rewards=st.lists(st.integers(-50, 50), min_size=2, max_size=8, unique=True))
def test_soft_best_of_n_prefers_the_higher_reward(rewards: list[int]):
    """The order of the probabilities is the order of the rewards."""
    selection = SoftBestOfN(temperature=10).select(scored([float(r) for r in rewards]), Random(0))
    by_reward = sorted(zip(rewards, selection.probabilities.values(), strict=True))
    probabilities = [p for _, p in by_reward]
    assert probabilities == sorted(probabilities)


def test_picks_come_as_often_as_their_probability_says():
    """The logged probability is the one that replay divides by: it has to be the real one."""
    candidates, rng = scored([0.0, 0.2, 0.4]), Random(1)
    selector = SoftBestOfN(temperature=0.3)
    counts = Counter(selector.select(candidates, rng).index for _ in range(20_000))
    stated = selector.select(candidates, rng).probabilities
    for index, probability in stated.items():
        assert counts[index] / 20_000 == pytest.approx(probability, abs=0.015)


def test_best_of_n_takes_the_first_of_equals():
    """A tie is broken the same way each time."""
    assert BestOfN().select(scored([0.2, 0.9, 0.9]), Random(0)).index == 3


@pytest.mark.parametrize("options", [{"temperature": 0}, {"exploration": 2}, {"lambda": 1}])
def test_options_that_make_no_sense_are_refused(options: dict[str, float]):
    """A misspelt or impossible option fails at start, not in production."""
    with pytest.raises(ValidationError):
        SoftBestOfN(**options)
