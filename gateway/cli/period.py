"""A span of time as it is typed: `--since 7d`."""

from datetime import UTC, datetime, timedelta

from gateway.errors import ConfigurationError

_UNITS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_DIGITS = 4  # as many weeks are two centuries


def beginning(since: str, now: datetime) -> datetime:
    """The moment meant by `7d`, `24h`, `30m`, `2w` before `now`, or by an ISO date or time.

    One without a time zone is UTC.

    Raises:
        ConfigurationError: it is none of these.
    """
    number, unit = since[:-1], since[-1:]
    if number.isascii() and number.isdigit() and unit in _UNITS and len(number) <= _DIGITS:
        return now - int(number) * _UNITS[unit]
    try:
        moment = datetime.fromisoformat(since)
    except ValueError:
        raise ConfigurationError(
            f"--since: {since!r} is neither a span such as 7d, 24h, 30m or 2w nor an ISO date"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
