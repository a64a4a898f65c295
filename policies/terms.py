"""Terms that must not stand in a text."""

from array import array
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Annotated

from ahocorasick_rs import AhoCorasick
from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from gateway.normalisation import normalise
from gateway.types import Finding, Subject
from policies.patterns import Pattern, Reading

# i d i o t, i.d.i.o.t: letters, each on its own.
_SPELLED = Pattern(r"\b[a-z0-9@$](?:[ .\-_*~|/+'·]{1,3}[a-z0-9@$]){3,}\b")
# Words that are broken up (idi-ot) or have digits for letters (1d10t).
_BROKEN_WORD = Pattern(
    r"\b(?:[a-z]+(?:[.\-_*~|+'·]{1,3}[a-z]+)+"
    r"|[a-z@$]*[0-9@$]+[a-z][a-z0-9@$]*|[a-z]+[0-9@$]+[a-z0-9@$]*)\b"
)
_LETTER_FOR_DIGIT = str.maketrans("0134579@$", "oieastgas")
# Shorter ones are what a product code or an abbreviation reads like: A55, U.S.
_LEAST_BROKEN = 4
# So many are put together in a text; no honest one has more, and the rest is found unread.
_MOST_BROKEN = 1000
_UNREAD = -1
_EMPHASIS = "*_~"

_Place = tuple[int, int, int]  # start, end, which term


def _folded(term: str) -> str:
    folded = normalise(term)[0].strip()
    if not folded:
        raise ValueError(f"the term {term!r} holds nothing that a text could be searched for")
    return folded


@dataclass(frozen=True, config={"extra": "forbid"})
class BlockedTerms:
    """Finds any of `terms` in the folded text: case, accents, look-alikes do not matter.

    Nor does Markdown's emphasis inside a term, nor a hyphen for its space. A term of four letters
    and more is also found as a whole word that is broken up (idi-ot, i d i o t) or written with
    digits for letters (1d10t).

    A few passes of an Aho-Corasick automaton, so that the number of terms hardly matters. With
    `whole_words` a term does not count inside a longer word ("ass" in "class").
    """

    terms: Annotated[tuple[Annotated[str, AfterValidator(_folded)], ...], Field(min_length=1)]
    whole_words: bool = True
    category: str = "blocked_terms"

    @cached_property
    def _automaton(self) -> AhoCorasick:
        return AhoCorasick(self.terms)

    @cached_property
    def _places(self) -> dict[str, int]:
        """Where each term that may be broken up stands in the list."""
        return {t: i for i, t in enumerate(self.terms) if len(t) >= _LEAST_BROKEN}

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        folded = Reading(subject.normalised, subject.offsets)
        found = {*self._standing_in(folded), *self._broken_up_in(folded)}
        if any(mark in folded.text for mark in _EMPHASIS) or "-" in folded.text:
            found.update(self._standing_in(_unmarked(folded)))
        return [
            Finding(start, end, self.category, detail=_detail(index))
            for start, end, index in sorted(found)
        ]

    def _standing_in(self, reading: Reading) -> Iterator[_Place]:
        text = reading.text
        for index, start, end in self._automaton.find_matches_as_indexes(text, overlapping=True):
            if not self.whole_words or _stands_alone(text, start, end):
                yield (*reading.origin(start, end), index)

    def _broken_up_in(self, reading: Reading) -> Iterator[_Place]:
        for pattern, terms_of in ((_SPELLED, self._terms_within), (_BROKEN_WORD, self._term_of)):
            words, unread = pattern.first_spans(reading.text, _MOST_BROKEN)
            for start, end in words:
                written = reading.text[start:end].translate(_LETTER_FOR_DIGIT)
                for index in terms_of("".join(filter(str.isalnum, written))):
                    yield (*reading.origin(start, end), index)
            if unread < len(reading.text):
                yield (*reading.origin(unread, len(reading.text)), _UNREAD)

    def _terms_within(self, letters: str) -> Iterator[int]:
        """Of letters on their own none says where a word begins."""
        found = self._automaton.find_matches_as_indexes(letters, overlapping=True)
        return (index for index, *_ in found if len(self.terms[index]) >= _LEAST_BROKEN)

    def _term_of(self, word: str) -> Iterator[int]:
        index = self._places.get(word)
        return iter(() if index is None else (index,))


def _detail(index: int) -> str:
    return "too many broken words to read" if index == _UNREAD else f"term {index}"


def _unmarked(reading: Reading) -> Reading:
    """Without emphasis, and with a space for every hyphen."""
    kept = [i for i, letter in enumerate(reading.text) if letter not in _EMPHASIS]
    text = "".join(reading.text[i] for i in kept).replace("-", " ")
    offsets = array("Q", (reading.offsets[i] for i in kept))
    return Reading(text, (*offsets, reading.offsets[-1]))


def _stands_alone(text: str, start: int, end: int) -> bool:
    before = start == 0 or not (text[start - 1].isalnum() and text[start].isalnum())
    return before and (end == len(text) or not (text[end].isalnum() and text[end - 1].isalnum()))
