"""Failover: the next server is asked when one gives no answer."""

import pytest

from gateway.errors import UpstreamFailure, UpstreamRefusal, UpstreamTimeout
from gateway.types import Conversation, Message, SamplingParameters
from gateway.upstreams.failover import Failover
from gateway.upstreams.scripted import Line, ScriptedUpstream

ASKED = Conversation((Message("user", "Hello"),))
SAMPLING = SamplingParameters(max_tokens=8)
DOWN = ScriptedUpstream([Line(failure=UpstreamFailure("down"))])


async def test_the_next_server_answers_for_one_that_is_down():
    """The client notices nothing."""
    failover = Failover([DOWN, ScriptedUpstream([Line("from the second")])])
    assert (await failover.complete(ASKED, SAMPLING)).text == "from the second"


async def test_when_all_are_down_the_last_failure_is_told():
    """There is nobody left to ask."""
    with pytest.raises(UpstreamFailure, match="down"):
        await Failover([DOWN, DOWN]).complete(ASKED, SAMPLING)


async def test_a_refused_request_is_not_tried_elsewhere():
    """The next server would refuse it too."""
    second = ScriptedUpstream([Line("x")])
    first = ScriptedUpstream([Line(failure=UpstreamRefusal("too long"))])
    with pytest.raises(UpstreamRefusal):
        await Failover([first, second]).complete(ASKED, SAMPLING)
    assert not second.calls


async def test_a_timeout_is_not_tried_elsewhere():
    """The time is spent; a second try would spend it again."""
    second = ScriptedUpstream([Line("late")])
    slow = ScriptedUpstream([Line(failure=UpstreamTimeout("slow"))])
    with pytest.raises(UpstreamTimeout):
        await Failover([slow, second]).complete(ASKED, SAMPLING)
    assert not second.calls
