# Typer types its Option and Argument only in part:
# pyright: reportUnknownMemberType=false
"""`winnow models`."""

from typing import Annotated

import typer
from rich.progress import DownloadColumn
from rich.table import Table

from gateway.cli.output import DEFAULT_CONFIG, Bars, Config, console, told

app = typer.Typer(no_args_is_help=True, help="The embedded weights.")


@app.command()
def pull(
    names: Annotated[list[str] | None, typer.Argument(help="Names of the catalogue.")] = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Fetch weights once and verify them; without a name, those that the config asks for."""
    from gateway.config import load_settings
    from gateway.engines import catalogue
    from gateway.engines.weights import cache_folder, pull
    from gateway.serving import embedded_weights

    with told(), Bars(DownloadColumn()) as bars:
        wanted = names or embedded_weights(load_settings(config))
        for name in wanted:
            path = pull(catalogue.find(name), cache_folder(), bars.report)
            console.print(f"{name}: {path}", highlight=False, soft_wrap=True)


@app.command(name="list")
def list_models() -> None:
    """The catalogue, and what of it is here."""
    from gateway.engines.catalogue import CATALOGUE
    from gateway.engines.weights import cache_folder, is_verified

    table = Table("name", "licence", "MB", "here")
    for weights in CATALOGUE:
        here = "yes" if is_verified(weights, cache_folder()) else ""
        table.add_row(weights.name, weights.licence, f"{weights.size / 1e6:.0f}", here)
    console.print(table)
