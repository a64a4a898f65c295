"""A conversation as plain text, for reward models that have no chat template."""

from gateway.types import SYSTEM_ROLES, Conversation


def transcript(conversation: Conversation, turns: int, most_characters: int) -> str:
    """The last `turns` turns, a line each, as "role: text", without system texts.

    Of a longer transcript the last `most_characters` are kept: what was said last counts most.
    """
    spoken = [m for m in conversation.messages if m.role not in SYSTEM_ROLES]
    lines = "\n".join(f"{m.role}: {m.content}" for m in spoken[-turns:])
    return lines[-most_characters:]
