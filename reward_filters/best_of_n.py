"""Selection: the highest reward wins.

Simple, and blind: an answer that is never the best is never shown, so nothing can be learnt from
the log about it. `soft_best_of_n` is the default for that reason.
"""

from collections.abc import Sequence
from random import Random
from typing import ClassVar

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from gateway.types import ScoredCandidate, Selection


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class BestOfN:
    """Argmax; equal rewards go to the lowest index."""

    name: ClassVar[str] = "best-of-n"

    def select(self, eligible: Sequence[ScoredCandidate], rng: Random) -> Selection:
        del rng
        best = max(eligible, key=lambda c: (c.reward or 0.0, -c.candidate.index)).candidate.index
        return Selection(
            index=best,
            probability=1.0,
            strategy=self.name,
            probabilities={c.candidate.index: float(c.candidate.index == best) for c in eligible},
            draw=0.0,  # nothing was drawn
        )
