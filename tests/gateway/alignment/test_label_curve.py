"""HedgeTune: its moments are those of the densities, and its root is where it must be."""

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.alignment.interval import Floats
from gateway.alignment.label_curve import (
    best_of_n_moments,
    best_of_n_slopes,
    best_of_poisson_moments,
    fitted,
    rank_moments,
)
from gateway.alignment.rank_policies import RankRates
from tests.gateway.alignment.simulated_votes import peak_at

NODES, WEIGHTS = np.polynomial.legendre.leggauss(200)
U, W = (NODES + 1) / 2, WEIGHTS / 2
POWERS = U[:, None] ** np.arange(4)


def expected(density: Floats) -> Floats:
    """E[u^j] for j = 0..3 under a density that is given at the nodes U."""
    return (density * W) @ POWERS


@given(st.integers(1, 12), st.integers(0, 11))
def test_the_moments_of_a_rank_are_those_of_its_beta_distribution(size: int, below: int):
    """Rank k of m quantiles is Beta(k, m-k+1)."""
    k = min(below + 1, size)
    density = size * comb(size - 1, k - 1) * U ** (k - 1) * (1 - U) ** (size - k)
    found = rank_moments(np.array([float(k)]), np.array([float(size)]))
    assert found[0] == pytest.approx(expected(density), abs=1e-9)


@given(st.floats(1, 64))
def test_the_slope_is_hedgetunes_expectation(n: float):
    """V'(n) = E[y(u) (1/n + log u)] for every power of u, by integration."""
    grid = np.array([n])
    assert best_of_n_moments(grid)[0] == pytest.approx(expected(n * U ** (n - 1)), abs=1e-4)
    by_score = expected(n * U ** (n - 1) * (1 / n + np.log(U)))
    assert best_of_n_slopes(grid)[0] == pytest.approx(by_score, abs=1e-3)


def poisson_slopes(mean: float) -> Floats:
    """HedgeTune's expectation for best-of-Poisson, of every power of u."""
    density = (mean * U + 1) * np.exp(mean * (U - 1))
    return expected(density * (U / (mean * U + 1) + U - 1))


@given(st.floats(0, 40))
def test_hedgetunes_expectation_is_the_slope_of_best_of_poisson_too(mean: float):
    """By a difference quotient; and the density sums to one."""
    step = 1e-4
    near = best_of_poisson_moments(np.array([mean, mean + step]))
    assert near[0, 0] == pytest.approx(1)
    assert (near[1] - near[0]) / step == pytest.approx(poisson_slopes(mean + step / 2), abs=1e-6)


def exact(taste: Floats, size: int) -> RankRates:
    """What endless votes would give for each rank of that many answers."""
    ranks = np.arange(1.0, size + 1)
    sizes = np.full(size, float(size))
    rates = rank_moments(ranks, sizes) @ taste
    return RankRates(ranks, sizes, rates, np.full(size, 1e6))


def coefficients(n: float) -> Floats:
    """Of the quadratic taste with its peak at n."""
    taste = peak_at(n)
    found = np.polynomial.polynomial.polyfit([0, 0.5, 1], [taste(0), taste(0.5), taste(1)], 2)
    return np.append(found, 0.0)


@pytest.mark.parametrize("size", [3, 4, 16])
def test_the_curve_is_recovered_from_ranks_however_coarse(size: int):
    """Even the peak at 12, where no more than three answers were drawn."""
    curve = fitted(exact(coefficients(12), size))
    assert curve == pytest.approx(coefficients(12), abs=1e-8)
    slopes = best_of_n_slopes(np.array([11.9, 12.0, 12.1])) @ curve
    assert slopes[0] > 0 > slopes[2]
    assert slopes[1] == pytest.approx(0, abs=1e-9)


def test_best_of_poisson_peaks_where_its_score_has_its_root():
    """The best of a fine grid of means, against HedgeTune's expectation on both sides of it."""
    curve = coefficients(12)
    means = np.arange(0, 40, 0.01)
    best = float(means[(best_of_poisson_moments(means) @ curve).argmax()])
    assert poisson_slopes(best - 0.02) @ curve > 0 > poisson_slopes(best + 0.02) @ curve
    assert 10 < best < 16


def test_a_cubic_is_fitted_only_where_it_fits_better():
    """And where there are four ranks to tell it from a quadratic."""
    cubic = np.array([0.2, 0.2, 0.1, 0.4])
    assert fitted(exact(cubic, 8)) == pytest.approx(cubic, abs=1e-8)
    assert fitted(exact(cubic, 3))[3] == 0
    assert fitted(exact(coefficients(12), 8))[3] == 0
