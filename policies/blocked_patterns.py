"""Patterns that must not stand in a text."""

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from gateway.types import Finding, Subject
from policies.decodings import decodings
from policies.patterns import Pattern, PatternError, cased_readings, readings

# A match costs microseconds, and a pattern may match at every character: what is left after so
# many is one finding.
_MOST_MATCHES = 500
_LARGEST = 2000  # instructions: a name of 1,000 letters has as many


@dataclass(frozen=True, config={"extra": "forbid"})
class BlockedPatterns:
    """Finds whatever one of `patterns` (RE2) matches: in the text, folded, and decoded.

    Case does not matter unless `exact_case`. The folded text has no accents, one space for each
    run of white space, and "." for every kind of full stop: write patterns for that, too.
    Lookaround and back-references do not exist in RE2.
    """

    patterns: Annotated[tuple[str, ...], Field(min_length=1)]
    exact_case: bool = False
    category: str = "blocked_patterns"

    @model_validator(mode="after")
    def _compiles(self) -> "BlockedPatterns":
        """An author hears of a wrong pattern at start, and of which."""
        for i, expression in enumerate(self.patterns):
            if fault := self._fault(expression):
                raise ValueError(f"patterns.{i} {expression[:80]!r}: {fault}")
        return self

    def _fault(self, expression: str) -> str | None:
        try:
            pattern = Pattern(expression, exact_case=self.exact_case)
        except PatternError as error:
            return str(error)
        if pattern.size > _LARGEST:
            return "it is too large: write fewer repeats"
        return "it matches an empty text" if pattern.first("") is not None else None

    @cached_property
    def _compiled(self) -> Sequence[Pattern]:
        return [Pattern(expression, exact_case=self.exact_case) for expression in self.patterns]

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        plain = cased_readings(subject) if self.exact_case else readings(subject)
        found: dict[tuple[int, int], str] = {}
        for reading in (*plain, *decodings(subject)):
            for i, pattern in enumerate(self._compiled):
                spans, unread = pattern.first_spans(reading.text, _MOST_MATCHES)
                rest = [(unread, len(reading.text))] if unread < len(reading.text) else []
                for start, end in (*spans, *rest):
                    if end > start:
                        found.setdefault(reading.origin(start, end), _detail(i, reading.scheme))
        return [Finding(*span, self.category, detail=detail) for span, detail in found.items()]


def _detail(index: int, scheme: str) -> str:
    return f"pattern {index} in {scheme}" if scheme else f"pattern {index}"
