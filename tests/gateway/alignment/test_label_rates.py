"""The estimates, on votes whose truth is known."""

import pytest

from gateway.alignment.interval import Interval
from gateway.alignment.label_rates import Estimates, estimate
from tests.gateway.alignment.simulated_votes import falling, peak_at, rising, votes


def holds(interval: Interval, truth: float) -> bool:
    return interval.low <= truth <= interval.high


@pytest.fixture(scope="module")
def bent() -> Estimates:
    """People like best of 4 most; 8 answers were drawn, half of the choices explored."""
    return estimate(votes(8_000, peak_at(4), sizes=(8,), exploration=0.5), 8, 8, cap=16)


def test_measured_rates_are_those_of_the_taste(bent: Estimates):
    """V(n) = a + b n/(n+1) - c n/(n+2), for each n that was measured."""
    b, c = 1.2, 1.2 * (6 / 5) ** 2 / 2
    assert [m.at for m in bent.best_of_n] == [1, 2, 3, 4, 6, 8]
    for measured in bent.best_of_n:
        truth = 0.2 + b * measured.at / (measured.at + 1) - c * measured.at / (measured.at + 2)
        assert holds(measured.rate, truth)
        assert measured.rate.high - measured.rate.low < 0.06
        assert 1000 < measured.effective <= 8000


def test_all_three_find_the_peak(bent: Estimates):
    """HedgeTune, for a Poisson n too, and Gao's law, whose form it is not, nearly so."""
    assert bent.hedge_tune.degree == 2
    assert holds(bent.hedge_tune.peak, 4)
    assert bent.hedge_tune.peak.high <= 6
    assert bent.hedge_tune.poisson_peak.low < 6.5 < 2 * bent.hedge_tune.poisson_peak.high
    assert 2.5 < bent.gao_peak.value < 6.5


def test_the_slope_and_the_gains_are_told_at_the_n_served(bent: Estimates):
    """The label rate falls at 8, and 4 would have been better."""
    assert bent.hedge_tune.slope.high < 0
    b, c = 1.2, 1.2 * (6 / 5) ** 2 / 2
    assert holds(bent.halving, b * (4 / 5 - 8 / 9) - c * (4 / 6 - 8 / 10))
    assert bent.hedge_tune.gains[7] == Interval(0, 0, 0)
    assert len(bent.hedge_tune.gains) == 16
    assert bent.hedge_tune.gains[3].value > 0 > bent.hedge_tune.gains[15].high


def test_sets_of_different_size_are_joined():
    """Votes on 2, 4 and 8 answers say the same of the curve; only the last of n = 8."""
    mixed = estimate(votes(3_000, rising, sizes=(2, 4, 8)), 4, 8, cap=8)
    eight = mixed.best_of_n[-1]
    assert holds(eight.rate, 0.2 + 0.6 * 8 / 9)
    assert eight.effective < 200
    assert mixed.hedge_tune.peak == Interval(8, 8, 8)


def test_a_softer_choice_is_proposed_where_the_reward_misleads():
    """The hottest temperature that was asked for, and a gain over what was served."""
    misled = estimate(votes(1_500, falling, exploration=0.3), 4, 4, cap=8)
    assert misled.soft.best is not None
    assert misled.soft.gain is not None
    assert misled.soft.best.value == misled.soft.measured[-1].at
    assert misled.soft.gain.low > 0
    assert misled.hedge_tune.peak.value == 1


def test_no_temperature_is_proposed_on_too_few_votes():
    """The rates are still told, with what they rest on."""
    few = estimate(votes(120, rising), 4, 4, cap=8)
    assert few.soft.best is None
    assert all(m.effective <= 120 for m in few.soft.measured)


def test_votes_of_one_conversation_count_together():
    """Ten times the same votes in the same conversations make no interval narrower."""
    once = votes(300, rising)
    repeated = estimate(once * 5, 4, 4, cap=8)
    alone = estimate(once, 4, 4, cap=8)
    assert repeated.as_served == alone.as_served
