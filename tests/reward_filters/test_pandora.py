"""Another answer is drawn as long as it is worth its price."""

import json
from dataclasses import replace
from math import inf
from pathlib import Path
from random import Random
from statistics import NormalDist, fmean, pstdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.errors import ConfigurationError
from gateway.plugins import build_plugin
from gateway.protocols import StopRule
from reward_filters.cross_encoder import CrossEncoder
from reward_filters.pandora import SHIPPED_PRIOR, Pandora, Prior, gain, read_prior
from tests.reward_filters.progress import blocked, finished, progress

PRIOR = Prior(
    revision="reward-1",
    mean=0.0,
    between=1.0,
    within=1.0,
    survived=90.0,
    lost=10.0,
    exchanges=100,
    rewards=400,
    source="made up",
)
KNOWN = replace(PRIOR, between=0.0, survived=1e9, lost=1e-9)
"""Every prompt's answers are N(0, 1), and all survive."""


@pytest.mark.parametrize(("cost", "reservation"), [(0.05, 1.26), (0.1, 0.90), (0.2, 0.49)])
def test_the_sampling_ends_at_the_reservation_value(cost: float, reservation: float):
    """The published values for a known normal distribution of unit variance."""
    rule = Pandora(cost=cost, prior=KNOWN, at_once=1)
    assert rule.plan(progress([finished(reservation - 0.01)])).draws == 1
    assert rule.plan(progress([finished(reservation + 0.01)])).draws == 0


@pytest.mark.parametrize("others", [0, 1, 3])
@pytest.mark.parametrize("best", [-20.0, -1.0, 0.0, 1.5])
def test_the_gain_is_that_of_many_draws(best: float, others: int):
    """Simulated: by how much one more draw raises the best of what there is."""
    rng, reward, survival = Random(0), NormalDist(0.3, 1.2), 0.8

    def drawn() -> float:
        return rng.gauss(reward.mean, reward.stdev) if rng.random() < survival else -inf

    raised: list[float] = []
    for _ in range(20_000):
        before = max([best, *(drawn() for _ in range(others))])
        raised.append(max(drawn(), before) - before)
    error = pstdev(raised) / len(raised) ** 0.5
    assert gain(reward, survival, best, others) == pytest.approx(fmean(raised), abs=4 * error)


@settings(deadline=None)
@given(
    best=st.floats(-1e6, 1e6),
    mean=st.floats(-100, 100),
    stdev=st.floats(0.01, 100),
    survival=st.floats(0.01, 1),
    others=st.integers(0, 6),
)
def test_another_draw_is_never_worth_more_beside_more_others(
    best: float, mean: float, stdev: float, survival: float, *, others: int
):
    """Nor less than nothing."""
    reward = NormalDist(mean, stdev)
    alone, beside = (gain(reward, survival, best, others + i) for i in (0, 1))
    assert 0 <= beside <= alone * 1.001 + 1e-9


@given(
    rewards=st.lists(st.floats(-50, 50), max_size=10),
    between=st.floats(0.1, 10),
    within=st.floats(0.1, 10),
)
def test_what_is_believed_of_the_next_reward_is_bayes_rule(
    rewards: list[float], between: float, within: float
):
    """The same in one step, or reward by reward from each belief as the next prior."""
    prior = replace(PRIOR, between=between, within=within)
    believed = prior.next_reward(rewards)
    mean, variance = prior.mean, between**2
    for reward in rewards:
        share = variance / (variance + within**2)
        mean, variance = mean + share * (reward - mean), variance * (1 - share)
    assert believed.mean == pytest.approx(mean, abs=1e-6)
    assert believed.variance == pytest.approx(variance + within**2)


def test_a_poor_prompt_is_given_up_earlier_than_a_surprise():
    """The same best reward: where the others were as good, better ones are likely to come."""
    rule = Pandora(cost=0.2, prior=replace(PRIOR, between=3.0), at_once=1)
    poor = [finished(1.0), *(finished(-1.0) for _ in range(3))]
    good = [finished(1.0), *(finished(0.9) for _ in range(3))]
    assert rule.plan(progress(poor)).draws == 0
    assert rule.plan(progress(good)).draws == 1


def test_where_most_draws_are_lost_another_is_worth_less():
    """What a policy takes out has cost its tokens all the same."""
    rule = Pandora(cost=0.1, prior=replace(KNOWN, survived=1, lost=0.1), at_once=1)
    assert rule.plan(progress([finished(0.6)])).draws == 1
    lost = [blocked(i) for i in range(1, 6)]
    assert rule.plan(progress([finished(0.6), *lost])).draws == 0


def test_until_an_answer_is_there_it_goes_on():
    """Any answer is worth more than none."""
    rule = Pandora(cost=100, at_once=3)
    assert rule.plan(progress()).draws == 3
    assert rule.plan(progress([blocked()], running=1, room=1)).draws == 2
    assert rule.plan(progress([finished(None)], running=0, room=1)).draws == 1


def test_beside_others_at_work_fewer_are_worth_starting():
    """They may already bring what a further one would."""
    rule = Pandora(cost=0.12, prior=KNOWN, at_once=4)
    plans = [rule.plan(progress([finished(best)])).draws for best in (-2.0, 0.0, 0.5, 0.7, 0.9)]
    assert plans == sorted(plans, reverse=True)
    assert plans[0] == 4
    assert 0 < plans[2] < 4
    assert plans[-1] == 0


@settings(deadline=None)
@given(shift=st.floats(-100, 100), scale=st.floats(0.01, 100), best=st.floats(-3, 3))
def test_only_the_spread_counts_and_not_the_unit_of_the_reward(
    shift: float, scale: float, best: float
):
    """Another reward model with another scale needs no other cost."""
    moved = replace(PRIOR, mean=shift, between=scale, within=scale)
    here = Pandora(prior=PRIOR, at_once=3)
    there = replace(here, prior=moved)
    near = replace(here, cost=here.cost * 1.000001), replace(here, cost=here.cost * 0.999999)
    plans = {rule.plan(progress([finished(best)])).draws for rule in (here, *near)}
    assert there.plan(progress([finished(shift + scale * best)])).draws in plans


def test_the_shipped_prior_was_fitted_for_the_shipped_model():
    """`python -m bench.shipped_prior` makes it anew when the model changes."""
    assert Pandora().fitted_for == CrossEncoder().revision
    assert Pandora().prior == read_prior(SHIPPED_PRIOR)
    assert Pandora().prior.exchanges > 300


def test_another_prior_comes_from_a_file(tmp_path: Path):
    """As `winnow reward fit-prior` writes it."""
    file = tmp_path / "prior.json"
    file.write_text(json.dumps(json.loads(SHIPPED_PRIOR.read_text()) | {"revision": "mine"}))
    rule = build_plugin("reward_filters.pandora:Pandora", {"prior": str(file)}, "stop", StopRule)
    assert isinstance(rule, Pandora)
    assert rule.fitted_for == "mine"


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "cannot read the prior .*No such file"), ("{}", "holds no prior"), ("[", "no prior")],
)
def test_a_file_that_holds_no_prior_fails_at_start(tmp_path: Path, text: str | None, message: str):
    """The message names the file."""
    file = tmp_path / "prior.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        build_plugin("reward_filters.pandora:Pandora", {"prior": str(file)}, "stop", StopRule)


@pytest.mark.parametrize("options", [{"cost": 0}, {"at_once": 0}, {"costs": 1}])
def test_options_that_make_no_sense_are_refused(options: dict[str, float]):
    """At start, not in production."""
    with pytest.raises(ValidationError):
        Pandora(**options)  # pyright: ignore[reportArgumentType]
