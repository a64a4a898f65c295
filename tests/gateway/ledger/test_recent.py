"""Which exchanges are read: from a moment on, the newest ones."""

from datetime import datetime, timedelta

import pytest

from gateway.ledger.history import open_history
from gateway.ledger.recent import recent
from gateway.ledger.sql import SqlLedger
from tests.gateway.ledger.exchanges import START, exchange


@pytest.mark.parametrize(
    ("since", "newest", "expected"),
    [
        (None, None, [0, 1, 2, 3, 4]),
        (START + timedelta(seconds=3), None, [3, 4]),
        (None, 2, [3, 4]),
        (START + timedelta(seconds=1), 3, [2, 3, 4]),
        (START + timedelta(seconds=4), 3, [4]),
        (START + timedelta(days=1), None, []),
        (START + timedelta(days=1), 3, []),
    ],
)
async def test_the_newest_exchanges_since_a_moment(
    url: str, since: datetime | None, newest: int | None, expected: list[int]
):
    """In the order of the ledger, and counted alike."""
    async with SqlLedger(url) as ledger:
        for number in range(5):
            await ledger.record(exchange(number))
    with open_history(url, recent(since, newest)) as history:
        assert len(history) == len(expected)
        assert [found for found, _ in history] == [exchange(number) for number in expected]
