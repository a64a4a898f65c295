"""The chat templates that TRL ships, of some thirty models: the same text as Transformers makes."""

import json
import subprocess
from pathlib import Path

import pytest

from gateway.protocols import RewardFailure
from gateway.types import Conversation, Message
from reward_filters.chat_template import ChatTemplate

pytestmark = [pytest.mark.trl, pytest.mark.timeout(300)]

HERE = Path(__file__).parent
PYTHON = HERE.parents[1] / ".venv-trl" / "bin" / "python"
TURNS = (
    Message("user", "Hello, “where” is my <order>?"),
    Message("assistant", "Hi.\n\nPlease send its number.\n"),
    Message("user", " 12 & 34 "),
)
CONVERSATIONS = {
    "with an operator's prompt": Conversation(TURNS, "You are kind."),
    "without one": Conversation(TURNS),
}
ANSWER = "It is on its way."


def rendered_by_transformers(conversation: Conversation) -> dict[str, str | None]:
    turns = (*conversation.as_given_to_a_model(), Message("assistant", ANSWER))
    messages = json.dumps([{"role": m.role, "content": m.content} for m in turns])
    run = subprocess.run(
        [PYTHON, HERE / "render.py"], input=messages.encode(), check=True, capture_output=True
    )
    return json.loads(run.stdout)


def rendered_by_winnow(path: str, conversation: Conversation) -> str | None:
    try:
        return ChatTemplate.load(Path(path)).render(conversation, ANSWER)
    except RewardFailure:
        return None


@pytest.mark.parametrize("kind", CONVERSATIONS)
def test_real_templates_are_rendered_as_transformers_renders_them(kind: str):
    """To the last character; and what the one refuses, the other refuses too."""
    conversation = CONVERSATIONS[kind]
    expected = rendered_by_transformers(conversation)
    assert {path: rendered_by_winnow(path, conversation) for path in expected} == expected
    assert sum(text is not None for text in expected.values()) > 20
