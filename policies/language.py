"""The languages that a text may be written in."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Self

from pydantic import Field, PositiveInt, model_validator
from pydantic.dataclasses import dataclass

from gateway.languages import LANGUAGES, language_of
from gateway.types import Conversation, Finding, Subject

# An answer is one window; a page has several, so that a beginning in the right language does not
# speak for the rest.
_WINDOW_CHARACTERS = 600
_Span = tuple[int, int]


@dataclass(frozen=True, config={"extra": "forbid"})
class Language:
    """Finds what is written in another language than those of `allow` (ISO 639-1).

    With `same_as_customer` the language that the customer writes in is allowed too; where that
    is all that is allowed and it is not sure, everything passes. A text is read in windows of
    600 characters. One with fewer than `min_letters` letters, or whose language is less probable
    than `min_confidence`, passes: names, numbers and "ok" belong to every language.

    Raises:
        ValueError: when made, if nothing is allowed or a code is unknown.
    """

    allow: tuple[str, ...] = ()
    same_as_customer: bool = False
    min_letters: PositiveInt = 20
    min_confidence: Annotated[float, Field(gt=0, le=1)] = 0.8
    category: str = "language"

    @model_validator(mode="after")
    def _can_allow_something(self) -> Self:
        unknown = sorted(set(self.allow) - set(LANGUAGES))
        if unknown:
            raise ValueError(f"allow: {unknown[0]!r} is none of {', '.join(LANGUAGES)}")
        if not (self.allow or self.same_as_customer):
            raise ValueError("give allow, same_as_customer or both")
        language_of("Hello")  # the model is loaded now, and not while a customer waits
        return self

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        allowed = {*self.allow, *self._customers(subject.conversation)}
        if not allowed:
            return ()
        windows = (
            (start, end, self._language_of(subject.text[start:end]))
            for start, end in _windows(subject.text)
        )
        return [
            Finding(start, end, self.category, detail=f"written in {language!r}")
            for start, end, language in windows
            if language is not None and language not in allowed
        ]

    def _customers(self, conversation: Conversation) -> Iterator[str]:
        if not self.same_as_customer:
            return
        said = [m.content for m in conversation.messages if m.role == "user"]
        # The last turn may be no more than "ok".
        known = map(self._language_of, (*said[-1:], "\n".join(said)))
        yield from (language for language in known if language is not None)

    def _language_of(self, text: str) -> str | None:
        if sum(map(str.isalpha, text)) < self.min_letters:
            return None
        return language_of(text, self.min_confidence)


def _windows(text: str) -> Iterator[_Span]:
    """The text in pieces that end, where they can, between two words."""
    start = 0
    while start < len(text):
        end = min(start + _WINDOW_CHARACTERS, len(text))
        if end < len(text):
            between = text.rfind(" ", start + _WINDOW_CHARACTERS // 2, end)
            end = between + 1 if between > 0 else end
        yield start, end
        start = end
