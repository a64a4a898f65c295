"""Control tokens of chat templates.

A tokeniser turns these character sequences into real control tokens wherever they stand, so that
a text that holds them can end its own turn and open another one as the system.
"""

from collections.abc import Sequence

from pydantic.dataclasses import dataclass

from gateway.types import Finding, Subject
from policies.patterns import Pattern, readings

# ChatML, Llama 3, Phi, Qwen and DeepSeek (whose bars are fullwidth and fold to "|"); Llama 2 and
# Mistral; Gemma; the sentence and padding marks of SentencePiece and BERT vocabularies.
_CONTROL_TOKEN = Pattern(
    r"<\|[^|<>\n]{1,48}\|>"
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]"
    r"|<</?SYS>>"
    r"|<(?:start|end)_of_(?:turn|image)>"
    r"|</?s>|<(?:bos|eos|pad|unk|mask)>|\[(?:CLS|SEP|PAD|UNK|MASK)\]"
)


@dataclass(frozen=True, config={"extra": "forbid"})
class SpecialTokens:
    """Finds chat-template control tokens, as written and however disguised."""

    category: str = "special_tokens"

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        return [
            Finding(*reading.origin(start, end), self.category, "", "chat-template control token")
            for reading in readings(subject)
            for start, end in _CONTROL_TOKEN.spans(reading.text)
        ]
