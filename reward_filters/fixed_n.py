"""Stop rule: as many candidates as the request asks for, all at once."""

from collections.abc import Sequence

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from gateway.types import ScoredCandidate


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class FixedN:
    """One wave of `limit` candidates, whatever their rewards turn out to be."""

    def next_wave(self, so_far: Sequence[ScoredCandidate], limit: int) -> int:
        return max(limit - len(so_far), 0)
