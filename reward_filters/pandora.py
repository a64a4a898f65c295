"""Stop rule: as long as another answer is worth its price (Pandora's rule).

Before an answer is drawn its reward v is uncertain, and drawing costs c. Where q of the draws
survive the policies, another one raises the best reward x by E[q · (v - x)+] on average; drawing
is worth it while that is more than c. The x where both are equal is the reservation value
(Weitzman, "Optimal Search for the Best Alternative", Econometrica 1979; for best-of-n:
arXiv:2510.01394).

What is believed of v comes from a prior over prompts and from the answers of this request. With
reward_ij = m_i + e_ij, m_i ~ N(mean, between²) and e_ij ~ N(0, within²), after k rewards r:

    m | r ~ N(mean + s · (average(r) - mean), between² · (1 - s))
    v | r ~ N(the same mean, the same variance + within²)
    s = between² / (between² + within² / k)

The prior's q is Beta-distributed, and updated by which of this request's draws survived. The rule
looks one draw ahead: it does not count that a draw also teaches something about the next one. For
16 Gaussian draws the exact dynamic programme needed as many draws for the same mean reward.
"""

from collections.abc import Sequence
from math import erfc, exp, pi, sqrt
from pathlib import Path
from statistics import NormalDist, fmean
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from gateway.protocols import Plan, Progress

SHIPPED_PRIOR = Path(__file__).parent / "weights" / "prior.json"

_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Prior:
    """What is known of rewards and survival before anything was drawn.

    Rewards are those of the reward model `revision`. `survived` and `lost` are the parameters of
    the Beta distribution of a prompt's share of draws that pass the policies and do not fail.
    `exchanges` and `rewards` say how much it was fitted on, `source` on what.
    """

    revision: str
    mean: Annotated[float, Field(allow_inf_nan=False)]
    between: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    within: _Positive
    survived: _Positive
    lost: _Positive
    exchanges: int
    rewards: int
    source: str

    def next_reward(self, rewards: Sequence[float]) -> NormalDist:
        """The predictive distribution of the next reward, after these ones of the same prompt."""
        mean, variance = self.mean, self.between**2
        if rewards and variance:
            share = variance / (variance + self.within**2 / len(rewards))
            mean += share * (fmean(rewards) - mean)
            variance *= 1 - share
        return NormalDist(mean, sqrt(variance + self.within**2))

    def survival(self, survived: int, lost: int) -> float:
        """The probability that the next draw survives, after so many of this request's."""
        hits, misses = self.survived + survived, self.lost + lost
        return hits / (hits + misses)


def read_prior(path: Path) -> Prior:
    """The prior in a file that `winnow reward fit-prior` wrote.

    Raises:
        ValueError: there is none.
    """
    try:
        return TypeAdapter(Prior).validate_json(path.read_bytes())
    except OSError as error:
        raise ValueError(f"cannot read the prior {str(path)!r}: {error.strerror}") from None
    except ValidationError as error:
        where = {".".join(str(part) for part in e["loc"]): e["msg"] for e in error.errors()}
        raise ValueError(f"{str(path)!r} holds no prior: {where}") from None


def _prior(given: Any) -> Any:
    return read_prior(Path(given)) if isinstance(given, (str, Path)) else given


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Pandora:
    """Stops when the best reward is as good as another draw is worth.

    `cost` is the price of a draw in units of the prior's `within`, the spread of the rewards of
    one prompt: at .05 an answer has to be 1.26 spreads above the prompt's average to end the
    sampling, at .1 .90, at .2 .49 (all draws surviving, the average known). `prior` is a file;
    the default was fitted for the shipped reward model.

    Up to `at_once` draws are at work. One is added to j others only if it is worth its price
    though they may already bring the best: E of how much it raises the best of x and j draws. At
    the end those at work are cut off: what the rest of them costs is taken for a whole draw.
    """

    cost: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.1
    prior: Annotated[Prior, BeforeValidator(_prior, json_schema_input_type=Path | Prior)] = Field(
        default_factory=lambda: read_prior(SHIPPED_PRIOR)
    )
    at_once: Annotated[int, Field(ge=1)] = 2

    @property
    def fitted_for(self) -> str | None:
        """The revision of the reward model that the prior was fitted for."""
        return self.prior.revision

    def plan(self, progress: Progress) -> Plan:
        most = min(self.at_once, progress.running + progress.room)
        rewards = [c.reward for c in progress.ended if c.eligible and c.reward is not None]
        if not rewards or most == 0:
            return Plan(most, reason="limit")
        survived = sum(c.eligible for c in progress.ended)
        rate = self.prior.survival(survived, len(progress.ended) - survived)
        reward, best = self.prior.next_reward(rewards), max(rewards)
        price = self.cost * self.prior.within
        worth = (gain(reward, rate, best, others) > price for others in range(most))
        return Plan(next((j for j, more in enumerate(worth) if not more), most), "not worth more")


def gain(reward: NormalDist, survival: float, best: float, others: int = 0) -> float:
    """By how much one more draw raises, on average, the best of `best` and of `others` draws.

    Each draw survives with probability `survival` and then has the distribution `reward`; that all
    of them share their prompt is left out of account. With
    S(x) = survival · P(reward > x) it is the integral from `best` of S(x) · (1 - S(x))^others.
    """
    if others == 0:
        z = (best - reward.mean) / reward.stdev
        density = exp(-(z**2) / 2) / sqrt(2 * pi)
        return survival * reward.stdev * max(density - z * _above(z), 0.0)
    # From 6 standard deviations below the mean to 6 above; what lies below that is a constant.
    low = max(best, reward.mean - _REACH * reward.stdev)
    width = max(reward.mean + _REACH * reward.stdev - low, 0.0) / _STEPS
    middles = (low + (i + 0.5) * width for i in range(_STEPS))
    passing = [survival * _above((x - reward.mean) / reward.stdev) for x in middles]
    inside = width * sum(p * (1 - p) ** others for p in passing)
    return inside + (low - best) * survival * (1 - survival) ** others


_REACH = 6.0
_STEPS = 48


def _above(z: float) -> float:
    """P(Z > z) of a standard normal Z."""
    return erfc(z / sqrt(2)) / 2
