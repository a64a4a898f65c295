"""`winnow reward eval`: how well a reward model ranks answers that people (or a rubric) judged.

All intervals are 95 % percentile bootstrap intervals over conversations: answers to one prompt
are not independent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from gateway.alignment.interval import Floats, Interval, ratio, resampled
from gateway.alignment.reward_data import Answer, Comparison, Split, read_comparisons
from gateway.alignment.reward_prefix import (
    Place,
    PrefixCorrelation,
    PrefixScores,
    prefix_correlations,
    prefixes,
)
from gateway.protocols import RewardModel

Scored = Sequence[tuple[Comparison, Sequence[float]]]

# Parts of model names; "" is every model. An evaluation looks at the answers of those alone.
SLICES: Mapping[str, str] = {"all": "", "qwen": "qwen", "qwen-0.5b": "0.5b"}
OK_SCORE = 6.0
_CLEAR_GAP = 2.0
_BINS = 10


@dataclass(frozen=True, slots=True)
class Figures:
    """One slice. Pick, random and best are rubric scores, None where answers are not rated.

    `pairs` and `clear_pairs` (a gap of two points or more) are the shares of pairs that the
    model ranks rightly, a tie counting half. `pick` is the mean score of the model's best answer,
    `random` of all answers, `best` of the best ones; `gain` = (pick - random) / (best - random).
    """

    conversations: int
    pairs: Interval | None
    clear_pairs: Interval | None
    pick: Interval | None
    random: float | None
    best: float | None
    gain: Interval | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """P(rubric score of `ok_score` or more) = sigmoid(slope * score + intercept)."""

    slope: float
    intercept: float
    ok_score: float = OK_SCORE

    def probabilities(self, scores: Sequence[float]) -> Floats:
        logits = self.slope * np.asarray(scores, dtype=np.float64) + self.intercept
        return 1 / (1 + np.exp(-logits))


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """What `evaluate` found. `calibration_error` is the expected calibration error, 10 bins.

    `prefix_correlation` is empty where no tokenizer said where answers are to be cut.
    """

    revision: str
    slices: Mapping[str, Figures]
    calibration_error: float | None
    prefix_correlation: Sequence[PrefixCorrelation] = ()


async def evaluate(
    model: RewardModel,
    data: Sequence[Path],
    split: Split = "test",
    calibration: Calibration | None = None,
    tokenizer: Tokenizer | None = None,
) -> EvaluationReport:
    """Score every answer of the split and compare; with a `tokenizer`, their beginnings too.

    Raises:
        ConfigurationError: the data cannot be read or has nothing of that split.
    """
    measured = [await _scored(model, c, tokenizer) for c in read_comparisons(data, split)]
    scored = [(m.comparison, m.whole) for m in measured]
    error = None if calibration is None else calibration_error(scored, calibration)
    return EvaluationReport(
        model.revision, figures_by_slice(scored), error, prefix_correlations(measured)
    )


async def _scored(
    model: RewardModel, comparison: Comparison, tokenizer: Tokenizer | None
) -> PrefixScores:
    cut: Mapping[Place, str] = {} if tokenizer is None else prefixes(tokenizer, comparison)
    texts = [*(a.text for a in comparison.answers), *cut.values()]
    return PrefixScores.of(comparison, cut, await model.score(comparison.conversation, texts))


def figures_by_slice(scored: Scored) -> Mapping[str, Figures]:
    """The figures of each slice that has something to compare."""
    tables = {name: _table(scored, part) for name, part in SLICES.items()}
    return {name: _figures(table) for name, table in tables.items() if len(table)}


def calibrated(scored: Scored) -> Calibration | None:
    """Platt's logistic fit by Newton's method; None where one of the two outcomes is missing."""
    x, ok = _outcomes(scored)
    if not len(ok) or ok.all() or not ok.any():
        return None
    design = np.stack([x, np.ones_like(x)], axis=1)
    # A trace of ridge, so that scores which separate the outcomes give a finite slope.
    ridge = np.diag([1e-3, 1e-6])
    weights = np.zeros(2)
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        gradient = design.T @ (ok - p) - ridge @ weights
        hessian = (design * (p * (1 - p))[:, None]).T @ design + ridge
        weights = weights + np.linalg.solve(hessian, gradient)
    return Calibration(float(weights[0]), float(weights[1]))


def calibration_error(scored: Scored, calibration: Calibration) -> float | None:
    """The expected calibration error over ten equal bins of probability; None without ratings."""
    x, ok = _outcomes(scored)
    if not len(ok):
        return None
    p = calibration.probabilities(x.tolist())
    bins = np.minimum((p * _BINS).astype(int), _BINS - 1)
    gaps = [abs(float((ok - p)[bins == b].sum())) for b in range(_BINS)]
    return sum(gaps) / len(ok)


def _outcomes(scored: Scored) -> tuple[Floats, Floats]:
    rated = [
        (s, a.score) for c, scores in scored for a, s in zip(c.answers, scores, strict=True)
        if a.score is not None
    ]  # fmt: skip
    x = np.array([s for s, _ in rated], dtype=np.float64)
    return x, np.array([y >= OK_SCORE for _, y in rated], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class _Row:
    """What one conversation adds to the sums."""

    right: float
    pairs: int
    clear_right: float
    clear_pairs: int
    rated: int = 0
    pick: float = 0.0
    random: float = 0.0
    best: float = 0.0


def _table(scored: Scored, part: str) -> Sequence[_Row]:
    rows = [_row(c, s, [part in a.model for a in c.answers]) for c, s in scored]
    return [r for r in rows if r.pairs or r.rated]


def _row(comparison: Comparison, scores: Sequence[float], kept: Sequence[bool]) -> _Row:
    pairs = [(i, j, gap) for i, j, gap in comparison.pairs if kept[i] and kept[j]]
    right = [(1 + np.sign(scores[i] - scores[j])) / 2 for i, j, _ in pairs]
    clear = [r for r, (_, _, gap) in zip(right, pairs, strict=True) if gap >= _CLEAR_GAP]
    counts = _Row(float(sum(right)), len(right), float(sum(clear)), len(clear))
    answers = [(a, s) for a, s, k in zip(comparison.answers, scores, kept, strict=True) if k]
    ratings = [a.score for a, _ in answers if a.score is not None]
    if len(answers) < 2 or len(ratings) < len(answers):  # noqa: PLR2004  one is no choice
        return counts
    return _Row(
        counts.right, counts.pairs, counts.clear_right, counts.clear_pairs,
        1, _picked(answers), sum(ratings) / len(ratings), max(ratings),
    )  # fmt: skip


def _picked(answers: Sequence[tuple[Answer, float]]) -> float:
    top = max(answers, key=lambda pair: pair[1])[0].score
    return 0.0 if top is None else top


def _figures(table: Sequence[_Row]) -> Figures:
    sums = np.array(
        [
            [r.right, r.pairs, r.clear_right, r.clear_pairs, r.rated, r.pick, r.random, r.best]
            for r in table
        ],
        dtype=np.float64,
    )
    right, pairs, clear, clear_pairs, rated, pick, random, best = resampled(sums).T
    return Figures(
        conversations=len(sums),
        pairs=ratio(right, pairs),
        clear_pairs=ratio(clear, clear_pairs),
        pick=ratio(pick, rated),
        random=float(random[0] / rated[0]) if rated[0] else None,
        best=float(best[0] / rated[0]) if rated[0] else None,
        gain=ratio(pick - random, best - random),
    )
