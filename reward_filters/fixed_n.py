"""Stop rule: as many candidates as the request asks for, all at once."""

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from gateway.protocols import Plan, Progress


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class FixedN:
    """Starts all that may be started and waits for all, whatever their rewards turn out to be.

    The shortest wait for a given number of candidates. A draw that failed is not replaced.
    """

    def plan(self, progress: Progress) -> Plan:
        return Plan(progress.running + progress.room, reason="limit")
