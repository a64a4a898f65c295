"""What `bench.stopping` computes of the outcomes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from bench.simulation import serve
from bench.stopping_data import Gaussian, Prompt
from bench.stopping_settings import FIXED, Setting
from gateway.alignment.interval import Floats, Interval, ratio, resampled

AIM = 8
"""The fixed n whose mean reward is to be reached with fewer tokens."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Means per request. `gain` is that of the reward, in simulations; `worths` are those of each
    prompt.
    """

    setting: Setting
    worth: Interval
    tokens: Interval
    gain: float
    steps: float
    worths: Floats


def figures(prompts: Sequence[Prompt], setting: Setting) -> Figures:
    """Each prompt counts once, with the mean over its orders."""
    rows: list[Sequence[float]] = []
    for orders in prompts:
        outcomes = [
            serve(order[: setting.n], setting.rule, setting.selector, setting.pruning)
            for order in orders
        ]
        values = [(o.worth, o.tokens, o.gain, o.steps) for o in outcomes]
        rows.append((1.0, *(fmean(column) for column in zip(*values, strict=True))))
    sums = np.array(rows)
    ones, worth, tokens, gain, steps = resampled(sums).T
    return Figures(
        setting,
        _mean(worth, ones),
        _mean(tokens, ones),
        float(gain[0] / ones[0]),
        float(steps[0] / ones[0]),
        sums[:, 1],
    )


def _mean(sums: Floats, counts: Floats) -> Interval:
    found = ratio(sums, counts)
    if found is None:
        raise ValueError("a mean of nothing")
    return found


def share(found: Sequence[Figures], aim: Figures) -> float | None:
    """The tokens at the gain of `aim`, of those that `aim` takes, interpolated along the cheapest
    settings; None where none comes so far.
    """
    points = sorted((f.tokens.value, f.gain) for f in found)
    frontier = [p for i, p in enumerate(points) if all(p[1] > q[1] for q in points[:i])]
    tokens, gains = zip(*frontier, strict=True)
    if gains[-1] < aim.gain:
        return None
    return float(np.interp(aim.gain, gains, tokens)) / aim.tokens.value


def advantage(found: Figures, fixed: Sequence[Figures]) -> Interval:
    """How much more it is worth than fixed n at as many tokens: n for some requests and one more
    for the others. Paired by prompt; `fixed` by rising n.
    """
    spent = [f.tokens.value for f in fixed]
    parts = np.interp(found.tokens.value, spent, range(len(spent)))
    below, above = fixed[int(parts)], fixed[min(int(parts) + 1, len(fixed) - 1)]
    share_above = float(parts) - int(parts)
    mixed = (1 - share_above) * below.worths + share_above * above.worths
    differences = found.worths - mixed
    ones, more = resampled(np.stack([np.ones_like(differences), differences], axis=1)).T
    return _mean(more, ones)


@dataclass(frozen=True, slots=True)
class Simulated:
    """One Gaussian world."""

    name: str
    world: Gaussian
    found: Sequence[Figures]

    def shares(self) -> Mapping[str, float | None]:
        """Of each family of settings."""
        [aim] = [f for f in self.found if f.setting.family == FIXED and f.setting.n == AIM]
        families = dict.fromkeys(f.setting.family for f in self.found)
        return {
            family: share([f for f in self.found if f.setting.family == family], aim)
            for family in families
        }
