# Typer types its Option and Argument only in part:
# pyright: reportUnknownMemberType=false
"""`winnow reward`."""

import asyncio
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.table import Table

from gateway.cli import reward_fit, reward_prior
from gateway.cli.output import AsJson, Bars, console, print_json, told
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from gateway.alignment.interval import Interval
    from gateway.alignment.reward_evaluation import Calibration, EvaluationReport
    from gateway.alignment.reward_training import Progress
    from gateway.config import GatewaySettings
    from gateway.protocols import RewardModel

app = typer.Typer(no_args_is_help=True, help="The reward model.")
app.command(name="fit-length")(reward_fit.fit_length)
app.command(name="fit-prior")(reward_prior.fit_prior)

_DATA = typer.Argument(help="JSONL: rated answers, or what `winnow export reward` wrote.")
Data = Annotated[list[Path], _DATA]
Compared = Annotated[list[Path] | None, _DATA]


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
    data: Compared = None,
    model: Annotated[
        Path | None,
        typer.Option(help="The model's folder; without it, that of --config or the shipped one."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="Also measure how far n should go, by its ledger."),
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Votes on exchanges from then on: 90d, or an ISO date.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Measure a reward model: on the held-out part of some comparisons, and by the votes on what
    it chose.
    """
    from gateway.cli.reward_advice import advice, advice_tables
    from gateway.config import load_settings

    with told():
        if not data and config is None:
            raise ConfigurationError("nothing to measure on: name DATA, --config or both")
        settings = None if config is None else load_settings(config)
        plugin, calibration = _measured_model(model, settings)
        revision, report = asyncio.run(_evaluated(plugin, data or [], calibration))
        votes = None if settings is None else advice(settings, revision, since)
    if as_json:
        print_json(report if votes is None else {"comparisons": report, "votes": votes})
        return
    if report is not None:
        console.print(_comparison_table(report))
        if report.prefix_correlation:
            console.print(_prefix_table(report))
    if votes is not None:
        console.print(advice_tables(votes))


def _comparison_table(report: "EvaluationReport") -> Table:
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
    return table


def _measured_model(
    folder: Path | None, settings: "GatewaySettings | None"
) -> "tuple[RewardModel, Calibration | None]":
    """The model of that folder, or of that config, or else the shipped one; not yet open."""
    from gateway.alignment.reward_card import read_card
    from gateway.plugins import build_plugin
    from gateway.protocols import RewardModel
    from reward_filters.cross_encoder import SHIPPED_WEIGHTS, CrossEncoder

    if folder is not None or settings is None:
        use = "reward_filters.cross_encoder:CrossEncoder"
        path = {"path": folder or SHIPPED_WEIGHTS}
        plugin = build_plugin(use, path, "reward", RewardModel)
    elif settings.reward is None:
        raise ConfigurationError("reward is off in the config: there is nothing to measure")
    else:
        use, options = settings.reward.use, settings.reward.options
        plugin = build_plugin(use, options, "reward", RewardModel, settings.folder)
    card = read_card(plugin.path) if isinstance(plugin, CrossEncoder) else None
    return plugin, card and card.calibration


async def _evaluated(
    model: "RewardModel", data: list[Path], calibration: "Calibration | None"
) -> "tuple[str, EvaluationReport | None]":
    """The model's revision, and how well it ranks what is in `data`, if there is any."""
    from gateway.alignment.reward_evaluation import evaluate

    async with AsyncExitStack() as stack:
        if isinstance(model, AbstractAsyncContextManager):
            opened = cast("AbstractAsyncContextManager[Any]", model)
            await stack.enter_async_context(opened)
        if not data:
            return model.revision, None
        report = await evaluate(model, data, "test", calibration, _tokenizer(model))
        return model.revision, report


def _tokenizer(model: "RewardModel") -> "Tokenizer | None":
    """What counts the tokens of an answer's beginning: only a cross-encoder's own is at hand."""
    from reward_filters.cross_encoder import TOKENIZER_FILE, CrossEncoder, load_tokenizer

    return load_tokenizer(model.path / TOKENIZER_FILE) if isinstance(model, CrossEncoder) else None


def _prefix_table(report: "EvaluationReport") -> Table:
    table = Table(
        "beginning", "answers", "with the score of the whole", "with the rating",
        title="correlation of an answer's beginning, within a conversation and a model",
    )  # fmt: skip
    for found in report.prefix_correlation:
        cut = f"{found.tokens} tokens" if found.share is None else f"{found.share:.0%}"
        whole = f"{found.correlation:.2f} ({found.low:.2f} to {found.high:.2f})"
        table.add_row(cut, str(found.answers), whole, _shown(found.rubric))
    return table


def _shown(interval: "Interval | None") -> str:
    if interval is None:
        return ""
    return f"{interval.value:.2f} ({interval.low:.2f} to {interval.high:.2f})"
