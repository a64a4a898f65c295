"""RE2 patterns, and the readings of a text that they are tried on.

RE2 is linear in the length of the text, whatever the pattern; Python's `re` is not, and a policy
meets text that was written to hurt it.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import re2  # pyright: ignore[reportMissingTypeStubs] - the package ships none

from gateway.normalisation import encodable, normalise
from gateway.types import Subject

_RE2_ERROR: type[Exception] = re2.error  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
_LOOKAROUND = ("(?=", "(?!", "(?<=", "(?<!")


class PatternError(ValueError):
    """An expression that RE2 does not take; the message says why."""


class Pattern:
    """One RE2 expression, matched without regard to case unless `exact_case`.

    Raises:
        PatternError: the expression is wrong, or too large once its repetitions are written out.
    """

    def __init__(self, expression: str, *, exact_case: bool = False) -> None:
        options = re2.Options()
        options.case_sensitive = exact_case
        options.log_errors = False  # it would write to stderr; a wrong pattern raises all the same
        try:
            self._compiled: Any = re2.compile(expression, options)  # pyright: ignore[reportUnknownMemberType]
        except _RE2_ERROR as error:
            raise PatternError(_why(expression, error)) from None

    @property
    def size(self) -> int:
        """Instructions of the compiled program: what a search of one character costs at worst."""
        return self._compiled.programsize

    def spans(self, text: str, group: int = 0) -> Iterator[tuple[int, int]]:
        """Where the pattern, or a group of it, stands in the text: start and end, in order."""
        for match in self._compiled.finditer(_searchable(text)):
            if match.start(group) >= 0:
                yield match.start(group), match.end(group)

    def first_spans(
        self, text: str, most: int, group: int = 0
    ) -> tuple[Sequence[tuple[int, int]], int]:
        """Up to `most` spans, and where the text begins that was not searched (its end if none).

        A match takes microseconds: a text made of matches alone would keep the event loop busy.
        """
        spans = self.spans(text, group)
        found = list(islice(spans, most))
        beyond = next(spans, None) if len(found) == most else None
        return found, len(text) if beyond is None else beyond[0]

    def first(self, text: str) -> tuple[int, int] | None:
        return next(self.spans(text), None)

    def matches(self, text: str) -> bool:
        """Whether the pattern covers the whole text."""
        return self._compiled.fullmatch(_searchable(text)) is not None


def _why(expression: str, error: Exception) -> str:
    if any(sign in expression for sign in _LOOKAROUND):
        return "RE2 has no lookahead or lookbehind"
    reason = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
    if "escape sequence" in reason and any(f"\\{digit}" in expression for digit in range(1, 10)):
        return "RE2 has no back-references"
    return reason


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as a pattern sees it, and the way back to the text under judgement.

    `text[i]` came from what starts at `offsets[i]` there and ends at `ends[i]`; without `ends`
    each came from one character, and offsets never decrease. `scheme` names what was decoded.
    """

    text: str
    offsets: Sequence[int]
    ends: Sequence[int] | None = None
    scheme: str = ""

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original text that gave `text[start:end]` (not empty)."""
        if self.ends is None:
            return self.offsets[start], self.offsets[end - 1] + 1
        return min(self.offsets[start:end]), max(self.ends[start:end])


def readings(subject: Subject) -> Sequence[Reading]:
    """The text as it stands, and as it is folded where folding could show something new.

    In printable ASCII folding changes case and white space alone, to which patterns are
    indifferent, so there the second reading is left out.
    """
    raw = Reading(subject.text, range(len(subject.text) + 1))
    if _is_plain(subject.text):
        return (raw,)
    return (raw, Reading(subject.normalised, subject.offsets))


def cased_readings(subject: Subject) -> Sequence[Reading]:
    """`readings`, the folded one with the capitals of the text as it stands.

    For who tells a sentence ("done.It is") or a page's path by them. Made once per subject.
    """
    return subject.derived(_cased_readings)


def _cased_readings(subject: Subject) -> Sequence[Reading]:
    raw, *folded = readings(subject)
    return (raw, *(Reading(capitalised(r, raw.text), r.offsets) for r in folded))


def texts_read(text: str) -> Sequence[str]:
    """The same two readings of a text that is not under judgement, without the way back."""
    if _is_plain(text):
        return (text,)
    folded, offsets = normalise(text)
    return (text, capitalised(Reading(folded, offsets), text))


def _is_plain(text: str) -> bool:
    return text.isascii() and text.replace("\n", " ").isprintable()


def capitalised(reading: Reading, original: str) -> str:
    """The text of a folded reading with the capitals of what it was folded from."""
    if original.islower():
        return reading.text
    letters = list(reading.text)
    for position in (i for i, letter in enumerate(original) if letter.isupper()):
        at = bisect_left(reading.offsets, position)
        while at < len(letters) and reading.offsets[at] == position:
            if letters[at].isascii():
                letters[at] = letters[at].upper()
            at += 1
    return "".join(letters)


def _searchable(text: str) -> str | bytes:
    """What RE2 searches, at the same positions: of ASCII the bytes, which it need not count."""
    return text.encode() if text.isascii() else encodable(text)
