"""A random choice that prefers high values, with the probabilities that it really had."""

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reward_filters.soft_best_of_n import SoftBestOfN
from reward_filters.soft_choice import soft_choice, soft_probabilities
from tests.reward_filters.candidates import scored

values_of_some = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8)
temperatures = st.floats(0, 1e6)


@given(values=values_of_some, temperature=temperatures, exploration=st.floats(0, 1))
def test_every_candidate_has_its_floor(values: list[float], temperature: float, exploration: float):
    """Without a known, non-zero probability nothing can be estimated from the log."""
    probabilities = soft_probabilities(values, temperature, exploration)
    assert min(probabilities) >= exploration / len(values) * (1 - 1e-9)
    assert sum(probabilities) == pytest.approx(1)


@given(values=values_of_some, temperature=temperatures, exploration=st.floats(0, 1))
def test_a_higher_value_is_never_less_probable(
    values: list[float], temperature: float, exploration: float
):
    """Equal ones are equally so."""
    probabilities = soft_probabilities(values, temperature, exploration)
    ranked = sorted(zip(values, probabilities, strict=True))
    for (low, p), (high, q) in pairwise(ranked):
        assert p <= q * (1 + 1e-12)
        assert p == q or low < high


def test_the_formula_is_the_documented_one():
    """Two values a temperature apart are as 1 to e."""
    first, second = soft_probabilities([1.0, 1.5], temperature=0.5, exploration=0.2)
    assert (second - 0.1) / (first - 0.1) == pytest.approx(2.718281828)


def test_at_temperature_zero_equals_share():
    """What is left of the softmax in the limit."""
    assert soft_probabilities([1.0, 3.0, 3.0], 0, 0.3) == pytest.approx([0.1, 0.45, 0.45])


@given(seed=st.integers(0, 2**32))
def test_the_same_draw_gives_the_same_pick(seed: int):
    """A selection can be replayed from the number that decided it."""
    candidates, values = scored([0.0, 0.0, 0.0]), [0.1, 0.5, 0.3]

    def choose() -> object:
        rng = Random(seed)
        return soft_choice(
            candidates, values, rng, temperature=0.2, exploration=0.1, strategy="soft"
        )

    assert choose() == choose()


@pytest.mark.parametrize(
    "options",
    [{"temperature": -1}, {"temperature": float("inf")}, {"exploration": 2}, {"lambda": 1}],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, float]):
    """A misspelt or impossible option fails at start, not in production."""
    with pytest.raises(ValidationError):
        SoftBestOfN(**options)
