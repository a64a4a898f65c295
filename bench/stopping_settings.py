"""What `bench.stopping` tries."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.stopping_data import CUTS
from gateway.protocols import Selector, StopRule
from gateway.pruning import Pruning
from reward_filters.best_of_n import BestOfN
from reward_filters.budget import Budget
from reward_filters.deadline import Deadline
from reward_filters.fixed_n import FixedN
from reward_filters.mbr import MBRBestOfN
from reward_filters.pandora import Pandora, Prior
from reward_filters.soft_best_of_n import SoftBestOfN
from reward_filters.threshold import Threshold

PROMPTS = 2000
"""In a simulation."""
SIMULATED_ANSWERS = 16
FIXED = "fixed n"


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to serve: at most `n` draws."""

    family: str
    label: str
    n: int
    rule: StopRule = field(default_factory=FixedN)
    selector: Selector = field(default_factory=SoftBestOfN)
    pruning: Pruning | None = None


def real(n: int, prior: Prior) -> Sequence[Setting]:
    """All rules at several settings, for the held-out answers."""
    return [
        *(Setting(FIXED, f"n={i}", i) for i in range(1, n + 1)),
        *(
            Setting(f"threshold, {k} at once", f"p_ok={p}", n, Threshold(p_ok=p, at_once=k))
            for k in (1, 2)
            for p in (0.05, 0.1, 0.2, 0.4, 0.8)
        ),
        *_pandoras(n, prior, (1, 2), (0.4, 0.3, 0.2, 0.1, 0.05)),
        *(Setting("deadline", f"after_s={s}", n, Deadline(s)) for s in (0.3, 0.6, 0.9, 1.2)),
        *(Setting("budget", f"tokens={t}", n, Budget(t)) for t in (75, 150, 225, 300)),
        *(
            Setting(
                "budget and pandora", f"tokens={t}", n,
                Budget(t, Pandora(cost=0.1, prior=prior, at_once=1)),
            )
            for t in (75, 150, 225)
        ),
        *(_pruned(n, cut, keep) for cut in CUTS for keep in range(1, n)),
    ]  # fmt: skip


def selectors() -> Sequence[Setting]:
    """All of four answers are drawn, and chosen among in several ways."""
    ways: Sequence[tuple[str, Selector]] = [
        ("best of n", BestOfN()),
        ("soft, temperature .2 (default)", SoftBestOfN()),
        ("soft, temperature 1", SoftBestOfN(temperature=1)),
        *((f"mbr, beta {beta}", MBRBestOfN(beta=beta)) for beta in (0.5, 1.0, 2.0, 4.0)),
    ]
    return [Setting("selector", name, 4, selector=selector) for name, selector in ways]


def unconditional() -> Sequence[Setting]:
    """Simulated: fixed n."""
    return [Setting(FIXED, f"n={n}", n) for n in (1, 2, 3, 4, 6, 8, 12, SIMULATED_ANSWERS)]


def adaptive(prior: Prior) -> Sequence[Setting]:
    """Simulated: Pandora's rule."""
    return _pandoras(SIMULATED_ANSWERS, prior, (1, 2, 4), (0.2, 0.1, 0.07))


def pruned(prior: Prior) -> Sequence[Setting]:
    """Simulated: all draws at once, the worse beginnings cut off; with and without Pandora's rule
    for the others.
    """
    n = SIMULATED_ANSWERS
    return [
        *(_pruned(drawn, cut, k) for cut in CUTS for drawn in (8, 12, n) for k in (2, 3, 4)),
        *(
            Setting(
                f"pruned at {cut}, pandora", f"{n} to {keep}, cost={cost}", n,
                Pandora(cost=cost, prior=prior, at_once=n), pruning=Pruning(cut, keep),
            )
            for cut in CUTS
            for keep in (3, 4)
            for cost in (0.1, 0.05)
        ),
    ]  # fmt: skip


def _pandoras(
    n: int, prior: Prior, at_once: Sequence[int], costs: Sequence[float]
) -> Sequence[Setting]:
    return [
        Setting(f"pandora, {k} at once", f"cost={c}", n, Pandora(cost=c, prior=prior, at_once=k))
        for k in at_once
        for c in costs
    ]


def _pruned(n: int, cut: int, keep: int) -> Setting:
    return Setting(f"pruned at {cut}", f"{n} to {keep}", n, pruning=Pruning(cut, keep))
