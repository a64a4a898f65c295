"""Control tokens of chat templates.

A tokeniser turns these character sequences into real control tokens wherever they stand, so that
a text that holds them can end its own turn and open another one as the system.
"""

from collections.abc import Iterator, Sequence

from pydantic.dataclasses import dataclass

from gateway.types import Finding, Subject
from policies.decodings import decodings
from policies.patterns import Pattern, readings

# ChatML, Llama 3, Phi, Qwen and DeepSeek (whose bars are fullwidth and fold to "|"); Llama 2 and
# Mistral; Gemma; Qwen's tools; StarCoder and SmolLM2, from whose vocabularies <filename> is left
# out, which people write; the sentence and padding marks of SentencePiece and BERT vocabularies.
_CONTROL_TOKEN = Pattern(
    r"<\|[^|<>\n]{1,48}\|>"
    r"|<\| ?(?:im_(?:start|end|sep)|end_?of_?text|start_header_id|end_header_id|eot_id|eom_id"
    r"|begin_of_text|end_of_text|python_tag|system|assistant|user|tool|end)\b"
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]"
    r"|<</?SYS>>"
    r"|<(?:start|end)_of_(?:turn|image)>|<unused[0-9]{1,3}>"
    r"|</?tool_(?:call|response)>"
    r"|<(?:fim_(?:prefix|middle|suffix|pad)|repo_name|reponame|file_sep|gh_stars|empty_output"
    r"|issue_(?:start|comment|closed)|jupyter_(?:start|text|code|output|script))>"
    r"|</?s>|<(?:bos|eos|pad|unk|mask)>|\[(?:CLS|SEP|PAD|UNK|MASK)\]"
)
# A model that reasons aloud begins its honest answers so; nobody else has a reason to.
_THOUGHT = Pattern(r"</?think(?:ing)?>")
_MOST_TOKENS = 500  # of one text: the rest behind so many is one finding


@dataclass(frozen=True, config={"extra": "forbid"})
class SpecialTokens:
    """Finds chat-template control tokens, as written and however disguised or encoded.

    The commonest ones are found without their end too: what follows may bring it.

    The marks of a model's own reasoning (<think>) are found in what others write, not in answers.
    """

    category: str = "special_tokens"

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        patterns = (_CONTROL_TOKEN,) if subject.stage == "output" else (_CONTROL_TOKEN, _THOUGHT)
        return [
            Finding(*reading.origin(*span), self.category, "", "chat-template control token")
            for reading in (*readings(subject), *decodings(subject))
            for pattern in patterns
            for span in _spans(pattern, reading.text)
        ]


def _spans(pattern: Pattern, text: str) -> Iterator[tuple[int, int]]:
    spans, unread = pattern.first_spans(text, _MOST_TOKENS)
    yield from spans
    if unread < len(text):
        yield unread, len(text)
