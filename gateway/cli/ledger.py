# Typer types its Option and Argument only in part:
# pyright: reportUnknownMemberType=false
"""`winnow db`."""

import typer

from gateway.cli.output import DEFAULT_CONFIG, Config, console, told

app = typer.Typer(no_args_is_help=True, help="The ledger's database.")


@app.callback()
def db() -> None:
    """The ledger's database."""


@app.command()
def upgrade(config: Config = DEFAULT_CONFIG) -> None:
    """Bring the ledger to this version's schema."""
    from gateway.config import load_settings
    from gateway.ledger import schema

    with told():
        schema.upgrade(load_settings(config).ledger.url)
    console.print("The ledger has this version's schema.")
