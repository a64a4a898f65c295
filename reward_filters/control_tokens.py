"""Control tokens of chat templates, typed by somebody.

A tokeniser turns these character sequences into real control tokens wherever they stand: an answer
that holds them could end its own turn and go on as the customer who thanks for it.
"""

import re
from collections.abc import Iterable

from ahocorasick_rs import AhoCorasick, MatchKind

# Stands where one was. No token holds it, so that what closes up around it is never one again.
_REMOVED = "\N{REPLACEMENT CHARACTER}"

# ChatML, Llama 3, Phi, Qwen; DeepSeek with its fullwidth bars; Llama 2 and Mistral; Gemma; the
# sentence and padding marks of SentencePiece and BERT vocabularies. Bounded, hence linear.
_WELL_KNOWN = re.compile(
    rf"<[|｜][^|｜<>\n{_REMOVED}]{{1,48}}[|｜]>"  # noqa: RUF001
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]|<</?SYS>>"
    r"|<(?:start|end)_of_turn>|</?s>|<(?:bos|eos|pad|unk|mask)>|\[(?:CLS|SEP|PAD|UNK|MASK)\]"
)


class ControlTokens:
    """The well-known ones, and the `known` ones of a tokeniser (blank ones don't count)."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        tokens = sorted({token for token in known if token.strip() and _REMOVED not in token})
        self._known = AhoCorasick(tokens, matchkind=MatchKind.LeftmostLongest)

    def removed(self, text: str) -> str:
        """The text with U+FFFD in the place of each control token. Linear in the text's length."""
        pieces: list[str] = []
        done = 0
        for _, start, end in self._known.find_matches_as_indexes(text):
            pieces += text[done:start], _REMOVED
            done = end
        return _WELL_KNOWN.sub(_REMOVED, "".join((*pieces, text[done:])))
