"""Stop rule: another rule, for so many tokens."""

from dataclasses import replace
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from gateway.protocols import Plan, Progress, StopRule
from reward_filters.fixed_n import FixedN


@dataclass(frozen=True, config=ConfigDict(extra="forbid", arbitrary_types_allowed=True))
class Budget:
    """Follows `rule` until `tokens` have been sampled by all draws of a request together.

    From then on the sampling ends as soon as one eligible candidate has ended, and nothing is
    started while a draw is at work; where all that ended are blocked or failed, `rule` gets one
    draw at a time, whatever it costs. Before that, no draw is started that the rest of the budget
    cannot pay, if it and those at work turn out as long as the draws that ended did on average;
    until one has, nothing is known and `rule` has its way.
    """

    tokens: Annotated[int, Field(ge=1)]
    rule: StopRule = Field(default_factory=FixedN)

    def plan(self, progress: Progress) -> Plan:
        plan = self.rule.plan(progress)
        if plan.draws == 0:
            return plan
        found = any(c.eligible for c in progress.ended)
        least = 0 if found else progress.running or min(1, progress.room)
        if progress.tokens >= self.tokens:
            return Plan(least, reason="budget")
        plan = replace(plan, ask_at_tokens=min(plan.ask_at_tokens, self.tokens))
        payable = max(least, progress.running + self._payable(progress))
        return plan if plan.draws <= payable else replace(plan, draws=payable, reason="budget")

    def _payable(self, progress: Progress) -> int:
        """How many draws more the rest of the budget pays for."""
        lengths = [c.candidate.completion_tokens or 0 for c in progress.ended]
        known = [length for length in lengths if length > 0]
        if not known:
            return progress.room
        mean = sum(known) / len(known)
        begun = max(progress.tokens - sum(known), 0)
        to_come = max(progress.running * mean - begun, 0)
        return max(int((self.tokens - progress.tokens - to_come) / mean), 0)
