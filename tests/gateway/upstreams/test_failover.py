"""Failover: the next server is asked when one gives no answer."""

import pytest

from gateway.errors import UpstreamFailure, UpstreamRefusal, UpstreamTimeout
from gateway.types import Conversation, Message, SamplingParameters
from gateway.upstreams.failover import Failover
from gateway.upstreams.scripted import Line, ScriptedUpstream

ASKED = Conversation((Message("user", "Hello"),))
SAMPLING = SamplingParameters(max_tokens=8)


async def text_of(upstream: Failover) -> str:
    return "".join([f.text async for f in upstream.sample(ASKED, SAMPLING)])


DOWN = ScriptedUpstream([Line(failure=UpstreamFailure("down"))])


async def test_the_next_server_answers_for_one_that_is_down():
    """The client notices nothing."""
    failover = Failover([DOWN, ScriptedUpstream([Line("from the second")])])
    assert await text_of(failover) == "from the second"


async def test_when_all_are_down_the_last_failure_is_told():
    """There is nobody left to ask."""
    with pytest.raises(UpstreamFailure, match="down"):
        await text_of(Failover([DOWN, DOWN]))


async def test_a_refused_request_is_not_tried_elsewhere():
    """The next server would refuse it too."""
    second = ScriptedUpstream([Line("x")])
    first = ScriptedUpstream([Line(failure=UpstreamRefusal("too long"))])
    with pytest.raises(UpstreamRefusal):
        await text_of(Failover([first, second]))
    assert not second.calls


async def test_a_timeout_is_not_tried_elsewhere():
    """The time is spent; a second try would spend it again."""
    second = ScriptedUpstream([Line("late")])
    slow = ScriptedUpstream([Line(failure=UpstreamTimeout("slow"))])
    with pytest.raises(UpstreamTimeout):
        await text_of(Failover([slow, second]))
    assert not second.calls


async def test_an_answer_that_has_begun_is_not_begun_again():
    """What was said can't be taken back, and half of it twice is no answer."""
    second = ScriptedUpstream([Line("once more")])
    breaks = ScriptedUpstream([Line("Your order", failure=UpstreamFailure("broke off"))])
    with pytest.raises(UpstreamFailure, match="broke off"):
        await text_of(Failover([breaks, second]))
    assert not second.calls


async def test_an_answer_that_has_ended_without_text_is_not_begun_again():
    """One of a call: whoever was told of its end would be told of another answer."""
    second = ScriptedUpstream([Line("once more")], together=True)
    lines = [Line(""), Line(failure=UpstreamFailure("broke off"))]
    failover = Failover([ScriptedUpstream(lines, together=True), second])
    with pytest.raises(UpstreamFailure, match="broke off"):
        assert [f async for f in failover.sample(ASKED, SAMPLING, 2)]
    assert not second.calls


@pytest.mark.parametrize("together", [True, False])
async def test_what_one_server_cannot_do_is_asked_of_none(together: bool):
    """Any of them may get the call."""
    servers = [
        ScriptedUpstream([], together=True, seeds=True),
        ScriptedUpstream([], together=together, seeds=together),
    ]
    failover = Failover(servers)
    assert (failover.together, failover.seeds) == (together, together)
