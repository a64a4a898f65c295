"""Gao's law: distances, and the peak of a fit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.alignment.gao_law import distance, fitted, n_at, peak

NS = [1, 2, 4, 8, 16]


def test_the_divergence_is_that_of_the_literature():
    """KL of best-of-n: 0.19, 0.64, 1.20 and 1.84 nats at n = 2, 4, 8 and 16."""
    kl = distance(np.array(NS, dtype=float)) ** 2
    assert kl == pytest.approx([0, 0.1931, 0.6363, 1.2044, 1.8351], abs=1e-4)


@given(st.floats(1, 1000), st.floats(1, 1000))
def test_a_larger_n_is_further_away(n: float, other: float):
    """And `n_at` is the way back."""
    near, far = distance(np.array(sorted([n, other])))
    assert near <= far
    assert n_at(np.array([near, far])) == pytest.approx(sorted([n, other]), rel=1e-4, abs=1e-4)


def test_a_law_is_recovered_from_its_own_rates():
    """With the peak where d = alpha / (2 beta)."""
    at_peak = float(distance(np.array([12.0]))[0])
    law = np.array([0.5, 0.3, 0.3 / (2 * at_peak)])
    d = distance(np.array(NS, dtype=float))
    rates = law[0] + law[1] * d - law[2] * d**2
    found = fitted(NS, rates[None], np.full(len(NS), 0.01))
    assert found[0] == pytest.approx(law, abs=1e-9)
    assert peak(found, cap=64)[0] == pytest.approx(12, abs=1e-6)


@pytest.mark.parametrize(
    ("alpha", "beta", "expected"),
    [(0.3, -0.1, 16), (0.3, 0.0, 16), (-0.1, 0.1, 1), (-0.1, -0.1, 1)],
)
def test_a_law_without_a_peak_ends_where_it_may(alpha: float, beta: float, expected: int):
    """At the cap where it rises for ever, at 1 where it falls from there."""
    assert peak(np.array([[0.5, alpha, beta]]), cap=16)[0] == pytest.approx(expected)
