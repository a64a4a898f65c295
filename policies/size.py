"""Texts that are too long."""

from collections.abc import Sequence

from pydantic import PositiveInt
from pydantic.dataclasses import dataclass

from gateway.types import Finding, Subject


@dataclass(frozen=True, config={"extra": "forbid"})
class MaximumSize:
    """Finds what stands beyond `max_characters` (Unicode code points of the text as sent)."""

    max_characters: PositiveInt
    category: str = "size"

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        length = len(subject.text)
        if length <= self.max_characters:
            return ()
        detail = f"{length} characters, the most is {self.max_characters}"
        return (Finding(self.max_characters, length, self.category, "", detail),)
