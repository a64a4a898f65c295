"""Claims about measuring a reward model."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.alignment.reward_data import Answer, Comparison
from gateway.alignment.reward_evaluation import (
    Calibration,
    calibrated,
    calibration_error,
    evaluate,
    figures_by_slice,
)
from gateway.types import Conversation, Message


@dataclass(frozen=True)
class WordCount:
    """A reward model that likes words: real, and easily foreseen."""

    sign: float = 1.0
    revision: str = "word-count"

    async def score(self, conversation: Conversation, answers: Sequence[str]) -> Sequence[float]:
        return [self.sign * len(a.split()) for a in answers if conversation.messages]


def comparison(*scores: float, model: str = "qwen-0.5b") -> Comparison:
    pairs = tuple(
        (i, j, a - b) for i, a in enumerate(scores) for j, b in enumerate(scores) if a > b
    )
    answers = tuple(Answer(f"answer {i}", s, model=model) for i, s in enumerate(scores))
    return Comparison(Conversation((Message("user", "?"),)), answers, pairs)


async def test_a_model_that_agrees_reaches_all_of_the_gain(tmp_path: Path) -> None:
    """Share of gain is 1 for the oracle's picks, and the pick is the best answer."""
    line = {
        "messages": [{"role": "user", "content": "?"}],
        "candidates": [
            {"text": "one two three", "score": 9, "model": "qwen2.5-coder-0.5b-instruct"},
            {"text": "one", "score": 1, "model": "qwen2.5-coder-0.5b-instruct"},
            {"text": "one two", "score": 2, "model": "smollm2"},
        ],
        "split": "test",
    }
    file = tmp_path / "data.jsonl"
    file.write_text(json.dumps(line), encoding="utf-8")
    good = (await evaluate(WordCount(), [file])).slices["all"]
    bad = (await evaluate(WordCount(-1.0), [file])).slices["all"]
    assert good.pairs is not None
    assert good.gain is not None
    assert (good.pairs.value, good.gain.value) == (1, 1)
    assert bad.pairs is not None
    assert bad.pick is not None
    assert (bad.pairs.value, bad.pick.value) == (0, 1)


async def test_slices_hold_the_answers_of_their_models_alone(tmp_path: Path) -> None:
    """A pair of a good model's and a bad model's answer says nothing about either."""
    line = {
        "messages": [{"role": "user", "content": "?"}],
        "candidates": [
            {"text": "one two", "score": 9, "model": "qwen2.5-coder-1.5b-instruct"},
            {"text": "one two three", "score": 3, "model": "qwen2.5-coder-0.5b-instruct"},
            {"text": "one", "score": 1, "model": "smollm2"},
        ],
        "split": "test",
    }
    file = tmp_path / "data.jsonl"
    file.write_text(json.dumps(line), encoding="utf-8")
    slices = (await evaluate(WordCount(), [file])).slices
    assert slices["qwen"].random == 6
    assert slices["qwen"].pairs is not None
    assert slices["qwen"].pairs.value == 0
    assert "qwen-0.5b" not in slices


def test_a_tie_counts_half() -> None:
    """A model that gives everything the same score is right half of the time, no more."""
    figures = figures_by_slice([(comparison(1, 5), [0.0, 0.0])])["all"]
    assert figures.pairs is not None
    assert figures.pairs.value == 0.5


def test_only_wide_gaps_are_clear_pairs() -> None:
    """A gap of one point is within what two readings of the rubric differ by."""
    figures = figures_by_slice([(comparison(1, 2, 4), [2.0, 1.0, 3.0])])["all"]
    assert figures.pairs is not None
    assert figures.clear_pairs is not None
    assert figures.pairs.value == pytest.approx(2 / 3)
    assert figures.clear_pairs.value == 1


def test_pairs_without_ratings_have_no_pick() -> None:
    """A choice between two answers does not say how good either is."""
    unrated = Comparison(Conversation(()), (Answer("a"), Answer("b")), ((0, 1, 2.0),))
    figures = figures_by_slice([(unrated, [1.0, 0.0])])["all"]
    assert figures.pairs is not None
    assert figures.pairs.value == 1
    assert (figures.pick, figures.random, figures.gain) == (None, None, None)


@given(
    st.lists(
        st.tuples(st.integers(0, 10), st.integers(0, 10), st.floats(-3, 3), st.floats(-3, 3)),
        min_size=1,
        max_size=20,
    )
)
def test_an_interval_holds_what_is_possible(rows: list[tuple[int, int, float, float]]) -> None:
    """Shares of pairs lie in [0, 1], their interval is in order, and a pick lies between scores."""
    scored = [(comparison(a, b), [s, t]) for a, b, s, t in rows]
    figures = figures_by_slice(scored)["all"]
    if figures.pairs is not None:
        assert 0 <= figures.pairs.low <= figures.pairs.high <= 1
    assert figures.pick is not None
    assert figures.best is not None
    assert figures.pick.value <= figures.best + 1e-9


def test_calibration_finds_the_logistic_that_made_the_outcomes() -> None:
    """Slope and intercept come back from outcomes drawn with them."""
    rng = np.random.default_rng(1)
    scores = rng.normal(0, 2, 4000)
    ok = rng.random(4000) < 1 / (1 + np.exp(-(1.5 * scores - 1)))
    scored = [(comparison(8.0 if o else 3.0), [float(s)]) for s, o in zip(scores, ok, strict=True)]
    fitted = calibrated(scored)
    assert fitted is not None
    assert fitted.slope == pytest.approx(1.5, abs=0.15)
    assert fitted.intercept == pytest.approx(-1, abs=0.15)
    error = calibration_error(scored, fitted)
    assert error is not None
    assert error < 0.02


def test_separable_outcomes_give_a_finite_calibration() -> None:
    """The maximum of the likelihood lies at infinity there; a log must not."""
    scored = [(comparison(9.0, 1.0), [2.0, -2.0])] * 10
    fitted = calibrated(scored)
    assert fitted is not None
    assert math.isfinite(fitted.slope)
    assert fitted.slope > 0


def test_one_sided_outcomes_give_no_calibration() -> None:
    """Where no answer was ever usable, there is nothing to fit."""
    assert calibrated([(comparison(1.0, 2.0), [0.0, 1.0])]) is None


def test_a_confident_wrong_calibration_has_a_large_error() -> None:
    """The error is the distance between what was promised and what came."""
    scored = [(comparison(1.0, 2.0), [1.0, 1.0])] * 5
    error = calibration_error(scored, Calibration(slope=0.0, intercept=20.0))
    assert error == pytest.approx(1.0)
