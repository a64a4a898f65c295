"""Selection: soft best-of-n, the default.

The choice of `soft_choice` with the rewards as values. Soft best-of-n: Verdun et al.,
arXiv:2507.05913; the exploration floor: design.md, section 5.
"""

from collections.abc import Sequence
from random import Random
from typing import ClassVar

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from gateway.types import ScoredCandidate, Selection
from reward_filters.soft_choice import Exploration, Temperature, soft_choice


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class SoftBestOfN:
    """`temperature` is in units of the reward; `exploration` is a probability."""

    temperature: Temperature = 0.2
    exploration: Exploration = 0.02

    name: ClassVar[str] = "soft-best-of-n"

    def select(self, eligible: Sequence[ScoredCandidate], rng: Random) -> Selection:
        return soft_choice(
            eligible,
            [c.reward or 0.0 for c in eligible],
            rng,
            temperature=self.temperature,
            exploration=self.exploration,
            strategy=self.name,
        )
