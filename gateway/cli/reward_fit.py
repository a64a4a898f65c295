# Typer types its Option and Argument only in part:
# pyright: reportUnknownMemberType=false
"""`winnow reward fit-length`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

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
    from gateway.alignment.length_trend import LengthReport
    from gateway.config import GatewaySettings

_DEBIASED = "reward_filters.length_debiased:LengthDebiased"


def fit_length(
    out: Annotated[Path, typer.Option(help="The file for the trend, as JSON.")],
    config: Config = DEFAULT_CONFIG,
    *,
    since: Since = None,
    as_json: AsJson = False,
) -> None:
    """Fit how much of the reward is length, on the scored candidates of the ledger."""
    with told():
        with Bars() as bars:
            bars.pulse("reading the ledger")
            report = _fitted(config, since)
        try:
            out.write_text(report.to_json(), encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(f"--out: {str(out)!r}: {error.strerror}") from None
    if as_json:
        print_json(report)
        return
    table = Table("", "", show_header=False, title=f"{report.trend.revision}: score and length")
    table.add_row("candidates (exchanges)", f"{report.candidates} ({report.exchanges})")
    table.add_row("mean score", f"{report.mean:.2f}")
    table.add_row("standard deviation", f"{report.deviation:.2f}")
    table.add_row("Spearman correlation within exchanges", f"{report.spearman_before:.2f}")
    table.add_row("less the trend", f"{report.spearman_after:.2f}")
    for knot in report.trend.knots:
        table.add_row(f"points at {knot.characters:.0f} characters", f"{knot.points:+.2f}")
    console.print(table)
    console.print(f"{out} holds the trend for `LengthDebiased`.", highlight=False, soft_wrap=True)


def _fitted(config: Path, since: str | None) -> "LengthReport":
    from gateway.alignment.length_trend import fit_length_trend
    from gateway.alignment.reward_records import reward_records
    from gateway.cli.period import beginning
    from gateway.config import load_settings
    from gateway.ledger.history import open_history
    from gateway.ledger.recent import recent

    moment = None if since is None else beginning(since, datetime.now(UTC))
    settings = load_settings(config)
    revision = _revision(settings)
    with open_history(settings.ledger.url, recent(moment)) as history:
        return fit_length_trend(reward_records(history, revision), revision)


def _revision(settings: "GatewaySettings") -> str:
    """Of the config's reward model; of the one inside where it is to be debiased.

    The trend that stands there may be of another revision, or not be there yet.
    """
    from gateway.config import Plugin
    from gateway.plugins import build_plugin
    from gateway.protocols import RewardModel

    if settings.reward is None:
        raise ConfigurationError("reward: is off, so that nothing is scored")
    entry, place = Plugin(use=settings.reward.use, **settings.reward.options), "reward"
    if entry.use == _DEBIASED and isinstance(entry.options.get("model"), dict):
        entry, place = Plugin(**entry.options["model"]), "reward.model"
    return build_plugin(entry.use, entry.options, place, RewardModel, settings.folder).revision
