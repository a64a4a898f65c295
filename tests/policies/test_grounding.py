"""Grounding: what counts as fact."""

from gateway.types import Conversation, Message
from policies.grounding import grounds


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
