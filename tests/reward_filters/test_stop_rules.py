"""Stop rules: how many more candidates are worth their price."""

import pytest

from gateway.protocols import StopRule
from gateway.types import Candidate, ScoredCandidate
from reward_filters.fixed_n import FixedN

STOP_RULES: list[StopRule] = [FixedN()]


@pytest.mark.parametrize("rule", STOP_RULES, ids=repr)
@pytest.mark.parametrize("limit", [0, 1, 4, 64])
def test_no_rule_asks_for_more_than_the_limit_and_each_comes_to_an_end(rule: StopRule, limit: int):
    """A request's cap holds whatever the rule."""
    drawn: list[ScoredCandidate] = []
    for _ in range(limit + 1):
        wave = rule.next_wave(drawn, limit)
        assert 0 <= wave <= limit - len(drawn)
        if not wave:
            break
        drawn += [ScoredCandidate(Candidate(len(drawn) + i, "failed")) for i in range(wave)]
    assert rule.next_wave(drawn, limit) == 0


def test_fixed_n_starts_all_at_once():
    """One wave is the shortest wait."""
    assert FixedN().next_wave([], 4) == 4
