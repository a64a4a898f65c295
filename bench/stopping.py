"""`python -m bench.stopping --out docs/figures`: how good an answer is, and what it cost in tokens.

The real stop rules and the real selector, on a simulated clock (`bench.simulation`): on the
held-out conversations with the shipped reward model's scores and the rubric's ratings, and on
Gaussian answers with what was measured there. `bench.stopping_settings` has what is tried.
Intervals are 95 % bootstrap intervals over prompts. About two minutes of one core.
"""

import argparse
import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bench.stopping_data import Gaussian, Measured, held_out
from bench.stopping_figures import Simulated, figures
from bench.stopping_page import page, shares_table
from bench.stopping_plot import plot
from bench.stopping_settings import (
    PROMPTS,
    SIMULATED_ANSWERS,
    Setting,
    adaptive,
    pruned,
    real,
    selectors,
    unconditional,
)
from reward_filters.pandora import SHIPPED_PRIOR, Prior, read_prior


def simulations(measured: Measured, prior: Prior) -> Sequence[Simulated]:
    """Prompts of any kind, of one domain and all alike; then beginnings that say more."""
    shipped = prior.between / prior.within
    betweens = {"as different as in the shipped data": shipped, "of one domain": 0.5, "alike": 0.0}
    worlds = [
        _simulated(f"prompts {name}", Gaussian(between, measured.prefix, measured), prior, adaptive)
        for name, between in betweens.items()
    ]
    beginnings = {"measured": measured.prefix} | {str(r): {16: r, 32: r} for r in (0.6, 0.7, 0.8)}
    return worlds + [
        _simulated(f"prefix correlation {name}", Gaussian(0.5, prefix, measured), prior, pruned)
        for name, prefix in beginnings.items()
    ]


def _simulated(
    name: str, world: Gaussian, prior: Prior, tried: Callable[[Prior], Sequence[Setting]]
) -> Simulated:
    prompts = world.prompts(PROMPTS, SIMULATED_ANSWERS)
    known = replace(prior, mean=0, between=world.between, within=1, survived=1000, lost=1)
    return Simulated(name, world, [figures(prompts, s) for s in (*unconditional(), *tried(known))])


def main() -> None:
    parser = argparse.ArgumentParser(description="Stop rules: what an answer is worth and costs.")
    parser.add_argument("--out", type=Path, required=True, help="the folder for plot and tables")
    out: Path = parser.parse_args().out
    prior = read_prior(SHIPPED_PRIOR)
    held = asyncio.run(held_out())
    tried = {
        "four Qwen answers": [figures(held.qwen, s) for s in real(4, prior)],
        "up to eight answers": [figures(held.all, s) for s in real(8, prior)],
    }
    chosen = [figures(held.qwen, s) for s in selectors()]
    simulated = simulations(held.measured, prior)
    out.mkdir(parents=True, exist_ok=True)
    (out / "stopping.md").write_text(page(held, tried, chosen, simulated) + "\n")
    shown = {s.name: s.found for s in (simulated[1], simulated[3])}
    plot(out / "stopping.svg", tried, shown)
    print(shares_table(simulated))


if __name__ == "__main__":
    main()
