"""The first answer that is probably acceptable is enough."""

import pytest
from pydantic import ValidationError

from gateway.protocols import Plan
from reward_filters.threshold import Threshold
from tests.reward_filters.progress import blocked, failed, finished, progress


def test_an_acceptable_answer_ends_the_sampling():
    """The draws that still run are cancelled."""
    told = progress([finished(1.0, 0.3), finished(2.0, 0.8)], running=1, room=2)
    assert Threshold(p_ok=0.8).plan(told) == Plan(0, reason="good enough")


def test_until_then_as_many_are_at_work_as_was_asked_for():
    """Each that ends makes room for one."""
    rule = Threshold(at_once=3)
    assert rule.plan(progress(room=8)).draws == 3
    assert rule.plan(progress([finished(1.0, 0.3)], running=2, room=5)).draws == 3
    assert rule.plan(progress([finished(1.0, 0.3)], running=2, room=0)).draws == 2


@pytest.mark.parametrize("ended", [finished(9.0), finished(), blocked(), failed()])
def test_what_has_no_probability_is_never_enough(ended: object):
    """Whether the model is not calibrated, failed, or was never asked."""
    assert Threshold(p_ok=0).plan(progress([ended], room=3)).draws == 2  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("options", [{"p_ok": 1.1}, {"at_once": 0}, {"pok": 0.5}])
def test_options_that_make_no_sense_are_refused(options: dict[str, float]):
    """At start, not in production."""
    with pytest.raises(ValidationError):
        Threshold(**options)  # pyright: ignore[reportArgumentType]
