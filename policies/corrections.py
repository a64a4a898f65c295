"""What a corrected text changes, as findings: the spans that differ, and what stands there now."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import pairwise

from gateway.types import Finding
from policies.patterns import Pattern

_Change = tuple[int, int, str]  # start, end, what stands there now

_WORD_OR_GAP = Pattern(r"[\pL\pN_]+|\s+|[^\pL\pN_\s]")
# Comparing takes the square of these. Texts with more differ in one span, from their first
# difference to their last.
_MOST_WORDS = 600


def changes(text: str, corrected: str, category: str, detail: str) -> Sequence[Finding]:
    """Findings whose replacements turn `text` into `corrected`; none if they are the same.

    They do not overlap, and each has a span: what is only put in stands at a character beside it.
    """
    found = list(_changes(text, corrected))
    if any(a[1] > b[0] for a, b in pairwise(found)):
        found = [_one_change(text, corrected)]
    return [Finding(start, end, category, now, detail) for start, end, now in found]


def _changes(text: str, corrected: str) -> Iterator[_Change]:
    start, end, now = _difference(text, corrected)
    before, after = _words(text[start:end]), _words(now)
    if max(len(before), len(after)) > _MOST_WORDS:
        yield _with_a_span(text, start, end, now)
        return
    places = [start]
    for word in before:
        places.append(places[-1] + len(word))
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for kind, i, j, k, m in matcher.get_opcodes():
        if kind != "equal":
            yield _with_a_span(text, places[i], places[j], "".join(after[k:m]))


def _one_change(text: str, corrected: str) -> _Change:
    return _with_a_span(text, *_difference(text, corrected))


def _difference(text: str, corrected: str) -> _Change:
    """From the first difference to the last."""
    start = _common_beginning(text, corrected)
    longest = min(len(text), len(corrected)) - start
    tail = _common_beginning(text[::-1][:longest], corrected[::-1][:longest])
    return start, len(text) - tail, corrected[start : len(corrected) - tail]


def _common_beginning(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))


def _with_a_span(text: str, start: int, end: int, now: str) -> _Change:
    if start < end or not text:
        return start, end, now
    if start == 0:
        return 0, 1, now + text[0]
    return start - 1, end, text[start - 1] + now


def _words(text: str) -> Sequence[str]:
    """The text in words, gaps and single marks."""
    return [text[start:end] for start, end in _WORD_OR_GAP.spans(text)]
