"""Terms that must not stand in a text."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Annotated

from ahocorasick_rs import AhoCorasick
from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from gateway.normalisation import normalise
from gateway.types import Finding, Subject
from policies.decodings import decodings
from policies.encodings import LETTER_FOR_SIGN, MARKUP, SPELLED, atbash, rot13
from policies.patterns import Pattern, Reading

_SPELLED = Pattern(SPELLED)
# Words that are broken up (idi-ot) or have digits for letters (1d10t).
_BROKEN_WORD = Pattern(
    r"\b(?:[a-z]+(?:[.\-_*~|+'·]{1,3}[a-z]+)+"
    r"|[a-z@$]*[0-9@$]+[a-z][a-z0-9@$]*|[a-z]+[0-9@$]+[a-z0-9@$]*)\b"
)
# Shorter ones are what a product code or an abbreviation reads like: A55, U.S.
_LEAST_BROKEN = 4
# Shorter ones are words backwards: live, stop, part.
_LEAST_TURNED = 5
# So many are put together in a text; no honest one has more, and the rest is found unread.
_MOST_BROKEN = 1000
_UNREAD = -1

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
    and more is also found as a whole word that is broken up (idi-ot, i d i o t), written with
    digits for letters (1d10t) or encoded (policies.decodings); with `turned`, one of five letters
    and more also where it is written backwards, in rot13 or in atbash.

    A few passes of an Aho-Corasick automaton, so that the number of terms hardly matters. With
    `whole_words` a term does not count inside a longer word ("ass" in "class").
    """

    terms: Annotated[tuple[Annotated[str, AfterValidator(_folded)], ...], Field(min_length=1)]
    whole_words: bool = True
    turned: bool = True
    category: str = "blocked_terms"

    @cached_property
    def _forms(self) -> Sequence[tuple[str, int]]:
        """Every way to write a term that is searched for, and which term that is."""
        forms = [(term, i) for i, term in enumerate(self.terms)]
        turnable = [(t, i) for t, i in forms if self.turned and len(t) >= _LEAST_TURNED]
        backwards = [(term[::-1], i) for term, i in turnable]
        ciphers = [(cipher(term), i) for cipher in (rot13, atbash) for term, i in turnable]
        return (*forms, *backwards, *ciphers)

    @cached_property
    def _automaton(self) -> AhoCorasick:
        return AhoCorasick([form for form, _ in self._forms])

    @cached_property
    def _places(self) -> dict[str, int]:
        """Where each term that may be broken up stands in the list."""
        return {t: i for i, t in enumerate(self.terms) if len(t) >= _LEAST_BROKEN}

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        folded = Reading(subject.normalised, subject.offsets)
        found = dict.fromkeys(self._all_in(folded), "")
        for reading in decodings(subject):
            lower = replace(reading, text=reading.text.lower())
            for place in self._all_in(lower):
                if reading.scheme == MARKUP.name or self._may_be_broken(place[2]):
                    found.setdefault(place, reading.scheme)
        return [
            Finding(start, end, self.category, detail=_detail(index, scheme))
            for (start, end, index), scheme in sorted(found.items())
        ]

    def _may_be_broken(self, index: int) -> bool:
        return index == _UNREAD or len(self.terms[index]) >= _LEAST_BROKEN

    def _all_in(self, reading: Reading) -> Iterator[_Place]:
        yield from self._standing_in(reading)
        yield from self._broken_up_in(reading)
        if "-" in reading.text:
            yield from self._standing_in(replace(reading, text=reading.text.replace("-", " ")))

    def _standing_in(self, reading: Reading) -> Iterator[_Place]:
        text = reading.text
        for form, start, end in self._automaton.find_matches_as_indexes(text, overlapping=True):
            if not self.whole_words or _stands_alone(text, start, end):
                yield (*reading.origin(start, end), self._forms[form][1])

    def _broken_up_in(self, reading: Reading) -> Iterator[_Place]:
        for pattern, terms_of in ((_SPELLED, self._terms_within), (_BROKEN_WORD, self._term_of)):
            words, unread = pattern.first_spans(reading.text, _MOST_BROKEN)
            for start, end in words:
                written = reading.text[start:end].translate(LETTER_FOR_SIGN)
                for index in terms_of("".join(filter(str.isalnum, written))):
                    yield (*reading.origin(start, end), index)
            if unread < len(reading.text):
                yield (*reading.origin(unread, len(reading.text)), _UNREAD)

    def _terms_within(self, letters: str) -> Iterator[int]:
        """Of letters on their own none says where a word begins."""
        found = self._automaton.find_matches_as_indexes(letters, overlapping=True)
        indexes = (self._forms[form][1] for form, *_ in found)
        return (index for index in indexes if len(self.terms[index]) >= _LEAST_BROKEN)

    def _term_of(self, word: str) -> Iterator[int]:
        index = self._places.get(word)
        return iter(() if index is None else (index,))


def _detail(index: int, scheme: str) -> str:
    if index == _UNREAD:
        return "too many broken words to read"
    return f"term {index} in {scheme}" if scheme else f"term {index}"


def _stands_alone(text: str, start: int, end: int) -> bool:
    before = start == 0 or not (text[start - 1].isalnum() and text[start].isalnum())
    return before and (end == len(text) or not (text[end].isalnum() and text[end - 1].isalnum()))
