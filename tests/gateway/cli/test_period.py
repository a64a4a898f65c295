"""`--since`: a span before now, or a date."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from gateway.cli.period import beginning
from gateway.errors import ConfigurationError

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "moment"),
    [
        ("7d", NOW - timedelta(days=7)),
        ("24h", NOW - timedelta(hours=24)),
        ("30m", NOW - timedelta(minutes=30)),
        ("2w", NOW - timedelta(weeks=2)),
        ("9999w", NOW - timedelta(weeks=9999)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T10:30", datetime(2026, 11, 1, 10, 30, tzinfo=UTC)),
        ("2026-11-01T10:30+02:00", datetime(2026, 11, 1, 8, 30, tzinfo=UTC)),
    ],
)
def test_spans_and_dates_are_read(since: str, moment: datetime):
    """A date without a time zone is UTC."""
    assert beginning(since, NOW) == moment
    assert beginning(since, NOW.astimezone(timezone(timedelta(hours=5)))) == moment


@pytest.mark.parametrize(
    "since", ["", "d", "7", "7y", "-7d", "7.5d", "99999w", "²d", "soon", "7 d"]
)
def test_anything_else_is_named(since: str):
    """With what it could have been."""
    with pytest.raises(ConfigurationError, match=r"--since: .* neither a span such as 7d"):
        beginning(since, NOW)
