"""What a trained model takes for an attack, a harmful request, abuse or bias.

One small network (`policies/encoder.py`) has a head for each; an entry asks one of them.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Annotated, Self

from pydantic import Field
from pydantic.dataclasses import dataclass

from gateway.types import Finding, Subject
from policies.decodings import decodings
from policies.encoder import SHIPPED_WEIGHTS, Encoder, ReadText, shared_encoder
from policies.network import Parts
from policies.patterns import Reading, readings


@dataclass(config={"extra": "forbid"})
class Classifier:
    """Finds the parts of a text to which the model's head gives `threshold` and more.

    The text is read as it stands and, where that is another text, folded and with what it hides
    decoded, in windows of about fifty words; each window at or above the threshold is a finding,
    with the probability as its score. Of a text that takes more windows than the model's card
    allows, the rest is a finding too. What has no letter and no digit in it, such as a row of
    emojis, says nothing that could be judged, and is no finding. `threshold` is the card's unless
    it is given, `category` the head's name.

    Entries that name the same `path` share one network and read a text once between them. It is
    opened when the policy is entered, or else with the first text.

    Raises:
        ValueError: when made, if `path` holds no model, or one without that head.
    """

    head: str
    threshold: Annotated[float, Field(gt=0, lt=1)] | None = None
    category: str | None = None
    path: Path = SHIPPED_WEIGHTS

    def __post_init__(self) -> None:
        self._encoder: Encoder = shared_encoder(self.path)
        heads = self._encoder.card.heads
        if self.head not in heads:
            raise ValueError(f"the model has no head {self.head!r}; it has {', '.join(heads)}")
        self._threshold = self.threshold or heads[self.head].threshold

    @property
    def digest(self) -> str:
        """Of the model's card, which names its files by their sha256."""
        return self._encoder.digest

    async def __aenter__(self) -> Self:
        await self._encoder.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._encoder.__aexit__(kind, error, traceback)

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        found: dict[tuple[int, int], Finding] = {}
        for reading, parts in subject.derived(to_be_read):
            read = await self._encoder.read(reading.text, parts)
            for finding in self._findings(reading, read):
                known = found.get((finding.start, finding.end))
                if known is None or (known.score or 0) < (finding.score or 0):
                    found[finding.start, finding.end] = finding
        return tuple(found.values())

    def _findings(self, reading: Reading, read: ReadText) -> Iterator[Finding]:
        for window in read.windows:
            score = window.probabilities[self.head]
            if score >= self._threshold and _speaks(reading.text[window.start : window.end]):
                detail = f"{self.head} {score:.2f}"
                yield self._finding(reading, (window.start, window.end), detail, score)
        if read.unread is not None:
            yield self._finding(reading, (read.unread, len(reading.text)), f"{self.head}: unread")

    def _finding(
        self, reading: Reading, span: tuple[int, int], detail: str, score: float | None = None
    ) -> Finding:
        start, end = reading.origin(*span)
        return Finding(start, end, self.category or self.head, detail=detail, score=score)


def to_be_read(subject: Subject) -> Sequence[tuple[Reading, Parts | None]]:
    """The text, all of it, and of its other readings what they say otherwise."""
    raw, *folded = readings(subject)
    others = (
        (r, parts) for r in (*folded, *decodings(subject)) if (parts := _changed(r, raw.text))
    )
    return [(r, parts) for r, parts in ((raw, None), *others) if _speaks(r.text)]


def _changed(reading: Reading, original: str) -> Parts:
    """Where a reading is more than a piece of the original in other case and white space."""
    parts: list[tuple[int, int]] = []
    at = -1  # the place in the original of the character before
    for i, (letter, place) in enumerate(zip(reading.text, reading.offsets, strict=False)):
        there = original[place]
        same = letter == there or letter.lower() == there.lower() or (letter + there).isspace()
        if not same or (place != at + 1 and original[at + 1 : place].strip()) or place < at:
            if parts and parts[-1][1] >= i - 1:
                parts[-1] = (parts[-1][0], i + 1)
            else:
                parts.append((max(0, i - 1), i + 1))
        at = place
    return parts


def _speaks(text: str) -> bool:
    return any(map(str.isalnum, text))
