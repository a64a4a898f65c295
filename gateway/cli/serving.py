# Typer types its Option and Argument only in part:
# pyright: reportUnknownMemberType=false
"""`winnow serve` and `winnow check`."""

import asyncio
import logging
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import DownloadColumn
from rich.table import Table

from gateway.cli.output import DEFAULT_CONFIG, Bars, Config, console, errors, print_json, told

if TYPE_CHECKING:
    from gateway.config import GatewaySettings

_log = logging.getLogger(__name__)


def serve(
    config: Config = DEFAULT_CONFIG,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that serve.")] = 1,
) -> None:
    """Start the engine where the config asks for one, then the gateway."""
    from gateway import serving
    from gateway.config import load_settings
    from gateway.ledger.schema import upgrade
    from gateway.preflight import preflight

    with told(), serving.ended_by_signals():
        settings = load_settings(config)
        listener = serving.bind(host, port)
        upgrade(settings.ledger.url)
        with errors.status("Checking the config, the policies' examples and the reward model"):
            found = asyncio.run(preflight(settings))
            settings = serving.demand_keys_beyond_loopback(settings, host)
        for remark in found.remarks:
            errors.print(f"[yellow]![/] {remark}", soft_wrap=True)
        with Bars(DownloadColumn()) as bars:
            bars.pulse("Starting the engine")
            with serving.running_engines(settings, bars.report) as resolved:
                bars.close()
                # A judge on a CPU takes a minute over its trial: nobody has to wait for that.
                Thread(target=_try_reward, args=(resolved,), daemon=True).start()
                _announce(settings, host, port)
                try:
                    serving.run(resolved, listener, workers)
                finally:
                    console.print("Winnow has stopped.")


def check(
    config: Config = DEFAULT_CONFIG,
    *,
    probe: Annotated[bool, typer.Option("--probe", help="Also ask every server.")] = False,
) -> None:
    """Validate the config and the policies, and run the examples beside each policy."""
    from gateway.config import load_settings
    from gateway.preflight import on_a_throw_away_ledger, preflight

    with told():
        settings = load_settings(config)
        with TemporaryDirectory() as folder:
            found = asyncio.run(preflight(on_a_throw_away_ledger(settings, folder), probe=probe))
    console.print(f"[green]✓[/] {config} is valid", soft_wrap=True)
    console.print(f"[green]✓[/] {len(found.examples)} examples of the policies hold")
    if found.reward_revision:
        console.print(f"[green]✓[/] reward model {found.reward_revision}")
    if (pruning := found.pruning) is not None:
        console.print(
            f"[green]✓[/] candidates are pruned to {pruning.keep} at {pruning.at_tokens} tokens: "
            "the reward model was measured to judge beginnings well enough",
            soft_wrap=True,
        )
    for remark in found.remarks:
        console.print(f"[yellow]![/] {remark}", soft_wrap=True)
    for name, answers in found.probes.items():
        console.print(f"{'[green]✓[/]' if answers else '[red]✗[/]'} model {name}")
    for name, model in settings.models.items():
        if probe and model.engine is not None:
            console.print(f"[yellow]![/] model {name}: its engine is started by serve, not probed")
    if not all(found.probes.values()):
        raise typer.Exit(1)


def _try_reward(settings: "GatewaySettings") -> None:
    from gateway.preflight import reward_remarks

    for remark in asyncio.run(reward_remarks(settings)):
        _log.warning("%s", remark)


def _announce(settings: "GatewaySettings", host: str, port: int) -> None:
    """Where it is, and a first request that can be pasted."""
    shown_host = f"[{host}]" if ":" in host else host
    url = f"http://{shown_host}:{port}"
    model = next(iter(settings.models))
    table = Table.grid(padding=(0, 2))
    table.add_row("[bold green]Winnow is serving[/]", f"[bold]{url}[/]")
    table.add_row("base_url for an OpenAI SDK", f"{url}/v1")
    table.add_row("models", ", ".join(settings.models))
    table.add_row("policy sets", ", ".join(settings.policies.sets))
    if not settings.auth.required:
        table.add_row("access", "demo: no API key needed from this machine (winnow keys create)")
    console.print(table)
    console.print("\nA first request:\n")
    key = ' \\\n  -H "Authorization: Bearer $WINNOW_KEY"' if settings.auth.required else ""
    messages = '[{"role": "user", "content": "Where is my order?"}]'
    curl = (
        f"curl {url}/v1/chat/completions{key} \\\n"
        f'  -H "Content-Type: application/json" \\\n'
        f'  -d \'{{"model": "{model}", "messages": {messages}}}\'\n'
    )
    console.print(curl, markup=False, highlight=False, soft_wrap=True)


def schema() -> None:
    """Print the JSON Schema of winnow.yaml, for editors."""
    from gateway.config import GatewaySettings

    print_json(GatewaySettings.model_json_schema())
