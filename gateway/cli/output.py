# Typer types its Option and Argument only in part:
# pyright: reportUnknownMemberType=false
"""What all commands share: their options, how they tell of success, and how of failure."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Self

import typer
from pydantic_core import to_json
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from gateway.errors import WinnowError

console = Console()
errors = Console(stderr=True)

DEFAULT_CONFIG = Path("winnow.yaml")
Config = Annotated[
    Path, typer.Option("--config", "-c", envvar="WINNOW_CONFIG", help="The config file.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for a script.")]
Since = Annotated[
    str | None, typer.Option(help="Exchanges from then on: 7d, 24h, or an ISO date (UTC).")
]


@contextmanager
def told() -> Generator[None]:
    """Tell what went wrong without a traceback, and exit with 1."""
    try:
        yield
    except WinnowError as error:
        errors.print("[bold red]error:[/]", end=" ")
        errors.print(str(error), markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None


def print_json(value: Any) -> None:
    """A value on standard output, indented, with nothing else around it."""
    typer.echo(to_json(value, indent=2))


class Bars:
    """A progress bar per thing that is reported on, drawn while the context is open."""

    def __init__(self, unit: ProgressColumn | None = None) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            unit or MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=errors,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop drawing; what is printed from now on stands where it is printed."""
        self._progress.stop()

    def pulse(self, name: str) -> None:
        """Show that something of that name goes on, for as long as this is drawn."""
        self._tasks[name] = self._progress.add_task(name, total=None)

    def report(self, name: str, done: int, total: int) -> None:
        """`done` of `total` of the thing of that name. Nothing is drawn for what was there."""
        if name not in self._tasks:
            if done >= total:
                return
            self._tasks[name] = self._progress.add_task(name, total=total)
        self._progress.update(self._tasks[name], completed=done, total=total)
