"""Several reward models asked as one, so that no single model's quirks decide.

Choosing the best of many answers by one model finds the answers which that model overrates; an
answer that all members overrate is rarer. "worst" and "pessimistic" are the worst-case and the
uncertainty-weighted objective of Coste et al., "Reward Model Ensembles Help Mitigate
Overoptimization" (ICLR 2024, arXiv:2310.02743). Quirks that all members share stay.
"""

import asyncio
import hashlib
import math
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from gateway.protocols import RewardFailure, RewardModel
from gateway.types import Conversation

_OPTIONS = ConfigDict(extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False)


@dataclass(frozen=True, config=_OPTIONS)
class Member:
    """A reward model, and what brings its scores to the scale of the others.

    A score counts as `(score - center) / scale`: with the mean and the standard deviation of the
    member's scores as the two, all members speak in standard deviations. `weight` says how much
    it counts in a mean and in a variance.
    """

    model: RewardModel
    center: float = 0.0
    scale: Annotated[float, Field(gt=0)] = 1.0
    weight: Annotated[float, Field(gt=0)] = 1.0

    def rescaled(self, score: float) -> float:
        return (float(score) - self.center) / self.scale


@dataclass(config=_OPTIONS)
class Ensemble:
    """Scores answers with all `members` at once.

    With the members' rescaled scores r of an answer, its score is by `combine`:

    - "mean": their weighted mean;
    - "worst": the least of them (weights do not count);
    - "pessimistic": their weighted mean less `k` times their weighted variance.

    Where a member fails there is no score: what is left would be another reward model.
    """

    members: Annotated[tuple[Member, ...], Field(min_length=1)]
    combine: Literal["mean", "worst", "pessimistic"] = "mean"
    k: Annotated[float, Field(ge=0)] = 1.0

    @property
    def remote(self) -> bool:
        return any(getattr(member.model, "remote", False) for member in self.members)

    @property
    def revision(self) -> str:
        """How the members are combined, with a hash over them and all options."""
        parts = [(m.model.revision, m.center, m.scale, m.weight) for m in self.members]
        options = repr((parts, self.combine, self.k))
        return f"ensemble-{self.combine}@{hashlib.sha256(options.encode()).hexdigest()[:12]}"

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            for member in self.members:
                if isinstance(member.model, AbstractAsyncContextManager):
                    await stack.enter_async_context(member.model)
            self._opened = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._opened.aclose()

    async def score(self, conversation: Conversation, answers: Sequence[str]) -> Sequence[float]:
        """As `RewardModel.score`.

        Raises:
            RewardFailure: a member failed, or gave something else than a finite score per answer.
        """
        try:
            async with asyncio.TaskGroup() as group:
                asked = [
                    group.create_task(self._asked(number, conversation, answers))
                    for number in range(len(self.members))
                ]
        except ExceptionGroup as failures:
            raise RewardFailure(str(failures.exceptions[0])) from failures
        return [
            self._combined(of_answer)
            for of_answer in zip(*(t.result() for t in asked), strict=True)
        ]

    async def _asked(
        self, number: int, conversation: Conversation, answers: Sequence[str]
    ) -> Sequence[float]:
        member = self.members[number]
        place = f"member {number} ({member.model.revision}) of the ensemble"
        try:
            scores = [member.rescaled(s) for s in await member.model.score(conversation, answers)]
        except RewardFailure as failure:
            raise RewardFailure(f"{place}: {failure}") from failure
        except Exception as failure:
            raise RewardFailure(f"{place} raised {type(failure).__name__}") from failure
        if len(scores) != len(answers) or not all(map(math.isfinite, scores)):
            raise RewardFailure(f"{place} gave no finite score per answer")
        return scores

    def _combined(self, scores: Sequence[float]) -> float:
        if self.combine == "worst":
            return min(scores)
        mean = self._mean(scores)
        if self.combine == "mean":
            return mean
        return mean - self.k * self._mean([(score - mean) ** 2 for score in scores])

    def _mean(self, values: Sequence[float]) -> float:
        weights = [member.weight for member in self.members]
        weighed = (w * v for w, v in zip(weights, values, strict=True))
        return math.fsum(weighed) / math.fsum(weights)
