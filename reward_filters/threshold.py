"""Stop rule: the first answer that is probably acceptable is enough."""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from gateway.protocols import Plan, Progress


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Threshold:
    """Stops when a candidate is acceptable with probability `p_ok` or more.

    Until then `at_once` draws are at work, as long as the request may start any. The probability
    is the reward model's own (`Calibrated`): a candidate without one is never enough.
    """

    p_ok: Annotated[float, Field(ge=0, le=1)] = 0.8
    at_once: Annotated[int, Field(ge=1)] = 2

    def plan(self, progress: Progress) -> Plan:
        known = (c.p_ok for c in progress.ended if c.eligible and c.p_ok is not None)
        if any(p_ok >= self.p_ok for p_ok in known):
            return Plan(0, reason="good enough")
        return Plan(min(self.at_once, progress.running + progress.room), reason="limit")
