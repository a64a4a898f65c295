"""Selection: soft best-of-n, the default.

With rewards r_i, temperature λ and exploration floor ε over n safe candidates,

    p_i = (1 - ε) · softmax(r_i / λ) + ε / n

A small λ makes it sharp; the floor keeps every p_i at ε / n or more, so that what another
reward model or selector would have earned can be estimated from the log (inverse propensity).
Soft best-of-n: Verdun et al., arXiv:2507.05913; the floor: design.md, section 5.
"""

from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import Annotated, ClassVar

import numpy as np
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from gateway.types import ScoredCandidate, Selection


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class SoftBestOfN:
    """`temperature` is in units of the reward; `exploration` is a probability."""

    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.2
    exploration: Annotated[float, Field(ge=0, le=1)] = 0.02

    name: ClassVar[str] = "soft-best-of-n"

    def select(self, eligible: Sequence[ScoredCandidate], rng: Random) -> Selection:
        probabilities = self._probabilities([c.reward or 0.0 for c in eligible])
        draw = rng.random()
        # The last sum can fall short of 1 by a rounding error: a draw beyond it is the last one's.
        position = next(
            (i for i, total in enumerate(accumulate(probabilities)) if draw < total),
            len(eligible) - 1,
        )
        return Selection(
            index=eligible[position].candidate.index,
            probability=probabilities[position],
            strategy=self.name,
            probabilities={
                c.candidate.index: p for c, p in zip(eligible, probabilities, strict=True)
            },
            draw=draw,
        )

    def _probabilities(self, rewards: Sequence[float]) -> list[float]:
        values = np.asarray(rewards, dtype=np.float64)
        # The maximum goes first: rewards may be as large as floats get.
        with np.errstate(over="ignore"):
            weights = np.exp((values - values.max()) / self.temperature)
        softmax = weights / weights.sum()
        mixed = (1 - self.exploration) * softmax + self.exploration / len(rewards)
        return [float(p) for p in mixed]
