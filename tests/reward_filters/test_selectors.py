"""Every selector: a pick, and the probability that it really had."""

from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reward_filters
from gateway.protocols import Selector
from reward_filters.best_of_n import BestOfN
from reward_filters.mbr import MBRBestOfN
from reward_filters.soft_best_of_n import SoftBestOfN
from tests.reward_filters.candidates import scored

SELECTORS: list[Selector] = [
    BestOfN(),
    SoftBestOfN(),
    SoftBestOfN(temperature=5, exploration=1),
    SoftBestOfN(temperature=0, exploration=0.1),
    MBRBestOfN(),
    MBRBestOfN(beta=3, temperature=0, exploration=0),
    MBRBestOfN(beta=3, temperature=2, exploration=0.5),
]
TEXTS = [
    "Please send me your order number.",
    "please send me the number of your order",
    "Refunds take five days.",
    "",
    "Refunds take five working days, I am told.",
]

each_selector = pytest.mark.parametrize("selector", SELECTORS, ids=repr)
rewards_of_some = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8)
texts = st.lists(st.text(max_size=40), min_size=8, max_size=8)


def test_every_selector_of_the_folder_is_tried_here():
    """A new file without an entry above fails."""
    folder = Path(str(reward_filters.__file__)).parent
    selecting = {f.stem for f in folder.glob("*.py") if "def select(self" in f.read_text()}
    assert selecting == {type(s).__module__.removeprefix("reward_filters.") for s in SELECTORS}


@each_selector
@settings(deadline=None)
@given(rewards=rewards_of_some, answers=texts, seed=st.integers(0, 2**32))
def test_every_selector_states_a_proper_distribution(
    selector: Selector, rewards: list[float], answers: list[str], seed: int
):
    """The probabilities are of the candidates given, sum to one, and the pick has its own."""
    candidates = scored(rewards, answers[: len(rewards)])
    selection = selector.select(candidates, Random(seed))
    assert set(selection.probabilities) == {c.candidate.index for c in candidates}
    assert sum(selection.probabilities.values()) == pytest.approx(1)
    assert selection.probability == selection.probabilities[selection.index] > 0
    assert 0 <= selection.draw < 1


@each_selector
@settings(deadline=None)
@given(rewards=st.permutations([0.1, 0.5, 0.3, 0.5, -2.0]), data=st.data())
def test_the_order_of_the_candidates_changes_nothing(
    selector: Selector, rewards: list[float], data: st.DataObject
):
    """They come as they ended; who is slow must not be chosen less often for it."""
    candidates = scored(rewards, TEXTS)
    shuffled = data.draw(st.permutations(candidates))
    one, other = (selector.select(c, Random(7)) for c in (candidates, shuffled))
    assert one.index == other.index
    assert dict(one.probabilities) == pytest.approx(dict(other.probabilities))


@each_selector
def test_picks_come_as_often_as_their_probability_says(selector: Selector):
    """The logged probability is the one that replay divides by: it has to be the real one.

    Pearson's chi-square over 20,000 draws; 23.5 is its .9999 quantile at 4 degrees of freedom.
    """
    candidates, rng, draws = scored([0.0, 0.2, 0.4, 0.4, -1.0], TEXTS), Random(1), 20_000
    counts = Counter(selector.select(candidates, rng).index for _ in range(draws))
    stated = selector.select(candidates, rng).probabilities
    assert set(counts) <= {index for index, p in stated.items() if p > 0}
    expected = {index: p * draws for index, p in stated.items() if p > 0}
    assert sum((counts[i] - e) ** 2 / e for i, e in expected.items()) < 23.5


def test_best_of_n_takes_the_first_of_equals():
    """A tie is broken the same way each time."""
    assert BestOfN().select(scored([0.2, 0.9, 0.9]), Random(0)).index == 3


@given(rewards=rewards_of_some)
def test_sharp_and_without_exploration_the_best_wins(rewards: list[float]):
    """The limit of the soft choice is best-of-n, but for ties."""
    selection = SoftBestOfN(temperature=0, exploration=0).select(scored(rewards), Random(0))
    best = max(rewards)
    assert rewards[selection.index // 3] == best
    assert selection.probability == pytest.approx(1 / rewards.count(best))
