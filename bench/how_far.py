"""`python -m bench.how_far [--repeats 100]`: whether "how far n should go" keeps its word.

Votes are simulated with a known taste; told is how often the 95 % intervals hold the truth, and
how often each thing was found. One JSON object a line. No timing: any machine will do.
"""

import argparse
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.alignment.interval import Interval
from gateway.alignment.overoptimisation import HowFar, how_far
from tests.gateway.alignment.simulated_votes import Taste, peak_at, rising, votes

CAP = 16


@dataclass(frozen=True)
class Scenario:
    """`slope` and `peak` are the truth at the n served and of the best n up to the cap."""

    name: str
    taste: Taste
    votes: int
    size: int
    exploration: float

    def rate(self, n: float) -> float:
        """V(n) of a quadratic taste, from its values at 0, 1/2 and 1."""
        start, middle, end = self.taste(0), self.taste(0.5), self.taste(1)
        linear, square = 4 * middle - end - 3 * start, 2 * (start + end - 2 * middle)
        return start + linear * n / (n + 1) + square * n / (n + 2)

    @property
    def peak(self) -> int:
        return max(range(1, CAP + 1), key=self.rate)

    @property
    def slope(self) -> float:
        step = 1e-4
        per_n = (self.rate(self.size + step) - self.rate(self.size - step)) / (2 * step)
        return per_n * self.size * 0.6931471805599453


SCENARIOS = (
    Scenario("indifferent", lambda _: 0.5, 300, 4, 1.0),
    Scenario("indifferent, explored little", lambda _: 0.5, 5_000, 4, 0.1),
    Scenario("rising", rising, 2_500, 4, 0.7),
    Scenario("rising, explored little", rising, 4_000, 4, 0.1),
    Scenario("peak at 3, 8 served", peak_at(3), 3_000, 8, 0.5),
    Scenario("peak at 4, 4 served", peak_at(4), 5_000, 4, 0.5),
    Scenario("peak at 12, 16 served", peak_at(12), 5_000, 16, 0.5),
)


def holds(interval: Interval, truth: float) -> bool:
    return interval.low - 1e-9 <= truth <= interval.high + 1e-9


def kept(scenario: Scenario, repeats: int) -> Mapping[str, Any]:
    """How often what was said is true, over that many simulations."""
    findings: Counter[str] = Counter()
    held: Counter[str] = Counter()
    estimated = 0
    for seed in range(repeats):
        cast = votes(
            scenario.votes,
            scenario.taste,
            sizes=(scenario.size,),
            exploration=scenario.exploration,
            seed=seed,
        )
        found = how_far(cast, 10 * scenario.votes, CAP)
        findings[_finding(found)] += 1
        if (told := found.estimates) is None:
            continue
        estimated += 1
        hedge = told.hedge_tune
        held["peak"] += holds(hedge.peak, scenario.peak)
        held["gao_peak"] += holds(told.gao_peak, scenario.peak)
        held["slope"] += holds(hedge.slope, scenario.slope)
        for rate in told.best_of_n:
            held[f"rate at n={rate.at:.0f}"] += holds(rate.rate, scenario.rate(rate.at))
    return {
        "scenario": scenario.name,
        "votes": scenario.votes,
        "answers": scenario.size,
        "exploration": scenario.exploration,
        "true_peak": scenario.peak,
        "true_slope": round(scenario.slope, 4),
        "findings": dict(findings),
        "intervals_hold": {name: round(n / max(estimated, 1), 3) for name, n in held.items()},
    }


def _finding(found: HowFar) -> str:
    if found.recommendation is not None:
        return found.recommendation.finding
    return "refused, wide" if found.estimates is not None else "refused, too few"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--repeats", type=int, default=100)
    repeats = arguments.parse_args().repeats
    for scenario in SCENARIOS:
        print(json.dumps(kept(scenario, repeats)), flush=True)


if __name__ == "__main__":
    main()
