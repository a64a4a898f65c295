# Typer types its Option and Argument only in part:
# pyright: reportUnknownMemberType=false
"""`winnow policy`."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from gateway.cli.output import DEFAULT_CONFIG, AsJson, Config, console, print_json, told

if TYPE_CHECKING:
    from gateway.config import PoliciesSettings
    from gateway.policy_examples import ExampleResult

app = typer.Typer(no_args_is_help=True, help="The policy sets.")


@app.callback()
def policy() -> None:
    """The policy sets."""


@app.command(name="test")
def run_tests(config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """Run the examples that stand beside each policy of the config's sets."""
    from gateway.config import load_settings
    from gateway.preflight import explained

    with told():
        results = asyncio.run(_examples(load_settings(config).policies))
    failed = [result for result in results if not result.passed]
    if as_json:
        print_json(results)
    else:
        for result in failed:
            console.print(f"[red]✗[/] {explained(result)}", highlight=False, soft_wrap=True)
        console.print(f"{len(results) - len(failed)} examples hold, {len(failed)} fail")
    if failed:
        raise typer.Exit(1)


async def _examples(settings: "PoliciesSettings") -> "Sequence[ExampleResult]":
    from gateway.policy_examples import run_examples
    from gateway.wiring import policy_sets

    sets = policy_sets(settings).values()
    return [result for policy_set in sets for result in await run_examples(policy_set)]
