"""95 % percentile bootstrap intervals of figures that are made of sums over independent groups."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95 % interval."""

    value: float
    low: float
    high: float


def resampled(sums: Floats) -> Floats:
    """[1 + 2000, columns] from [groups, columns]: the totals, and those of each resample."""
    draws = np.random.default_rng(0).integers(len(sums), size=(_RESAMPLES, len(sums)))
    return np.concatenate([sums.sum(0)[None], sums[draws].sum(1)])


def ratio(numerators: Floats, denominators: Floats) -> Interval | None:
    """The ratio of the first entries; the interval from those of the others that have one."""
    if not denominators[0]:
        return None
    usable = denominators > 0
    value, *others = numerators[usable] / denominators[usable]
    return Interval(float(value), *_percentiles(others))


def correlation(products: Floats, squares: Floats, other_squares: Floats) -> Interval | None:
    """Pearson's r of deviations from means, from their sums of products and squares."""
    return ratio(products, np.sqrt(squares * other_squares))


def _percentiles(estimates: Sequence[float]) -> tuple[float, float]:
    low, high = np.percentile(estimates, [2.5, 97.5])
    return float(low), float(high)
