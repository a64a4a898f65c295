"""What the ledger says of rewards before anything is drawn."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.alignment.reward_prior import Group, fit_prior, groups, write_prior
from gateway.alignment.reward_records import DrawRecord, RewardRecord
from gateway.errors import ConfigurationError
from reward_filters.pandora import Pandora, Prior, read_prior
from tests.reward_filters.progress import finished, progress

TRUTH = Prior(
    revision="reward-1",
    mean=2.0,
    between=0.8,
    within=1.2,
    survived=6.0,
    lost=2.0,
    exchanges=0,
    rewards=0,
    source="made up",
)


def drawn(rng: Random, truth: Prior, least: int, most: int) -> Group:
    """One exchange of some number of draws."""
    mean = rng.gauss(truth.mean, truth.between)
    rate = rng.betavariate(truth.survived, truth.lost)
    draws = rng.randint(least, most)
    survived = sum(rng.random() < rate for _ in range(draws))
    rewards = tuple(rng.gauss(mean, truth.within) for _ in range(survived))
    return Group(rewards, survived, draws - survived)


def stopped(rng: Random, truth: Prior) -> Group:
    """One exchange in which the real rule decides, draw by draw, by the rewards so far."""
    rule = Pandora(cost=0.3, prior=truth, at_once=1)
    everything = drawn(rng, replace(truth, survived=1e6, lost=1e-6), 12, 12).rewards
    seen = 1
    while rule.plan(progress([finished(r) for r in everything[:seen]], room=12 - seen)).draws:
        seen += 1
    return Group(everything[:seen], seen, 0)


def fitted(found: Sequence[Group]) -> Prior:
    return fit_prior(found, "reward-1", "a test")


def test_the_fit_finds_what_the_rewards_were_drawn_from():
    """With one to six draws an exchange, of which some did not survive."""
    rng = Random(0)
    prior = fitted([drawn(rng, TRUTH, 1, 6) for _ in range(3000)])
    assert prior.mean == pytest.approx(TRUTH.mean, abs=0.06)
    assert prior.between == pytest.approx(TRUTH.between, abs=0.08)
    assert prior.within == pytest.approx(TRUTH.within, abs=0.05)
    assert prior.survival(0, 0) == pytest.approx(0.75, abs=0.02)
    assert prior.survived + prior.lost == pytest.approx(8, rel=0.4)


def test_a_stop_rule_that_looks_at_rewards_does_not_bias_the_fit():
    """Averages per exchange would say more than the truth: a lucky first draw is the only one."""
    rng = Random(1)
    found = [stopped(rng, TRUTH) for _ in range(1500)]
    assert len({len(g.rewards) for g in found}) > 5
    averages = [sum(g.rewards) / len(g.rewards) for g in found]
    assert sum(averages) / len(averages) > TRUTH.mean + 0.15
    prior = fitted(found)
    assert prior.mean == pytest.approx(TRUTH.mean, abs=0.1)
    assert prior.between == pytest.approx(TRUTH.between, abs=0.12)
    assert prior.within == pytest.approx(TRUTH.within, abs=0.06)


def test_exchanges_that_are_all_alike_have_no_spread_between_them():
    """Not a small one that the noise made up: the same rewards in each."""
    prior = fitted([Group((-1.0, 1.0), 2, 0)] * 100)
    assert (prior.mean, prior.between, prior.within) == (0.0, 0.0, 1.0)


def test_prompts_that_lose_all_or_nothing_are_told_from_draws_that_are_lost_by_chance():
    """Half of all draws are lost in both; after one that was, the next differs."""
    rewards = (0.0, 1.0)
    by_prompt = fitted([Group(rewards, 4, 0), Group((), 0, 4)] * 100)
    by_chance = fitted([Group(rewards, 2, 2)] * 200)
    assert by_prompt.survival(0, 0) == pytest.approx(by_chance.survival(0, 0), abs=0.01)
    assert by_prompt.survival(0, 2) < 0.2
    assert by_chance.survival(0, 2) > 0.45


@settings(max_examples=15, deadline=None)
@given(shift=st.floats(-100, 100), scale=st.floats(0.1, 10))
def test_the_unit_of_the_reward_is_that_of_the_prior(shift: float, scale: float):
    """Shifted and stretched rewards have a shifted and stretched prior."""
    rng = Random(2)
    found = [drawn(rng, TRUTH, 1, 4) for _ in range(200)]
    moved = [replace(g, rewards=tuple(shift + scale * r for r in g.rewards)) for g in found]
    prior, other = fitted(found), fitted(moved)
    assert other.mean == pytest.approx(shift + scale * prior.mean, abs=1e-6 * (1 + abs(shift)))
    assert other.between == pytest.approx(scale * prior.between, rel=1e-2)
    assert other.within == pytest.approx(scale * prior.within, rel=1e-2)


def test_too_little_is_refused_and_what_is_missing_is_told():
    """A guess would look like a fit."""
    few = [Group((0.0,), 1, 0)] * 70 + [Group((0.0, 1.0), 2, 0)] * 20 + [Group((), 0, 3)] * 500
    with pytest.raises(
        ConfigurationError, match=r"90 exchanges .* 10 exchanges are missing, and 30"
    ):
        fitted(few)
    with pytest.raises(ConfigurationError, match="all rewards of an exchange are equal"):
        fitted([Group((1.0, 1.0), 2, 0)] * 200)


def test_draws_that_were_cut_off_count_for_nothing():
    """And one that failed after a spare was started for it counts once, as the spare."""
    record = RewardRecord(
        exchange_id="e",
        conversation_id="c",
        model="support",
        mode="quality",
        revision="reward-1",
        draws=(
            DrawRecord(0, "finished", 10, passed=True, reward=1.5),
            DrawRecord(1, "finished", 10, passed=False),
            DrawRecord(2, "failed", 0),
            DrawRecord(3, "finished", 10, passed=True, reward=0.5, hedges=2),
            DrawRecord(4, "failed", 0),
            DrawRecord(5, "censored", 4),
        ),
    )
    assert groups([record]) == (Group((1.5, 0.5), survived=2, lost=2),)


def test_what_is_written_is_read_by_the_rule(tmp_path: Path):
    """The same prior."""
    write_prior(TRUTH, tmp_path / "prior.json")
    assert read_prior(tmp_path / "prior.json") == TRUTH
    with pytest.raises(ConfigurationError, match="cannot write"):
        write_prior(TRUTH, tmp_path / "no" / "prior.json")
