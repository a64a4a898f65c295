"""`winnow policy eval`: how well the guard models tell what they are there to find.

A text's score is that of the served policy: the highest probability over its windows, read raw,
folded and decoded. All intervals are 95 % percentile bootstrap intervals over families of texts:
the fillings of one template are not independent.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.alignment.guard_data import HEADS, Head, LabelledText
from gateway.alignment.interval import Floats, Interval, ratio
from gateway.guard import example_subject
from gateway.protocols import Policy
from gateway.types import Conversation

Guards = Mapping[Head, Policy]
Told = Callable[[int, int], None]

_RESAMPLES: Final = 1000
# No threshold lies lower: honest texts are far more frequent in service than among these rows, and
# a probability that is one half here is much less there.
_FLOOR = 0.8
# Of honest customers' texts, each head may find this share. Many of these rows were written to look
# like attacks: of real customers' texts it is far less (policies/weights/README.md).
_HONEST_SHARE = 0.005
_OTHER_SHARE = 0.01  # of all other texts that are not what the head looks for
_LEAST = 1e-9


@dataclass(frozen=True, slots=True)
class Calibration:
    """P(yes) = sigmoid(slope * logit + intercept); at `threshold` and above it counts as found."""

    slope: float
    intercept: float
    threshold: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What one head finds of the texts that it knows of; None where one kind is missing."""

    positives: int
    negatives: int
    precision: Interval | None
    recall: Interval | None
    false_positives: Interval | None
    auc: Interval | None


@dataclass(frozen=True, slots=True)
class Scores:
    """The probabilities of texts, [texts, heads] in the order of `HEADS`."""

    texts: Sequence[str]
    values: Floats

    def found(self, thresholds: Mapping[Head, float]) -> NDArray[np.bool_]:
        """Which head finds which text, [texts, heads]."""
        return self.values >= np.array([thresholds[head] for head in HEADS])


async def scored(
    guards: Guards, texts: Sequence[str], told: Told = lambda _done, _all: None
) -> Scores:
    """Ask every guard about every text. The guards must find whatever has any probability."""
    values = np.zeros((len(texts), len(HEADS)))
    for i, text in enumerate(texts):
        subject = example_subject(text, "input", Conversation(()))
        for j, head in enumerate(HEADS):
            findings = await guards[head].judge(subject)
            values[i, j] = max((f.score or 0.0 for f in findings), default=0.0)
        told(i + 1, len(texts))
    return Scores(texts, values)


def calibrated(rows: Sequence[LabelledText], scores: Scores) -> Mapping[Head, Calibration]:
    """Platt's fit and a threshold for each head, on rows that were not learnt.

    `scores` are of an uncalibrated model: sigmoid(logit). The threshold is the lowest one, from
    0.8 up, at which no more than 0.5 % of honest customers' texts and 1 % of all texts
    that are known not to be of the head's kind are found; one may be found however few there
    are, since labels have errors.
    """
    return {
        head: _calibration(rows, _logits(scores.values[:, j]), head) for j, head in enumerate(HEADS)
    }


def _calibration(rows: Sequence[LabelledText], logits: Floats, head: Head) -> Calibration:
    known = [i for i, r in enumerate(rows) if head in r.labels]
    labels = np.array([float(rows[i].labels[head]) for i in known])
    slope, intercept = _platt(logits[known], labels)
    probabilities = 1 / (1 + np.exp(-(slope * logits + intercept)))
    honest = probabilities[[i for i in known if rows[i].honest]]
    others = probabilities[[i for i in known if rows[i].labels[head] == 0]]
    threshold = max(_FLOOR, _above(honest, _HONEST_SHARE), _above(others, _OTHER_SHARE))
    return Calibration(slope, intercept, round(min(threshold, 0.999), 3))


def _above(probabilities: Floats, share: float) -> float:
    """The lowest threshold that no more than that share of the probabilities reach, or one."""
    if not len(probabilities):
        return 0.0
    highest = np.sort(probabilities)[::-1]
    return float(highest[min(max(1, int(share * len(highest))), len(highest) - 1)]) + 1e-3


def _logits(probabilities: Floats) -> Floats:
    p = np.clip(probabilities, _LEAST, 1 - _LEAST)
    return np.log(p / (1 - p))


def _platt(logits: Floats, labels: Floats) -> tuple[float, float]:
    """Platt's logistic fit by Newton's method, with his targets that keep off 0 and 1."""
    ones = float(labels.sum())
    yes, no = (ones + 1) / (ones + 2), 1 / (len(labels) - ones + 2)
    targets = no + (yes - no) * labels
    design = np.stack([logits, np.ones_like(logits)], axis=1)
    ridge = np.diag([1e-3, 1e-6])
    weights: Floats = np.array([1.0, 0.0])
    for _ in range(100):
        p = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        gradient = design.T @ (targets - p) - ridge @ weights
        hessian = (design * (p * (1 - p))[:, None]).T @ design + ridge
        step = np.linalg.solve(hessian, gradient)
        weights = weights + np.clip(step, -1, 1)
    return float(weights[0]), float(weights[1])


def figures_by_head(
    rows: Sequence[LabelledText], scores: Scores, thresholds: Mapping[Head, float]
) -> Mapping[Head, Figures]:
    """The figures of each head over the rows that know of it."""
    found = scores.found(thresholds)
    return {
        head: _figures(
            [i for i, r in enumerate(rows) if head in r.labels],
            rows, head, scores.values[:, j], found[:, j],
        )
        for j, head in enumerate(HEADS)
    }  # fmt: skip


def _figures(
    known: Sequence[int],
    rows: Sequence[LabelledText],
    head: Head,
    values: Floats,
    found: NDArray[np.bool_],
) -> Figures:
    if not known:
        return Figures(0, 0, None, None, None, None)
    labels = np.array([rows[i].labels[head] for i in known], dtype=bool)
    hits, p = found[list(known)], values[list(known)]
    families: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for place, i in enumerate(known):
        families[rows[i].source, rows[i].family].append(place)
    draws = [np.arange(len(known)), *_resampled(list(families.values()))]
    counts = np.array([_counts(labels[d], hits[d]) for d in draws], dtype=float)
    right, wrong, missed, passed = counts.T
    areas = np.array([area(labels[d], p[d]) for d in draws[:201]])
    return Figures(
        positives=int(labels.sum()),
        negatives=int((~labels).sum()),
        precision=ratio(right, right + wrong),
        recall=ratio(right, right + missed),
        false_positives=ratio(wrong, wrong + passed),
        auc=ratio(areas, np.where(np.isnan(areas), 0.0, 1.0)),
    )


def _resampled(families: Sequence[Sequence[int]]) -> Sequence[NDArray[np.int_]]:
    rng = np.random.default_rng(0)
    members = [np.array(family, dtype=np.int_) for family in families]
    picks = [rng.integers(len(families), size=len(families)).tolist() for _ in range(_RESAMPLES)]
    return [np.concatenate([members[int(k)] for k in pick]) for pick in picks]


def _counts(labels: NDArray[np.bool_], hits: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    return (
        int((labels & hits).sum()), int((~labels & hits).sum()),
        int((labels & ~hits).sum()), int((~labels & ~hits).sum()),
    )  # fmt: skip


def area(labels: NDArray[np.bool_], values: Floats) -> float:
    """The area under the ROC curve (Mann-Whitney), ties counting half; nan without both kinds."""
    ones, zeros = int(labels.sum()), int((~labels).sum())
    if not ones or not zeros:
        return float("nan")
    _, ranks_of, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2)[ranks_of]
    return float((ranks[labels].sum() - ones * (ones + 1) / 2) / (ones * zeros))
