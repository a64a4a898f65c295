"""What an answer may lean on."""

from collections.abc import Sequence

from gateway.types import Conversation


def grounds(conversation: Conversation) -> Sequence[str]:
    """The texts that count as fact: the operator's prompt, and what users, tools and earlier
    answers said. A system message sent by a client is only another text from outside.
    """
    said = [m.content for m in conversation.messages if m.role not in ("system", "developer")]
    return [conversation.operator_prompt, *said]


def firm_grounds(conversation: Conversation) -> Sequence[str]:
    """Those of the grounds that no customer writes: the operator's prompt and tools' answers."""
    tools = [m.content for m in conversation.messages if m.role == "tool"]
    return [conversation.operator_prompt, *tools]


def tool_answers(conversation: Conversation) -> Sequence[str]:
    """What tools answered, each behind the name of the tool where it has one."""
    return [f"{m.name or ''} {m.content}" for m in conversation.messages if m.role == "tool"]
