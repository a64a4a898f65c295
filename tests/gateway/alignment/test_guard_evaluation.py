"""Claims about figures and thresholds, on scores that are known."""

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.alignment.guard_data import HEADS, Head, LabelledText
from gateway.alignment.guard_evaluation import (
    Floats,
    Scores,
    area,
    calibrated,
    figures_by_head,
    scored,
)
from gateway.protocols import Policy
from policies.terms import BlockedTerms

HALF: dict[Head, float] = dict.fromkeys(HEADS, 0.5)


def rows_of(labels: list[int], source: str = "sentences/x") -> list[LabelledText]:
    return [
        LabelledText(f"text {n}", dict.fromkeys(HEADS, label), source, str(n))
        for n, label in enumerate(labels)
    ]


def scores_of(values: list[float]) -> Scores:
    column: Floats = np.array(values)
    return Scores([str(n) for n in range(len(values))], np.stack([column] * len(HEADS), axis=1))


def test_figures_count_what_is_found_and_what_is_missed():
    """Three of four found, one of five found wrongly."""
    labels = [1, 1, 1, 1, 0, 0, 0, 0, 0]
    values = [0.9, 0.8, 0.7, 0.1, 0.6, 0.2, 0.2, 0.1, 0.1]
    figures = figures_by_head(rows_of(labels), scores_of(values), HALF)["bias"]
    assert (figures.positives, figures.negatives) == (4, 5)
    assert figures.recall is not None
    assert figures.recall.value == 0.75
    assert figures.precision is not None
    assert figures.precision.value == 0.75
    assert figures.false_positives is not None
    assert figures.false_positives.value == 0.2
    assert figures.recall.low <= 0.75 <= figures.recall.high


def test_a_head_is_measured_only_by_rows_that_know_of_it():
    """The others have neither positives nor negatives."""
    rows = [LabelledText("a", {"bias": 1}, "s", "a"), LabelledText("b", {"bias": 0}, "s", "b")]
    figures = figures_by_head(rows, scores_of([0.9, 0.1]), HALF)
    assert (figures["bias"].positives, figures["bias"].negatives) == (1, 1)
    assert (figures["harm"].positives, figures["harm"].recall) == (0, None)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=2, max_size=12))
def test_the_area_is_the_share_of_pairs_in_the_right_order(pairs: list[tuple[bool, int]]):
    """By its definition, ties counting half; not a number without both kinds."""
    ones = [v for label, v in pairs if label]
    zeros = [v for label, v in pairs if not label]
    found = area(np.array([p[0] for p in pairs]), np.array([float(p[1]) for p in pairs]))
    if not ones or not zeros:
        assert math.isnan(found)
        return
    order = [(1 + np.sign(a - b)) / 2 for a in ones for b in zeros]
    assert found == pytest.approx(sum(order) / len(order))


def test_calibrated_probabilities_come_true():
    """Logits that are twice too sure are halved."""
    rng = Random(1)
    logits = [rng.gauss(0, 2) for _ in range(4000)]
    labels = [int(rng.random() < 1 / (1 + math.exp(-x))) for x in logits]
    values = [1 / (1 + math.exp(-2 * x)) for x in logits]
    calibration = calibrated(rows_of(labels, "other"), scores_of(values))["harm"]
    assert calibration.slope == pytest.approx(0.5, abs=0.05)
    assert calibration.intercept == pytest.approx(0, abs=0.1)


def test_the_threshold_spares_honest_customers():
    """At most five in a thousand of their texts are found, and it is never below 0.8."""
    rng = Random(2)
    labels = [0] * 3000 + [1] * 300
    values = [rng.betavariate(1, 9) for _ in range(3000)] + [
        rng.betavariate(9, 2) for _ in range(300)
    ]
    rows, scores = rows_of(labels), scores_of(values)
    calibration = calibrated(rows, scores)["bias"]
    logits = np.log(scores.values[:, 0] / (1 - scores.values[:, 0]))
    p = 1 / (1 + np.exp(-(calibration.slope * logits + calibration.intercept)))
    assert (p[:3000] >= calibration.threshold).mean() <= 0.005
    assert calibration.threshold >= 0.8


async def test_a_text_scores_what_its_policy_gives():
    """A policy that finds nothing gives 0, and whoever waits is told how far it is."""
    told: list[tuple[int, int]] = []
    guards: dict[Head, Policy] = {head: BlockedTerms(terms=("idiot",)) for head in HEADS}
    scores = await scored(guards, ["a", "b"], lambda done, of: told.append((done, of)))
    assert scores.values.shape == (2, len(HEADS))
    assert not scores.values.any()
    assert told == [(1, 2), (2, 2)]
