"""The plot of `bench.stopping`: what an answer is worth against the tokens that it took."""

# Matplotlib types its keyword arguments only in part:
# pyright: reportUnknownMemberType=false
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.stopping_figures import Figures

_FAMILIES = {
    "fixed n": ("black", "o", "-"),
    "threshold, 1 at once": ("tab:orange", "^", ""),
    "pandora, 1 at once": ("tab:blue", "s", ""),
    "pandora, 2 at once": ("tab:cyan", "D", ""),
    "deadline": ("tab:green", "v", ""),
    "budget": ("tab:red", "P", ""),
    "budget and pandora": ("tab:brown", "*", ""),
    "pruned at 16": ("tab:purple", "x", ""),
    "pruned at 32": ("tab:olive", "x", ""),
    "pruned at 16, pandora": ("tab:pink", "+", ""),
    "pruned at 32, pandora": ("tab:gray", "+", ""),
}


def plot(
    file: Path,
    real: Mapping[str, Sequence[Figures]],
    simulated: Mapping[str, Sequence[Figures]],
) -> None:
    """One panel for each of two sets of answers and two simulations."""
    panels = [(f"held out, {name}", found, "rubric score") for name, found in real.items()]
    panels += [(f"simulated, {name}", found, "gain of reward") for name, found in simulated.items()]
    mpl.rcParams["svg.hashsalt"] = "winnow"  # the same figures, the same file
    figure = Figure(figsize=(11, 8), layout="constrained")
    for axes, (title, found, unit) in zip(figure.subplots(2, 2).flat, panels, strict=True):
        _panel(axes, title, found, unit)
    entries = {
        label: handle
        for axes in figure.axes
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=4)
    figure.savefig(file, metadata={"Date": None})


def _panel(axes: Axes, title: str, found: Sequence[Figures], unit: str) -> None:
    simulated = unit != "rubric score"
    for family, (colour, marker, line) in _FAMILIES.items():
        points = [f for f in found if f.setting.family == family]
        if not points:
            continue
        values = [f.gain if simulated else f.worth.value for f in points]
        tokens = [f.tokens.value for f in points]
        axes.plot(tokens, values, marker=marker, ls=line, color=colour, ms=5, label=family)
        if family == "fixed n" and not simulated:
            lows, highs = [f.worth.low for f in points], [f.worth.high for f in points]
            axes.fill_between(tokens, lows, highs, color="black", alpha=0.08, lw=0)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("tokens per request")
    axes.set_ylabel(unit)
    axes.grid(alpha=0.3)
