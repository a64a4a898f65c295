"""What `winnow reward eval --config` tells of the votes in the ledger: how far n should go."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from math import ceil

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gateway.alignment.interval import Interval
from gateway.alignment.label_rates import Estimates, MeasuredRate
from gateway.alignment.overoptimisation import (
    HowFar,
    OveroptimisationReport,
    Recommendation,
    Refusal,
    overoptimisation,
)
from gateway.alignment.votes import read_votes
from gateway.cli.output import Bars
from gateway.cli.period import beginning
from gateway.config import GatewaySettings


def advice(settings: GatewaySettings, revision: str, since: str | None) -> OveroptimisationReport:
    """What people thought of what that reward model chose.

    Raises:
        ConfigurationError: the ledger cannot be read, or `since` is no span of time.
        LedgerUnavailable: another process holds the ledger's lock.
    """
    moment = None if since is None else beginning(since, datetime.now(UTC))
    with Bars() as bars:
        progress = partial(bars.report, "exchanges with feedback")
        votes = read_votes(settings.ledger.url, revision, moment, progress)
        bars.pulse("estimating")
        return overoptimisation(votes, revision, settings.candidates.max_n)


def advice_tables(report: OveroptimisationReport) -> RenderableType:
    """For each kind of voter the rates, the three answers, and what to do or what lacks."""
    told = [(voter, found) for voter, found in report.by_voter.items() if found.votes]
    parts: list[RenderableType] = [
        Text(f"\nHow far n should go, by votes on what {report.revision} chose:")
    ]
    for voter, found in told:
        share = f"{found.voted_share:.2%} of {report.exchanges} exchanges"
        parts.append(Text(f"\n{found.votes} votes of {voter}s ({share})", style="bold"))
        parts += _found(found, report)
    if not told:
        nothing = next(iter(report.by_voter.values()))
        parts += [_refused(nothing.refusal, nothing)] if nothing.refusal else []
    for reason, exchanges in report.left_out.items():
        parts.append(_remark(f"{exchanges} voted exchanges say nothing: {reason}"))
    return Group(*parts)


def _found(found: HowFar, report: OveroptimisationReport) -> Iterator[RenderableType]:
    if found.estimates is not None:
        yield _rates("n", found.estimates.best_of_n, "best of n")
        yield _rates("temperature", found.estimates.soft.measured, f"soft best of {found.served_n}")
        yield from _answers(found.estimates, found.served_n)
    if found.recommendation is not None:
        yield Text(_recommended(found.recommendation, found, report.cap), style="bold")
    if found.refusal is not None:
        yield _refused(found.refusal, found)
    for remark in found.remarks:
        yield _remark(remark)


def _rates(heading: str, measured: Sequence[MeasuredRate], title: str) -> Table:
    table = Table(heading, title=f"Votes up, by {title}", title_justify="left")
    table.add_column("label rate")
    table.add_column("rests on votes", justify="right")
    for rate in measured:
        table.add_row(f"{rate.at:.2g}", _percent(rate.rate), f"{rate.effective:.0f}")
    return table


def _answers(estimates: Estimates, served_n: int) -> Iterator[Text]:
    hedge, soft = estimates.hedge_tune, estimates.soft
    yield Text(f"As served, n = {served_n}: {_percent(estimates.as_served)}")
    yield Text(f"Half of that n, as measured, adds {_points(estimates.halving)}")
    yield Text(
        f"HedgeTune: best n {_number(hedge.peak)}; doubling n adds {_points(hedge.slope)}; "
        f"for a Poisson n, best mean {_number(hedge.poisson_peak)}"
    )
    yield Text(f"Gao's law: best n {_number(estimates.gao_peak)}")
    if soft.best is not None and soft.gain is not None:
        yield Text(f"Best temperature {_number(soft.best)}: adds {_points(soft.gain)}")


def _recommended(recommendation: Recommendation, found: HowFar, cap: int) -> str:
    n, served = recommendation.n, found.served_n
    match recommendation.finding:
        case "over-optimised":
            said = f"At n = {served} the reward is over-optimised: serve n = {n}"
        case "more helps":
            end = ", the cap" if n == cap else ""
            said = f"A larger n than {served} still helps: serve n = {n}{end}"
        case "flat":
            said = f"Around n = {served} a larger or smaller n changes little: leave it"
    draws = ceil(n / found.passed)
    if draws > n:
        said += f" ({draws} draws, as {found.passed:.0%} of them get that far)"
    if found.estimates is None:
        return f"{said}."
    soft, gains = found.estimates.soft, found.estimates.hedge_tune.gains
    if n != served:
        said += f", by the curve {_points(gains[n - 1])}"
    if soft.best is not None and soft.gain is not None and soft.gain.low > 0:
        said += f"; or at n = {served} the temperature {soft.best.value:.2g}"
    return f"{said}."


def _refused(refusal: Refusal, found: HowFar) -> Text:
    said = f" Nothing is recommended: {refusal.reason}."
    if refusal.missing_votes is not None:
        said += f" It takes about {refusal.missing_votes:,} more votes"
        if refusal.missing_exchanges is not None:
            said += (
                f"; at {found.voted_share:.2%} of exchanges voted that is "
                f"{refusal.missing_exchanges:,} exchanges"
            )
        said += "."
    return Text.assemble(("!", "yellow"), said)


def _remark(said: str) -> Text:
    return Text.assemble(("!", "yellow"), f" {said}")


def _percent(rate: Interval) -> str:
    return f"{rate.value:.1%} ({100 * rate.low:.1f} to {100 * rate.high:.1f})"


def _points(change: Interval) -> str:
    low, high = 100 * change.low, 100 * change.high
    return f"{100 * change.value:+.1f} points ({low:+.1f} to {high:+.1f})"


def _number(interval: Interval) -> str:
    return f"{interval.value:.2g} ({interval.low:.2g} to {interval.high:.2g})"
