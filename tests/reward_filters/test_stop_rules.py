"""Every stop rule keeps to what is promised to those who ask it."""

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reward_filters
from gateway.errors import ConfigurationError
from gateway.plugins import build_plugin
from gateway.protocols import Plan, Progress, StopRule
from gateway.types import ScoredCandidate
from reward_filters.budget import Budget
from reward_filters.deadline import Deadline
from reward_filters.fixed_n import FixedN
from reward_filters.pandora import Pandora
from reward_filters.threshold import Threshold
from tests.reward_filters.progress import endings, failed, finished, moments, progress

STOP_RULES: list[StopRule] = [
    FixedN(),
    Threshold(),
    Threshold(p_ok=0.2, at_once=5),
    Pandora(),
    Pandora(cost=0.01, at_once=5),
    Deadline(after_s=0.5),
    Deadline(after_s=0.1, rule=Pandora(at_once=1)),
    Budget(tokens=200),
    Budget(tokens=50, rule=Deadline(after_s=1, rule=Threshold())),
]

each_rule = pytest.mark.parametrize("rule", STOP_RULES, ids=lambda r: repr(r)[:60])


def test_every_stop_rule_of_the_folder_is_tried_here():
    """A new file without an entry above fails."""
    folder = Path(str(reward_filters.__file__)).parent
    with_a_plan = {f.stem for f in folder.glob("*.py") if "def plan(self" in f.read_text()}
    assert with_a_plan == {
        type(rule).__module__.removeprefix("reward_filters.") for rule in STOP_RULES
    }


@each_rule
@settings(deadline=None)
@given(told=moments)
def test_no_rule_asks_for_more_than_there_may_be(rule: StopRule, told: Progress):
    """A request's cap holds whatever the rule, and the same question has the same answer."""
    plan = rule.plan(told)
    assert 0 <= plan.draws <= told.running + told.room
    assert plan.reason
    assert rule.plan(told) == plan


@each_rule
@settings(deadline=None)
@given(ends=st.lists(endings, max_size=12), data=st.data())
def test_every_rule_comes_to_an_end(
    rule: StopRule, ends: Sequence[ScoredCandidate], data: st.DataObject
):
    """Followed as the gateway follows it: each question starts a draw, waits for one, or is the
    last.
    """
    told = progress(room=len(ends))
    for _ in range(3 * len(ends) + 3):
        if (plan := rule.plan(told)).draws == 0:
            break
        told = _followed(told, plan, ends, data)
    assert rule.plan(told).draws == 0


def _followed(
    told: Progress, plan: Plan, ends: Sequence[ScoredCandidate], data: st.DataObject
) -> Progress:
    """What is known after the next draw has ended, or at the moment the rule wanted to be asked."""
    started = max(plan.draws - told.running, 0)
    told = replace(told, running=told.running + started, room=told.room - started)
    assert told.running > 0
    now, spent = told.elapsed_ms, told.tokens
    if plan.ask_at_ms > now and isfinite(plan.ask_at_ms) and data.draw(st.booleans()):
        return replace(told, elapsed_ms=plan.ask_at_ms)
    if plan.ask_at_tokens > spent and isfinite(plan.ask_at_tokens) and data.draw(st.booleans()):
        return replace(told, tokens=int(plan.ask_at_tokens))
    ending = ends[len(told.ended)]
    return Progress(
        ended=(*told.ended, ending),
        running=told.running - 1,
        room=told.room,
        elapsed_ms=now + 100,
        tokens=spent + (ending.candidate.completion_tokens or 0),
    )


@each_rule
def test_every_rule_begins(rule: StopRule):
    """Nobody waits for nothing."""
    assert rule.plan(progress()).draws > 0


@each_rule
def test_with_nothing_at_work_and_nothing_to_start_every_rule_stops(rule: StopRule):
    """No request hangs."""
    assert rule.plan(progress([failed()], room=0)).draws == 0
    assert rule.plan(progress(room=0)).draws == 0


def test_fixed_n_starts_all_at_once():
    """One wave is the shortest wait."""
    assert FixedN().plan(progress(room=4)) == Plan(4, reason="limit")


def test_fixed_n_waits_for_all_and_replaces_none():
    """However good the first one is, and whatever became of the others."""
    told = progress([finished(9.0, 1.0), failed()], running=2, room=0)
    assert FixedN().plan(told).draws == 2


def test_a_rule_holds_another_from_a_config():
    """`rule` is an entry of its own."""
    options = {
        "tokens": 100,
        "rule": {
            "use": "reward_filters.deadline:Deadline",
            "after_s": 2,
            "rule": {"use": "reward_filters.threshold:Threshold", "p_ok": 0.5},
        },
    }
    rule = build_plugin("reward_filters.budget:Budget", options, "candidates.stop", StopRule)
    assert rule == Budget(100, Deadline(2, Threshold(p_ok=0.5)))


@pytest.mark.parametrize("wrong", [{"use": "reward_filters.best_of_n:BestOfN"}, "Threshold", 3])
def test_what_is_no_rule_is_refused(wrong: object):
    """At start, with the option's name."""
    options = {"after_s": 1, "rule": wrong}
    with pytest.raises(ConfigurationError, match=r"candidates.stop.*rule"):
        build_plugin("reward_filters.deadline:Deadline", options, "candidates.stop", StopRule)
