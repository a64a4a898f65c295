"""How much of a score is length, found again in scores that were made with a known trend."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.alignment.length_trend import ENOUGH, fit_length_trend
from gateway.alignment.reward_records import DrawRecord, RewardRecord
from gateway.errors import ConfigurationError
from gateway.types import Conversation
from reward_filters.heuristics import Heuristics
from reward_filters.length_debiased import LengthDebiased

REVISION = Heuristics().revision
Curve = Callable[[float], float]


def rising(log_length: float) -> float:
    return 2 * np.tanh(1.5 * (log_length - 5.5))


def record(number: int, lengths: list[int], rewards: list[float]) -> RewardRecord:
    draws = tuple(
        DrawRecord(i, "finished", length, passed=True, reward=reward)
        for i, (length, reward) in enumerate(zip(lengths, rewards, strict=True))
    )
    return RewardRecord(
        f"exchange-{number}", f"conversation-{number}", "support", "quality", REVISION, draws
    )


def made(curve: Curve, exchanges: int = 300, confounding: float = 0.0) -> list[RewardRecord]:
    """Four draws each; with `confounding`, questions with long answers have other levels."""
    rng = np.random.default_rng(7)
    found: list[RewardRecord] = []
    for number in range(exchanges):
        usual = rng.normal(5.5, 0.6)
        level = rng.normal() + confounding * (usual - 5.5)
        lengths = [int(n) for n in np.exp(rng.normal(usual, 0.5, 4)).clip(1, 4000)]
        noise = rng.normal(0, 0.5, 4)
        rewards = [float(level + curve(np.log(n)) + e) for n, e in zip(lengths, noise, strict=True)]
        found.append(record(number, lengths, rewards))
    return found


def test_the_trend_is_found_and_its_correlation_goes():
    """By its shape: how high it lies in all is not length's doing."""
    report = fit_length_trend(made(rising), REVISION)
    lengths = [100, 150, 245, 400, 600]
    points = np.array([report.trend.at(n) for n in lengths])
    true = np.array([rising(np.log(n)) for n in lengths])
    assert points - points.mean() == pytest.approx(true - true.mean(), abs=0.4)
    assert report.spearman_before > 0.6
    assert abs(report.spearman_after) < 0.15
    assert (report.candidates, report.exchanges) == (1200, 300)


def test_hard_questions_with_long_answers_make_no_trend():
    """Longer answers score far lower over all exchanges here, and within each they do not."""
    records = made(lambda _: 0.0, confounding=-3)
    draws = [draw for record in records for draw in record.draws]
    over_all = np.corrcoef([np.log(d.characters) for d in draws], [d.reward or 0 for d in draws])
    assert over_all[0, 1] < -0.5
    trend = fit_length_trend(records, REVISION).trend
    assert abs(trend.at(600) - trend.at(100)) < 0.25


def test_mean_and_deviation_are_those_of_the_scores():
    """An ensemble takes them as `center` and `scale`."""
    records = made(rising)
    rewards = [draw.reward for record in records for draw in record.draws]
    report = fit_length_trend(records, REVISION)
    assert report.mean == pytest.approx(np.mean(np.array(rewards, float)))
    assert report.deviation == pytest.approx(np.std(np.array(rewards, float)))


def test_what_cannot_be_compared_is_left_out():
    """Lonely draws, unscored ones, those cut off, and those of another reward model."""
    records = made(rising)
    cut = DrawRecord(9, "censored", 10_000, passed=True, reward=99.0)
    unscored = DrawRecord(8, "finished", 10_000, passed=False)
    more = [
        record(1001, [10_000], [99.0]),
        RewardRecord("e", "c", "m", "quality", "other", record(1, [1, 9], [9.0, 9.0]).draws),
        RewardRecord("e", "c", "m", "quality", REVISION, (cut, unscored)),
    ]
    assert fit_length_trend([*records, *more], REVISION) == fit_length_trend(records, REVISION)


def test_too_few_candidates_are_refused_with_what_is_missing():
    """Of those that can be compared."""
    records = made(rising, exchanges=49)
    with pytest.raises(ConfigurationError, match=f"has 196 candidates .* {ENOUGH - 196} more"):
        fit_length_trend([*records, record(1001, [5], [1.0])], REVISION)
    assert fit_length_trend(made(rising, exchanges=50), REVISION).candidates == ENOUGH


def test_answers_that_are_all_equally_long_are_refused():
    """There is nothing to see a trend by."""
    records = [record(i, [10 + i] * 4, [0.0, 1.0, 2.0, 3.0]) for i in range(100)]
    with pytest.raises(ConfigurationError, match="equally long"):
        fit_length_trend(records, REVISION)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.floats(-10, 10)).map(lambda pair: (10 ** pair[0], pair[1])),
        min_size=4,
        max_size=4,
    ).filter(lambda draws: len({length for length, _ in draws}) > 1)
)
def test_any_scores_give_a_proper_trend(draws: list[tuple[int, float]]):
    """Few lengths, ties, empty answers: finite, rising knots whose level is that of the scores."""
    lengths, rewards = [length for length, _ in draws], [reward for _, reward in draws]
    report = fit_length_trend([record(i, lengths, rewards) for i in range(60)], REVISION)
    knots = report.trend.knots
    assert all(np.isfinite(knot.points) for knot in knots)
    assert np.mean([report.trend.at(n) for n in lengths]) == pytest.approx(0, abs=1e-6)


async def test_the_file_is_what_length_debiased_reads(tmp_path: Path):
    """It carries the revision, and for people what it was made from."""
    report = fit_length_trend(made(rising), REVISION)
    file = tmp_path / "trend.json"
    file.write_text(report.to_json())
    model = LengthDebiased(Heuristics(), file)
    scores = await model.score(Conversation(()), ["x" * 50])
    raw = await Heuristics().score(Conversation(()), ["x" * 50])
    assert scores == pytest.approx([raw[0] - report.trend.at(50)])
    told = json.loads(file.read_text())
    assert told["candidates"] == 1200
    assert told["revision"] == REVISION
