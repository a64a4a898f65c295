"""Answers that went wrong as texts: empty, in a loop, half filled in, or in another's name."""

import zlib
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass

from gateway.types import Finding, Subject
from policies.patterns import Pattern

# A line that opens another speaker's turn, as models write when they go on past their own.
_OTHER_TURN = Pattern(
    r"(?m)^[ \t>*#]*(?:user|customer|human|client|assistant|system)[ \t]*\**:"
    r"|^[ \t]*#{2,4}[ \t]*(?:instruction|input|response|system|user|assistant)\b"
)

# "[Your Name]", "[Driver's phone number]": a form letter that nobody filled in. A markdown link
# has its address behind the bracket.
_PLACEHOLDER = Pattern(
    r"(?i)(\[(?:(?:your|our_|insert|enter your|customer|company|name|phone|e-?mail|address|link"
    r"|driver|agent)[^\[\]\n]{0,60}|[a-z][a-z ]{0,30}['\x{2019}]s [^\[\]\n]{1,40})\])(?:[^(]|$)"
)
_MOST_FINDINGS = 100  # of each kind: an answer with so many is lost anyway


@dataclass(frozen=True, config={"extra": "forbid"})
class DegenerateText:
    """Finds empty answers, repetition, unfilled placeholders and turns written for another role.

    Repetition is either `max_repeats` occurrences of one run of `run_words` words, or, in a text
    of at least `min_compressed_characters`, a zlib size below `min_compression` of the text's.
    """

    run_words: PositiveInt = 6
    max_repeats: PositiveInt = 4
    min_compression: Annotated[float, Field(ge=0, le=1)] = 0.3
    min_compressed_characters: PositiveInt = 200
    category: str = "degenerate"

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        text = subject.text
        if not subject.normalised.strip():
            return (self._finding(0, len(text), "empty"),)
        turns, _ = _OTHER_TURN.first_spans(text, _MOST_FINDINGS)
        found = [self._finding(*span, "another role's turn") for span in turns]
        blanks, _ = _PLACEHOLDER.first_spans(text, _MOST_FINDINGS, group=1)
        found += [self._finding(*span, "unfilled placeholder") for span in blanks]
        if self._repeats(subject.normalised) or self._compresses(subject.normalised):
            found.append(self._finding(0, len(text), "repetition"))
        return found

    def _finding(self, start: int, end: int, detail: str) -> Finding:
        return Finding(start, end, self.category, detail=detail)

    def _repeats(self, text: str) -> bool:
        words = text.split()
        runs = zip(*(words[i:] for i in range(self.run_words)), strict=False)
        commonest = Counter(runs).most_common(1)
        return bool(commonest) and commonest[0][1] >= self.max_repeats

    def _compresses(self, text: str) -> bool:
        if len(text) < self.min_compressed_characters:
            return False
        data = text.encode("utf-8", "replace")
        return len(zlib.compress(data, 1)) < self.min_compression * len(data)
