"""A reward model without its liking for long (or short) answers.

Reward models learn that longer answers are better, and best-of-n then finds the longest. What
length alone foretells of a score is subtracted: the trend of the scores against the answers'
length, as Huang et al. do in "Post-hoc Reward Calibration" (arXiv:2409.17407).
`winnow reward fit-length` fits the trend on the ledger (docs/reward-models/length-debiased.md).
"""

import hashlib
import math
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Self

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from gateway.protocols import RewardModel
from gateway.types import Conversation


@dataclass(frozen=True, config=ConfigDict(extra="ignore", allow_inf_nan=False))
class Knot:
    """So much do answers of `characters` score above the mean, in points of the reward model."""

    characters: Annotated[float, Field(ge=1)]
    points: float


@dataclass(frozen=True, config=ConfigDict(extra="ignore", allow_inf_nan=False))
class LengthTrend:
    """What length alone foretells of a score of the reward model `revision`.

    Linear in the logarithm of the length between two knots, flat outside of them. The file says
    more, for people.
    """

    revision: str
    knots: Annotated[tuple[Knot, ...], Field(min_length=1)]

    def __post_init__(self) -> None:
        if any(left.characters >= right.characters for left, right in pairwise(self.knots)):
            raise ValueError("the knots of a length trend must rise")

    def at(self, characters: int) -> float:
        """The points that an answer of that length owes to its length."""
        after = bisect_right(self.knots, characters, key=lambda knot: knot.characters)
        if after in {0, len(self.knots)}:
            return self.knots[max(after - 1, 0)].points
        left, right = self.knots[after - 1], self.knots[after]
        way = math.log(characters / left.characters) / math.log(right.characters / left.characters)
        return left.points + way * (right.points - left.points)


@dataclass(config=ConfigDict(extra="forbid", arbitrary_types_allowed=True))
class LengthDebiased:
    """The scores of `model` less what the trend in the file `trend` foretells by length alone.

    It is another score than the model's: the model's calibration (`p_ok`) and what was measured
    of its prefixes do not hold for it, and are not passed on.

    Raises:
        ValueError: when made, if the file holds no trend, or one of another model's scores.
    """

    model: RewardModel
    trend: Path

    def __post_init__(self) -> None:
        self._trend = _read(self.trend)
        if self._trend.revision != self.model.revision:
            raise ValueError(
                f"{str(self.trend)!r} was fitted on scores of {self._trend.revision!r}, and the "
                f"model is {self.model.revision!r}: fit it again with `winnow reward fit-length`"
            )

    @property
    def remote(self) -> bool:
        return bool(getattr(self.model, "remote", False))

    @property
    def revision(self) -> str:
        """The model's revision, with a hash over the trend."""
        digest = hashlib.sha256(repr(self._trend).encode()).hexdigest()[:12]
        return f"length-debiased({self.model.revision})@{digest}"

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            if isinstance(self.model, AbstractAsyncContextManager):
                await stack.enter_async_context(self.model)
            self._opened = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._opened.aclose()

    async def score(self, conversation: Conversation, answers: Sequence[str]) -> Sequence[float]:
        """As `RewardModel.score`; fails as the model does, or with the wrong number of scores."""
        scores = await self.model.score(conversation, answers)
        return [float(s) - self._trend.at(len(a)) for s, a in zip(scores, answers, strict=True)]


def _read(path: Path) -> LengthTrend:
    try:
        return TypeAdapter(LengthTrend).validate_json(path.read_bytes())
    except OSError as error:
        raise ValueError(f"{str(path)!r} can't be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise ValueError(f"{str(path)!r} is no length trend: {where}: {first['msg']}") from None
