# Typer types its Option and Argument only in part:
# pyright: reportUnknownMemberType=false
"""`winnow export`."""

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.output import DEFAULT_CONFIG, AsJson, Bars, Config, console, print_json, told


class Dataset(StrEnum):
    """What TRL's trainers are fed with."""

    SFT = "sft"
    DPO = "dpo"
    KTO = "kto"
    REWARD = "reward"


def export(
    kind: Annotated[Dataset, typer.Argument(help="Which trainer it is for.")],
    out: Annotated[Path, typer.Option(help="The folder to write; an export there is replaced.")],
    config: Config = DEFAULT_CONFIG,
    test_fraction: Annotated[float, typer.Option(min=0, max=1, help="Kept for testing.")] = 0.1,
    *,
    reward_only: Annotated[
        bool, typer.Option("--reward-only", help="Also where only the reward model had a say.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write what was gathered as a dataset that TRL reads unchanged."""
    from gateway.alignment.export import export
    from gateway.alignment.manifest import ExportOptions
    from gateway.config import load_settings

    with told(), Bars() as bars:
        options = ExportOptions(test_fraction=test_fraction, reward_only=reward_only)
        url = load_settings(config).ledger.url
        manifest = export(kind.value, url, out, partial(bars.report, "exchanges"), options)
    if as_json:
        print_json(manifest)
        return
    rows = ", ".join(f"{count} {split}" for split, count in manifest.rows.items())
    console.print(f"{out}: {rows} (from {manifest.exchanges_read} exchanges)", highlight=False)
    if manifest.advice:
        console.print(manifest.advice)
