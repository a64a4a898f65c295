# Typer types its Option and Argument only in part:
# pyright: reportUnknownMemberType=false
"""`winnow keys`."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from gateway.cli.output import DEFAULT_CONFIG, AsJson, Config, console, print_json, told
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.operations.keys import KeyStore

app = typer.Typer(no_args_is_help=True, help="API keys.")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What or whom the key is for.")],
    role: Annotated[
        list[str] | None, typer.Option(help="chat, feedback, reviewer or admin; repeatable.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, help="Days until it expires.")] = None,
    config: Config = DEFAULT_CONFIG,
    *,
    as_json: AsJson = False,
) -> None:
    """Make a key and show it, this once. From now on requests need one."""
    from gateway.config import load_settings
    from gateway.ledger.schema import upgrade

    expires = None if days is None else datetime.now(UTC) + timedelta(days=days)
    with told():
        upgrade(load_settings(config).ledger.url)
    with told(), _store(config) as store:
        record, secret = store.create(name, role or ["chat", "feedback"], expires)
    if as_json:
        print_json({"id": record.id, "key": secret})
        return
    console.print(f"Key {record.id} for {name!r}. Keep it now; it is not shown again:\n")
    console.print(f"  {secret}\n", markup=False, highlight=False, soft_wrap=True)


@app.command(name="list")
def list_keys(config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """All keys, without their secrets."""
    with told(), _store(config) as store:
        records = store.list()
    if as_json:
        print_json(records)
        return
    table = Table("id", "name", "roles", "created", "expires", "revoked")
    for record in records:
        days = (record.created_at, record.expires_at, record.revoked_at)
        shown = (f"{day:%Y-%m-%d}" if day else "" for day in days)
        table.add_row(record.id, record.name, " ".join(sorted(record.roles)), *shown)
    console.print(table)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="The key's id.")], config: Config = DEFAULT_CONFIG
) -> None:
    """Make a key worthless; running gateways refuse it within two seconds."""
    with told(), _store(config) as store:
        if store.revoke(key_id) is None:
            raise ConfigurationError(f"there is no key {key_id!r}")
    console.print(f"Key {key_id} is revoked.")


def _store(config: "Path") -> "KeyStore":
    from gateway.config import load_settings
    from gateway.wiring import key_store

    return key_store(load_settings(config))
