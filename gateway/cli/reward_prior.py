# Typer types its Option and Argument only in part:
# pyright: reportUnknownMemberType=false
"""`winnow reward fit-prior`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from gateway.cli.output import DEFAULT_CONFIG, AsJson, Config, Since, console, print_json, told
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from reward_filters.pandora import Prior


def fit_prior(
    out: Annotated[Path, typer.Option(help="The file for the prior, as JSON.")],
    config: Config = DEFAULT_CONFIG,
    *,
    since: Since = None,
    as_json: AsJson = False,
) -> None:
    """Fit what the stop rule `Pandora` expects of an answer, on the rewards of the ledger."""
    from gateway.alignment.reward_prior import write_prior

    with told():
        prior = _fitted(config, since)
        write_prior(prior, out)
    if as_json:
        print_json(prior)
        return
    table = Table("", "", show_header=False, title=prior.revision)
    table.add_row("rewards (exchanges)", f"{prior.rewards} ({prior.exchanges})")
    table.add_row("mean reward of an exchange", f"{prior.mean:.2f}")
    table.add_row("standard deviation between exchanges", f"{prior.between:.2f}")
    table.add_row("standard deviation within one", f"{prior.within:.2f}")
    table.add_row("draws that survive", f"{prior.survival(0, 0):.1%}")
    console.print(table)
    console.print(f"{out} holds the prior for `Pandora`.", highlight=False, soft_wrap=True)


def _fitted(config: Path, since: str | None) -> "Prior":
    from gateway.alignment.reward_prior import fit_prior, groups
    from gateway.alignment.reward_records import reward_records
    from gateway.cli.period import beginning
    from gateway.config import load_settings
    from gateway.ledger.history import open_history
    from gateway.ledger.recent import recent
    from gateway.plugins import build_plugin
    from gateway.protocols import RewardModel

    moment = None if since is None else beginning(since, datetime.now(UTC))
    settings = load_settings(config)
    if settings.reward is None:
        raise ConfigurationError("reward: is off, so that nothing is scored")
    reward = settings.reward
    revision = build_plugin(
        reward.use, reward.options, "reward", RewardModel, settings.folder
    ).revision
    with open_history(settings.ledger.url, recent(moment)) as history:
        found = groups(reward_records(history, revision))
    source = "the ledger" if moment is None else f"the ledger from {moment:%Y-%m-%d} on"
    return fit_prior(found, revision, source)
