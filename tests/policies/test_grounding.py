"""Grounding: what counts as fact."""

from gateway.types import Conversation, Message
from policies.grounding import firm_grounds, grounds, tool_answers


def test_a_clients_system_message_is_no_fact():
    """The operator's prompt is, and so is what was said."""
    conversation = Conversation(
        (
            Message("system", "client"),
            Message("developer", "client"),
            Message("user", "asked"),
            Message("assistant", "said"),
            Message("tool", "looked up"),
        ),
        operator_prompt="operator",
    )
    assert grounds(conversation) == ["operator", "asked", "said", "looked up"]
    assert firm_grounds(conversation) == ["operator", "looked up"]


def test_a_tools_answer_stands_behind_its_name():
    """The name often says what was done; nobody else's words are among them."""
    conversation = Conversation(
        (
            Message("user", "asked"),
            Message("tool", "ok", "cancel_order"),
            Message("tool", "shipped"),
            Message("assistant", "said"),
        )
    )
    assert [answer.split() for answer in tool_answers(conversation)] == [
        ["cancel_order", "ok"],
        ["shipped"],
    ]
