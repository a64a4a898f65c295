"""What votes say of every n and temperature: the estimates that a recommendation rests on.

Three ways from the same votes. Measured without a model: the label rate (the share of votes that
are up) of best-of-n for every n up to the answers that were drawn, and of soft best-of-n for a
range of temperatures (`rank_policies`). HedgeTune's curve (`label_curve`). The peak of Gao's law
through the measured rates (`gao_law`). n counts the answers that there are to choose from.

All intervals are 95 % percentile bootstrap intervals over conversations.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

import numpy as np

from gateway.alignment import gao_law, label_curve
from gateway.alignment.interval import Floats, Interval
from gateway.alignment.rank_policies import (
    RankCells,
    best_of_n_weights,
    effective_votes,
    reward_spread,
    soft_weights,
)
from gateway.alignment.votes import Vote

LEAST_EFFECTIVE: Final = 200
_RESAMPLES = 1000
_MEASURED = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
_SPREADS = [2.0**k for k in range(-5, 4)]
_POISSON_STEP = 0.1


@dataclass(frozen=True, slots=True)
class MeasuredRate:
    """The label rate at an n, or at a temperature in units of the reward.

    `effective` is the number of votes of equal weight that would say as much.
    """

    at: float
    rate: Interval
    effective: float


@dataclass(frozen=True, slots=True)
class SoftRates:
    """Soft best-of-n among all answers of a request.

    `best` is the temperature of the highest rate among those that rest on enough votes, and `gain`
    what it would add to the label rate as served; None where there is none such.
    """

    measured: Sequence[MeasuredRate]
    best: Interval | None
    gain: Interval | None


@dataclass(frozen=True, slots=True)
class HedgeTune:
    """What follows from y(u) as a polynomial of that degree; peaks end at the cap.

    `peak` is the n of the highest label rate, `poisson_peak` the mean n if n were 1 + Poisson.
    `slope` is what doubling n would add to the label rate, by its slope at the n served, `gains[i]`
    what n = i + 1 in the place of the n served would add.
    """

    degree: int
    peak: Interval
    poisson_peak: Interval
    slope: Interval
    gains: Sequence[Interval]


@dataclass(frozen=True, slots=True)
class Estimates:
    """All of it. `as_served` is the label rate as it was, `gao_peak` Gao's n, at most the cap.

    `halving` is what half of the n served would add to the label rate, measured without a model.
    """

    as_served: Interval
    best_of_n: Sequence[MeasuredRate]
    halving: Interval
    soft: SoftRates
    hedge_tune: HedgeTune
    gao_peak: Interval


def estimate(votes: Sequence[Vote], served_n: int, most_n: int, cap: int) -> Estimates:
    """The estimates for n up to `cap`, measured up to `most_n`, which is 3 or more."""
    resamples = _Resamples(votes)
    ns = [n for n in _MEASURED if n < most_n] + [most_n]
    weights = [best_of_n_weights(votes, n) for n in ns]
    rates = resamples.rates(weights)
    as_served, served, half = resamples.rates(
        [
            np.ones(len(votes)),
            best_of_n_weights(votes, served_n),
            best_of_n_weights(votes, ceil(served_n / 2)),
        ]
    ).T
    laws = gao_law.fitted(ns, rates, rates[1:].std(axis=0))
    return Estimates(
        as_served=_interval(as_served),
        best_of_n=_measured(ns, rates, weights),
        halving=_interval(half - served),
        soft=_soft(votes, resamples, as_served),
        hedge_tune=_hedge_tune(votes, resamples, served_n, cap),
        gao_peak=_interval(gao_law.peak(laws, cap)),
    )


class _Resamples:
    """How often each vote counts: once, then as often as its conversation was drawn."""

    def __init__(self, votes: Sequence[Vote]) -> None:
        self._good = np.array([v.good for v in votes], dtype=np.float64)
        numbers: dict[str, int] = {}
        of_vote = np.array([numbers.setdefault(v.conversation_id, len(numbers)) for v in votes])
        rng = np.random.default_rng(0)
        # A count is 1 on average: a byte holds it, and there are many of them.
        self._times = np.ones((1 + _RESAMPLES, len(votes)), dtype=np.uint8)
        for times in self._times[1:]:
            drawn = rng.integers(len(numbers), size=len(numbers))
            times[:] = np.bincount(drawn, minlength=len(numbers))[of_vote]

    def __iter__(self) -> Iterator[Floats]:
        return (times.astype(np.float64) for times in self._times)

    def rates(self, weights: Sequence[Floats]) -> Floats:
        """[1 + resamples, weights]: the weighted shares of votes that are up; all votes first."""
        columns = np.stack(weights, axis=1)
        good = columns * self._good[:, None]
        sums = np.array([(times @ good, times @ columns) for times in self])
        return sums[:, 0] / np.maximum(sums[:, 1], 1e-12)


def _soft(votes: Sequence[Vote], resamples: _Resamples, as_served: Floats) -> SoftRates:
    spread = reward_spread(votes) or 1.0
    temperatures = np.array([spread * factor for factor in _SPREADS])
    weights = [soft_weights(votes, t) for t in temperatures]
    rates = resamples.rates(weights)
    measured = _measured(temperatures, rates, weights)
    enough = np.array([m.effective >= LEAST_EFFECTIVE for m in measured])
    if not enough.any():
        return SoftRates(measured, None, None)
    best = rates[:, enough].argmax(axis=1)
    chosen = rates[:, np.flatnonzero(enough)[best[0]]]  # its gain, whatever a resample prefers
    return SoftRates(measured, _interval(temperatures[enough][best]), _interval(chosen - as_served))


def _hedge_tune(votes: Sequence[Vote], resamples: _Resamples, served_n: int, cap: int) -> HedgeTune:
    cells = RankCells(votes)
    # Each resample decides anew between quadratic and cubic, or intervals would be too narrow.
    curves = np.array([label_curve.fitted(cells.rates(times)) for times in resamples])
    ns = np.arange(1.0, cap + 1)
    by_n = curves @ label_curve.best_of_n_moments(ns).T
    means = np.arange(0, cap - 1 + _POISSON_STEP, _POISSON_STEP)
    by_mean = curves @ label_curve.best_of_poisson_moments(means).T
    slope = curves @ label_curve.best_of_n_slopes(ns[[served_n - 1]])[0]
    gains = by_n - by_n[:, [served_n - 1]]
    return HedgeTune(
        degree=int(np.flatnonzero(curves[0]).max(initial=0)),
        peak=_interval(ns[by_n.argmax(axis=1)]),
        poisson_peak=_interval(1 + means[by_mean.argmax(axis=1)]),
        slope=_interval(slope * served_n * np.log(2)),
        gains=[_interval(gains[:, i]) for i in range(cap)],
    )


def _measured(
    at: Sequence[float] | Floats, rates: Floats, weights: Sequence[Floats]
) -> Sequence[MeasuredRate]:
    return [
        MeasuredRate(float(a), _interval(rates[:, i]), effective_votes(weights[i]))
        for i, a in enumerate(at)
    ]


def _interval(estimates: Floats) -> Interval:
    """The first one, with the interval of the others."""
    low, high = np.percentile(estimates[1:], [2.5, 97.5])
    return Interval(float(estimates[0]), float(low), float(high))
