"""Another rule, for so long."""

import pytest
from pydantic import ValidationError

from gateway.protocols import Plan
from reward_filters.deadline import Deadline
from reward_filters.threshold import Threshold
from tests.reward_filters.progress import blocked, failed, finished, progress

RULE = Deadline(after_s=2, rule=Threshold(p_ok=0.8, at_once=2))


def test_before_its_time_the_inner_rule_decides():
    """But the question is asked again when the time is up."""
    assert RULE.plan(progress(elapsed_ms=1999)) == Plan(2, reason="limit", ask_at_ms=2000)
    assert RULE.plan(progress([finished(1.0, 0.9)])).reason == "good enough"


def test_the_earlier_of_two_deadlines_is_asked_at():
    """Whichever holds the other."""
    assert Deadline(5, Deadline(2)).plan(progress()).ask_at_ms == 2000
    assert Deadline(2, Deadline(5)).plan(progress()).ask_at_ms == 2000


def test_after_its_time_one_answer_is_enough():
    """What still runs is cancelled."""
    told = progress([finished(-5.0, 0.1)], running=3, elapsed_ms=2000)
    assert RULE.plan(told) == Plan(0, reason="deadline")


def test_after_its_time_the_first_answer_is_waited_for_and_nothing_started():
    """A blocked draw is no answer."""
    told = progress([blocked()], running=1, room=5, elapsed_ms=3000)
    assert RULE.plan(told) == Plan(1, reason="deadline")


def test_after_its_time_there_is_still_one_draw_at_a_time_until_there_is_an_answer():
    """A slow input guard may use up all the time: that must not mean no answer at all."""
    for ended in ([], [blocked()], [blocked(), failed(1)]):
        assert RULE.plan(progress(ended, room=5, elapsed_ms=3000)) == Plan(1, reason="deadline")
        assert RULE.plan(progress(ended, room=0, elapsed_ms=3000)).draws == 0


def test_a_rule_that_stops_by_itself_gives_its_own_reason():
    """The ledger tells why."""
    told = progress([finished(1.0, 0.9)], running=1, elapsed_ms=9000)
    assert RULE.plan(told).reason == "good enough"


@pytest.mark.parametrize("options", [{"after_s": 0}, {"after_s": float("nan")}, {}, {"rule": 1}])
def test_options_that_make_no_sense_are_refused(options: dict[str, float]):
    """At start, not in production."""
    with pytest.raises(ValidationError):
        Deadline(**options)  # pyright: ignore[reportArgumentType]
