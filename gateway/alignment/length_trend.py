"""How much of a score is length: a trend fitted on the candidates in the ledger.

The model is reward = (level of the exchange) + trend(log length) + the rest, fitted by least
squares. Each exchange has a level of its own (fixed effects), so that only answers to the same
message are compared: questions that need long answers and are hard to answer well make no trend.

The trend is linear between knots at quantiles of the lengths. Huang et al. ("Post-hoc Reward
Calibration", arXiv:2409.17407) smooth by LOWESS, which knows no levels and has no value where half
of the answers are equally long, as refusals are.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.alignment.reward_records import RewardRecord
from gateway.errors import ConfigurationError
from reward_filters.length_debiased import Knot, LengthTrend

Floats = NDArray[np.float64]

ENOUGH = 200
"""The least candidates that a trend is fitted on."""

_MOST_KNOTS = 12


@dataclass(frozen=True, slots=True)
class LengthReport:
    """A trend with what it was made from.

    `mean` and `deviation` (standard) are those of all scores, in the model's points; the
    Spearman correlations are those of length and score within exchanges, of the scores as they
    were and less the trend.
    """

    trend: LengthTrend
    candidates: int
    exchanges: int
    mean: float
    deviation: float
    spearman_before: float
    spearman_after: float

    def to_json(self) -> str:
        """The file that `LengthDebiased` reads."""
        told = asdict(self)
        return json.dumps({**told.pop("trend"), **told}, indent=2) + "\n"


@dataclass(frozen=True, slots=True)
class _Sample:
    """Scored candidates; `exchange` numbers the exchanges from 0."""

    exchange: NDArray[np.intp]
    log_length: Floats
    reward: Floats

    def within(self, values: Floats) -> Floats:
        """The values less the mean of their exchange."""
        means = np.bincount(self.exchange, values) / np.bincount(self.exchange)
        return values - means[self.exchange]


def fit_length_trend(records: Iterable[RewardRecord], revision: str) -> LengthReport:
    """The trend of the scores of that revision.

    Only finished candidates count, where an exchange has two of them or more with a score.

    Raises:
        ConfigurationError: there are too few, or all of an exchange are equally long.
    """
    sample, exchanges = _sample([r for r in records if r.revision == revision], revision)
    places = _places(sample.log_length)
    points = _points(sample, places)
    knots = zip(np.exp(places), points, strict=True)
    trend = LengthTrend(revision, tuple(Knot(float(n), float(p)) for n, p in knots))
    debiased = sample.reward - np.interp(sample.log_length, places, points)
    return LengthReport(
        trend=trend,
        candidates=len(sample.reward),
        exchanges=exchanges,
        mean=float(sample.reward.mean()),
        deviation=float(sample.reward.std()),
        spearman_before=_spearman(sample, sample.reward),
        spearman_after=_spearman(sample, debiased),
    )


def _sample(records: Sequence[RewardRecord], revision: str) -> tuple[_Sample, int]:
    groups = [g for record in records if len(g := _scored(record)) > 1]
    found = sum(map(len, groups))
    if found < ENOUGH:
        raise ConfigurationError(
            f"the ledger has {found} candidates that {revision!r} scored beside others of the same "
            f"exchange: {ENOUGH - found} more are needed to tell a trend from chance"
        )
    numbers = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    table = np.array([pair for group in groups for pair in group])
    sample = _Sample(numbers, table[:, 0], table[:, 1])
    if not sample.within(sample.log_length).round(9).any():
        raise ConfigurationError("the candidates of each exchange are equally long: no trend")
    return sample, len(groups)


def _scored(record: RewardRecord) -> Sequence[tuple[float, float]]:
    """Of the finished draws with a score: the logarithm of the length, and the score."""
    return [
        (float(np.log(max(draw.characters, 1))), draw.reward)
        for draw in record.draws
        if draw.outcome == "finished" and draw.reward is not None
    ]


def _places(log_length: Floats) -> Floats:
    """Where the knots are: the more data, the more of them, at quantiles, no two alike."""
    knots = min(1 + round(len(log_length) ** 0.25), _MOST_KNOTS)
    return np.unique(np.quantile(log_length, np.linspace(0, 1, knots)))


def _points(sample: _Sample, places: Floats) -> Floats:
    """The trend at the knots, its mean over the candidates zero.

    Beside each step from knot to knot stands one observation that it is flat: where the data say
    nothing of a step, as between lengths that never meet in an exchange, there is none.
    """
    hats = np.array([np.interp(sample.log_length, places, one) for one in np.eye(len(places))])
    steps = np.diff(np.eye(len(places)), axis=0)
    design = np.vstack([np.array([sample.within(hat) for hat in hats]).T, steps])
    target = np.concatenate([sample.within(sample.reward), np.zeros(len(steps))])
    points = np.linalg.lstsq(design, target)[0]
    return points - (points @ hats).mean()


def _spearman(sample: _Sample, rewards: Floats) -> float:
    """Of length and reward within exchanges; 0 where all rewards are alike there."""
    lengths, rewards = _ranks(sample.within(sample.log_length)), _ranks(sample.within(rewards))
    return float(np.corrcoef(lengths, rewards)[0, 1]) if np.ptp(rewards) else 0.0


def _ranks(values: Floats) -> Floats:
    """Ranks from 1; equal values share the mean of theirs."""
    _, place, counts = np.unique(values.round(9), return_inverse=True, return_counts=True)
    return (counts.cumsum() - (counts - 1) / 2)[place]
