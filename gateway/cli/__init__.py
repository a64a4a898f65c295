# Typer types its Option and Argument only in part:
# pyright: reportUnknownMemberType=false
"""The `winnow` command. Each command reads its arguments, calls one thing, and tells of it.

Imports of what a command calls stand inside it: `winnow --help` must not wait for them.
"""

from typing import Annotated

import typer

from gateway import __version__
from gateway.cli import alignment, keys, ledger, models, policies, reward, serving
from gateway.cli.output import console
from gateway.operations.logs import configure_logging

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)


@app.callback(invoke_without_command=True)
def main(
    *, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    """A guarded chatbot serving gateway."""
    configure_logging()
    if version:
        console.print(f"winnow {__version__}")
        raise typer.Exit


app.command()(serving.serve)
app.command()(serving.check)
app.command()(serving.schema)
app.command()(alignment.export)
app.add_typer(models.app, name="models")
app.add_typer(keys.app, name="keys")
app.add_typer(ledger.app, name="db")
app.add_typer(policies.app, name="policy")
app.add_typer(reward.app, name="reward")
