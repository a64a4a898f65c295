"""Stop rule: another rule, for so long."""

from dataclasses import replace
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from gateway.protocols import Plan, Progress, StopRule
from reward_filters.fixed_n import FixedN


@dataclass(frozen=True, config=ConfigDict(extra="forbid", arbitrary_types_allowed=True))
class Deadline:
    """Follows `rule`; `after_s` seconds after the request arrived, an answer is enough.

    From then on the sampling ends as soon as one eligible candidate has ended, and nothing is
    started while a draw is at work; where all that ended are blocked or failed, or none was begun,
    `rule` gets one draw at a time. What still runs is cut off: answers that are slow, mostly long,
    lose by this.
    """

    after_s: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    rule: StopRule = Field(default_factory=FixedN)

    def plan(self, progress: Progress) -> Plan:
        plan = self.rule.plan(progress)
        after_ms = self.after_s * 1000
        if progress.elapsed_ms < after_ms:
            return replace(plan, ask_at_ms=min(plan.ask_at_ms, after_ms))
        if plan.draws == 0:
            return plan
        found = any(c.eligible for c in progress.ended)
        draws = progress.running or min(1, progress.room)
        return Plan(0 if found else draws, reason="deadline")
