"""What a policy finds in a text, quoted: the shape that most claims about policies take."""

from gateway.guard import example_subject
from gateway.protocols import Policy
from gateway.types import Conversation, Message, Stage


async def found(
    policy: Policy,
    text: str,
    *,
    prompt: str = "",
    operator_prompt: str = "",
    stage: Stage = "output",
) -> list[str]:
    """The parts of the text that the policy found, in their order, each once."""
    conversation = Conversation((Message("user", prompt),), operator_prompt)
    findings = await policy.judge(example_subject(text, stage, conversation))
    return [text[start:end] for start, end in sorted({(f.start, f.end) for f in findings})]
