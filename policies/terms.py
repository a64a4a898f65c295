"""Terms that must not stand in a text."""

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated

from ahocorasick_rs import AhoCorasick
from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from gateway.normalisation import normalise
from gateway.types import Finding, Subject


def _folded(term: str) -> str:
    folded = normalise(term)[0].strip()
    if not folded:
        raise ValueError(f"the term {term!r} holds nothing that a text could be searched for")
    return folded


@dataclass(frozen=True, config={"extra": "forbid"})
class BlockedTerms:
    """Finds any of `terms` in the folded text: case, accents, look-alikes do not matter.

    One pass of an Aho-Corasick automaton, so that the number of terms hardly matters. With
    `whole_words` a term does not count inside a longer word ("ass" in "class").
    """

    terms: Annotated[tuple[Annotated[str, AfterValidator(_folded)], ...], Field(min_length=1)]
    whole_words: bool = True
    category: str = "blocked_terms"

    @cached_property
    def _automaton(self) -> AhoCorasick:
        return AhoCorasick(self.terms)

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        text = subject.normalised
        return [
            Finding(*subject.span(start, end), self.category, detail=f"term {index}")
            for index, start, end in self._automaton.find_matches_as_indexes(text, overlapping=True)
            if not self.whole_words or _stands_alone(text, start, end)
        ]


def _stands_alone(text: str, start: int, end: int) -> bool:
    before = start == 0 or not (text[start - 1].isalnum() and text[start].isalnum())
    return before and (end == len(text) or not (text[end].isalnum() and text[end - 1].isalnum()))
