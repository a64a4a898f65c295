"""Conversations as plain text."""

from gateway.types import Conversation, Message
from reward_filters.dialogue import transcript

CONVERSATION = Conversation(
    (
        Message("system", "Be brief."),
        Message("user", "Hello."),
        Message("assistant", "Hi."),
        Message("user", "Where is it?"),
    ),
    "You are kind.",
)


def test_the_last_turns_are_lines_with_their_roles():
    """System texts are not among them."""
    assert transcript(CONVERSATION, 2, 100) == "assistant: Hi.\nuser: Where is it?"
    assert transcript(CONVERSATION, 9, 100).startswith("user: Hello.\n")


def test_of_a_long_one_the_end_is_kept():
    """What was said last counts most."""
    assert transcript(CONVERSATION, 9, 9) == "ere is it?"[-9:]


def test_no_turns_are_no_text():
    """There is nothing to read."""
    assert transcript(Conversation(()), 3, 10) == ""
