"""The windows of a text that a policy may be asked about one by one.

They follow from the text alone, so that they are the same however it arrived.
"""

import re
from collections.abc import Iterator, Sequence

# White space behind the mark that ends a sentence (or behind what closes it), a new line, or the
# place behind an ideographic full stop. Each alternative looks one or two characters back and
# then runs on, so that the search is linear.
_BOUNDARY = re.compile(
    r"(?<=[.!?\u2026])\s+|(?<=[.!?\u2026][\"'\u201d\u2019)\]])\s+|\n\s*|(?<=[\u3002\uff01\uff1f])"
)
_LONGEST = 1000
_OVERLAP = 100


def sentences(text: str) -> Sequence[tuple[int, int]]:
    """Spans of the sentences of a text, in order, without the white space between them.

    One longer than 1,000 characters is cut into spans of that length that overlap by 100, so that
    nothing short is lost at a cut. A text without any has one span: all of it.
    """
    return list(_sentences(text)) or [(0, len(text))]


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for boundary in _BOUNDARY.finditer(text):
        yield from _pieces(start, boundary.start())
        start = boundary.end()
    yield from _pieces(start, len(text))


def _pieces(start: int, end: int) -> Iterator[tuple[int, int]]:
    while end - start > _LONGEST:
        yield start, start + _LONGEST
        start += _LONGEST - _OVERLAP
    if end > start:
        yield start, end
