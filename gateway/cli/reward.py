# Typer types its Option and Argument only in part:
# pyright: reportUnknownMemberType=false
"""`winnow reward`."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from gateway.cli.output import AsJson, Bars, console, print_json, told
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from gateway.alignment.reward_evaluation import EvaluationReport, Interval
    from gateway.alignment.reward_training import Progress

app = typer.Typer(no_args_is_help=True, help="The reward model.")

Data = Annotated[
    list[Path], typer.Argument(help="JSONL: rated answers, or what `winnow export reward` wrote.")
]


@app.command()
def train(
    data: Data,
    out: Annotated[Path, typer.Option(help="The folder for the model and its card.")],
    base: Annotated[
        Path | None, typer.Option(help="A folder with another encoder than all-MiniLM-L6-v2.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1)] = 4,
    folds: Annotated[int, typer.Option(min=2)] = 5,
) -> None:
    """Fine-tune a cross-encoder on comparisons (needs the extra `train`)."""
    from gateway.alignment.reward_base import fetch_base
    from gateway.engines.weights import cache_folder

    with told():
        try:
            from gateway.alignment.reward_training import TrainingSettings, train
        except ImportError as missing:
            raise ConfigurationError(
                f"training needs {missing.name!r}, which comes with Winnow's extra `train`"
            ) from None
        settings = TrainingSettings(
            base=base or fetch_base(cache_folder()), epochs=epochs, folds=folds
        )
        with Bars() as bars:

            def report(progress: "Progress") -> None:
                name = f"member {progress.member} of {progress.members}"
                bars.report(name, progress.step, progress.steps)

            train(data, out, settings, report)
    console.print(f"{out} holds the model; `winnow reward eval` measures it.", highlight=False)


@app.command(name="eval")
def evaluate(
    data: Data,
    model: Annotated[
        Path | None, typer.Option(help="The model's folder; without it, the shipped one.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Measure a reward model on the held-out part of some comparisons."""
    from reward_filters.cross_encoder import SHIPPED_WEIGHTS

    with told():
        report = asyncio.run(_evaluated(model or SHIPPED_WEIGHTS, data))
    if as_json:
        print_json(report)
        return
    table = Table(
        "answers", "conversations", "pairs right", "gap of 2 and more", "pick", "random", "best",
        "share of the gain", title=f"{report.revision}, held out, 95 % intervals",
    )  # fmt: skip
    for name, figures in report.slices.items():
        table.add_row(
            name,
            str(figures.conversations),
            _shown(figures.pairs),
            _shown(figures.clear_pairs),
            _shown(figures.pick),
            "" if figures.random is None else f"{figures.random:.2f}",
            "" if figures.best is None else f"{figures.best:.2f}",
            _shown(figures.gain),
        )
    console.print(table)


async def _evaluated(folder: Path, data: list[Path]) -> "EvaluationReport":
    from gateway.alignment.reward_card import read_card
    from gateway.alignment.reward_evaluation import evaluate
    from gateway.plugins import build_plugin
    from gateway.protocols import RewardModel

    use = "reward_filters.cross_encoder:CrossEncoder"
    model: Any = build_plugin(use, {"path": folder}, "reward", RewardModel)
    async with model:
        return await evaluate(model, data, calibration=read_card(folder).calibration)


def _shown(interval: "Interval | None") -> str:
    if interval is None:
        return ""
    return f"{interval.value:.2f} ({interval.low:.2f} to {interval.high:.2f})"
