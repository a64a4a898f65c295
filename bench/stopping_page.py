"""What `bench.stopping` found, as Markdown."""

from collections.abc import Mapping, Sequence

from bench.stopping_data import HeldOut
from bench.stopping_figures import AIM, Figures, Simulated, advantage
from bench.stopping_settings import FIXED, PROMPTS, SIMULATED_ANSWERS
from gateway.alignment.interval import Interval


def table(found: Sequence[Figures]) -> str:
    """Markdown, of the held-out answers."""
    head = (
        "| rule | setting | score | tokens | steps | above fixed n at as many tokens |\n"
        "| --- | --- | --- | --- | --- | --- |"
    )
    fixed = [f for f in found if f.setting.family == FIXED]
    rows = [
        f"{_name(f)} {_shown(f.worth, 2)} | {_shown(f.tokens, 0)} | {f.steps:.0f} |"
        + ("" if f in fixed else f" {_shown(advantage(f, fixed), 2)}")
        + " |"
        for f in found
    ]
    return "\n".join([head, *rows])


def simulated_table(found: Sequence[Figures]) -> str:
    """Markdown, of Gaussian answers."""
    head = (
        "| rule | setting | gain of reward | gain of worth | tokens | steps |\n"
        "| --- | --- | --- | --- | --- | --- |"
    )
    rows = [
        f"{_name(f)} {f.gain:.2f} | {_shown(f.worth, 2)} | {_shown(f.tokens, 0)} | {f.steps:.0f} |"
        for f in found
    ]
    return "\n".join([head, *rows])


def chosen_table(found: Sequence[Figures]) -> str:
    """Markdown, of selectors among the same answers."""
    rows = [f"| {f.setting.label} | {_shown(f.worth, 2)} |" for f in found]
    return "\n".join(["| selection | score |\n| --- | --- |", *rows])


def _name(found: Figures) -> str:
    return f"| {found.setting.family} | {found.setting.label} |"


def _shown(interval: Interval, digits: int) -> str:
    value, low, high = (f"{x:.{digits}f}" for x in (interval.value, interval.low, interval.high))
    return f"{value} ({low} to {high})"


def shares_table(simulated: Sequence[Simulated]) -> str:
    """Markdown: a row for each world, a column for each family."""
    shares = {s.name: s.shares() for s in simulated}
    families = list(dict.fromkeys(family for found in shares.values() for family in found))
    rows = [
        f"| {name} |" + "".join(f" {_percent(found.get(family))} |" for family in families)
        for name, found in shares.items()
    ]
    head = f"| answers to | {' | '.join(families)} |\n|{' --- |' * (len(families) + 1)}"
    return "\n".join([head, *rows])


def _percent(part: float | None) -> str:
    return "" if part is None else f"{part:.0%}"


def page(
    held: HeldOut,
    tried: Mapping[str, Sequence[Figures]],
    chosen: Sequence[Figures],
    simulated: Sequence[Simulated],
) -> str:
    """Everything that was found, as Markdown."""
    m = held.measured
    prefixes = " and ".join(f"{r:.2f} ({n} tokens)" for n, r in m.prefix.items())
    intro = f"""# Stop rules, measured

Made by `python -m bench.stopping`. Means per request; in brackets 95 % bootstrap intervals over
prompts. One step is one token of every draw at work: tokens are what is paid, steps what is waited.
`pruned at` keeps the best of the draws after so many tokens.

![score against tokens](stopping.svg)

Reward model {held.revision}: {m.accuracy:.1%} of held-out Qwen pairs right; beginnings correlate
with whole answers by {prefixes}. Answers have {m.mean_tokens:.0f} tokens on average."""
    counts = {"four Qwen answers": len(held.qwen), "up to eight answers": len(held.all)}
    aims = (
        f"## Simulated: tokens at the mean reward of n={AIM}, of those that n={AIM} takes"
        f"\n\n{PROMPTS} prompts, at most {SIMULATED_ANSWERS} draws.\n\n{shares_table(simulated)}"
    )
    return "\n\n".join(
        [
            intro,
            *(
                f"## Held out, {name} ({counts[name]} prompts)\n\n{table(found)}"
                for name, found in tried.items()
            ),
            f"## Selection among four Qwen answers\n\n{chosen_table(chosen)}",
            aims,
            *(f"## Simulated, {s.name}\n\n{simulated_table(s.found)}" for s in simulated[:4]),
        ]
    )
