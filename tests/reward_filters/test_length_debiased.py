"""A reward model less what length alone foretells of its scores."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.errors import ConfigurationError
from gateway.plugins import build_plugin
from gateway.protocols import Calibrated, PrefixScorer, RewardModel
from gateway.types import Conversation, Message
from reward_filters.cross_encoder import CrossEncoder
from reward_filters.heuristics import Heuristics
from reward_filters.length_debiased import Knot, LengthDebiased, LengthTrend

QUESTION = Conversation((Message("user", "Where is my parcel?"),))
TREND = LengthTrend("r", (Knot(10, -1.0), Knot(100, 1.0), Knot(1000, 0.0)))


def written(folder: Path, fitted_for: str, **changed: Any) -> Path:
    knots = [{"characters": 10, "points": -1.0}, {"characters": 100, "points": 1.0}]
    path = folder / "trend.json"
    path.write_text(json.dumps({"revision": fitted_for, "knots": knots, "candidates": 9} | changed))
    return path


@pytest.mark.parametrize(
    ("characters", "points"),
    [(0, -1), (10, -1), (31, math.log10(3.1) * 2 - 1), (100, 1), (1000, 0), (99_999, 0)],
)
def test_the_trend_is_linear_in_the_logarithm_and_flat_outside(characters: int, points: float):
    """Ten times as long is as far from 10 to 100 as from 100 to 1000."""
    assert TREND.at(characters) == pytest.approx(points)


@given(st.integers(0, 5000))
def test_the_trend_stays_within_its_knots(characters: int):
    """Nothing is extrapolated."""
    assert -1 <= TREND.at(characters) <= 1


async def test_what_length_foretells_is_taken_off(tmp_path: Path):
    """And nothing else."""
    rules = Heuristics()
    answers = ["x" * 10, "x" * 100]
    raw = await rules.score(QUESTION, answers)
    async with LengthDebiased(rules, written(tmp_path, rules.revision)) as model:
        scores = await model.score(QUESTION, answers)
    assert scores == pytest.approx([raw[0] + 1, raw[1] - 1])


def test_calibration_and_prefixes_of_the_model_are_not_passed_on(tmp_path: Path):
    """They were measured on other scores."""
    model = LengthDebiased(CrossEncoder(), written(tmp_path, CrossEncoder().revision))
    assert not isinstance(model, Calibrated)
    assert not isinstance(model, PrefixScorer)


def test_a_trend_of_another_revision_is_refused(tmp_path: Path):
    """It would take off what the model never put on; the message names both and says what to do."""
    with pytest.raises(ValidationError, match=r"'old@1'.*'heuristics@.*fit-length"):
        LengthDebiased(Heuristics(), written(tmp_path, "old@1"))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"knots": []}, "knots"),
        ({"knots": [{"characters": 0, "points": 1}]}, r"knots\.0\.characters"),
        ({"knots": [{"characters": 9, "points": 1}, {"characters": 9, "points": 1}]}, "must rise"),
        ({"knots": [{"characters": 9, "points": float("nan")}]}, r"knots\.0\.points"),
        ({"revision": None}, "revision"),
    ],
)
def test_a_file_that_is_no_trend_is_named(tmp_path: Path, changed: dict[str, Any], told: str):
    """With the key that is wrong."""
    path = written(tmp_path, Heuristics().revision, **changed)
    with pytest.raises(ValidationError, match=rf"trend\.json.*{told}"):
        LengthDebiased(Heuristics(), path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    """At start, not at the first request."""
    with pytest.raises(ValidationError, match="No such file"):
        LengthDebiased(Heuristics(), tmp_path / "none.json")


def test_a_config_names_model_and_trend(tmp_path: Path):
    """The model as a nested plug-in; what is no reward model is refused."""
    use = "reward_filters.length_debiased:LengthDebiased"
    rules = Heuristics()
    options = {"model": rules, "trend": str(written(tmp_path, rules.revision))}
    nested = {**options, "model": {"use": "reward_filters.heuristics:Heuristics"}}
    built = build_plugin(use, nested, "reward", RewardModel)
    assert built.revision == LengthDebiased(rules, tmp_path / "trend.json").revision
    with pytest.raises(ConfigurationError, match="model"):
        build_plugin(use, options | {"model": "rules"}, "reward", RewardModel)
