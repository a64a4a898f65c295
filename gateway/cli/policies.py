# Typer types its Option and Argument only in part:
# pyright: reportUnknownMemberType=false
"""`winnow policy`."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli import guard
from gateway.cli.output import (
    DEFAULT_CONFIG,
    AsJson,
    Bars,
    Config,
    Since,
    console,
    print_json,
    told,
)
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from gateway.alignment.policy_replay import Report
    from gateway.alignment.policy_trial import Lineup
    from gateway.alignment.replay_report import ReplayReport
    from gateway.config import PoliciesSettings
    from gateway.ledger.history import History
    from gateway.policy_examples import ExampleResult
    from gateway.policy_sets import PolicySet

Limit = Annotated[int | None, typer.Option(min=1, help="Only the newest exchanges.")]
InPlaceOf = Annotated[
    str | None,
    typer.Option(help="The set that the file replaces, if not the one that has its name."),
]
MaxNewlyBlocked = Annotated[
    int | None, typer.Option(min=0, help="Exit with 1 when more texts are newly blocked.")
]

app = typer.Typer(
    no_args_is_help=True, help="The policy sets, and the models that some policies ask."
)


@app.callback()
def policy() -> None:
    """The policy sets."""


@app.command(name="test")
def run_tests(
    file: Annotated[
        Path | None, typer.Argument(help="A policy file to test in place of the config's sets.")
    ] = None,
    name: Annotated[str | None, typer.Option("--set", help="Only the set of this name.")] = None,
    config: Config = DEFAULT_CONFIG,
    *,
    as_json: AsJson = False,
) -> None:
    """Run the examples that stand beside each policy, and fail when one of them does."""
    from gateway.cli.policy_tables import example_tables

    with told():
        sets = _sets_to_test(file, name, config)
        results = asyncio.run(_examples(sets))
    if as_json:
        print_json(results)
    else:
        console.print(example_tables(sets, results), soft_wrap=True)
    if not all(result.passed for result in results):
        raise typer.Exit(1)


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="The policy file to try.")],
    config: Config = DEFAULT_CONFIG,
    *,
    since: Since = None,
    limit: Limit = None,
    in_place_of: InPlaceOf = None,
    max_newly_blocked: MaxNewlyBlocked = None,
    as_json: AsJson = False,
) -> None:
    """Show what a policy file would change, judged on what the ledger has."""
    from gateway.cli.period import beginning
    from gateway.cli.policy_tables import replay_tables
    from gateway.config import load_settings
    from gateway.ledger.history import open_history
    from gateway.ledger.recent import recent
    from gateway.policy_sets import load_policy_set

    with told(), Bars() as bars:
        moment = None if since is None else beginning(since, datetime.now(UTC))
        settings = load_settings(config)
        in_force = _in_force(settings.policies)
        trial = load_policy_set(file)
        place = in_force.place_of(trial, in_place_of)
        on_trial = in_force.with_trial(trial, place)
        with open_history(settings.ledger.url, recent(moment, limit)) as history:
            progress = partial(bars.report, "exchanges")
            report = asyncio.run(_replay(history, in_force, on_trial, progress))
    if as_json:
        print_json(report.without_texts())
    else:
        role = f"in place of the set {place!r}" if place else "added to the other sets"
        console.print(f"{file} {role}:", highlight=False, soft_wrap=True)
        console.print(replay_tables(report), soft_wrap=True)
    if max_newly_blocked is not None and report.newly_blocked > max_newly_blocked:
        raise typer.Exit(1)


@app.command()
def schema() -> None:
    """Print the JSON Schema of policy files, for editors."""
    from gateway.policy_schema import policy_file_schema

    print_json(policy_file_schema())


def _sets_to_test(file: Path | None, name: str | None, config: Path) -> "Sequence[PolicySet]":
    from gateway.config import load_settings
    from gateway.policy_sets import load_policy_set
    from gateway.policy_store import PolicyStore

    if file is not None:
        return [load_policy_set(file)]
    sets = PolicyStore(load_settings(config).policies).load()
    if name is None:
        return list(sets.values())
    if name not in sets:
        raise ConfigurationError(f"--set: no policy set {name!r}: there are {', '.join(sets)}")
    return [sets[name]]


async def _examples(sets: "Sequence[PolicySet]") -> "Sequence[ExampleResult]":
    from gateway.policy_examples import run_examples
    from gateway.policy_sets import opened

    async with opened(sets):
        return await run_examples(sets)


def _in_force(settings: "PoliciesSettings") -> "Lineup":
    from gateway.alignment.policy_trial import Lineup
    from gateway.policy_store import PolicyStore

    store = PolicyStore(settings)
    sets = store.load()
    always_on = tuple(s for name, s in sets.items() if name in store.always_on)
    return Lineup(always_on, tuple(s for name, s in sets.items() if name not in store.always_on))


async def _replay(
    history: "History", in_force: "Lineup", on_trial: "Lineup", progress: "Report"
) -> "ReplayReport":
    from gateway.alignment.policy_replay import replay
    from gateway.policy_sets import opened

    async with opened((*on_trial.always, *on_trial.optional)):
        return await replay(history, in_force, on_trial, progress)


app.command()(guard.gather)
app.command()(guard.train)
app.command(name="eval")(guard.evaluate)
