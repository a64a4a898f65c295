"""Reading the whole ledger."""

from gateway.ledger.history import WITH_FEEDBACK, open_history
from gateway.ledger.sql import SqlLedger
from tests.gateway.ledger.exchanges import exchange, vote


async def test_all_exchanges_come_in_order_with_their_feedback(url: str) -> None:
    """Over several pages, whatever the order in which they were recorded."""
    async with SqlLedger(url) as ledger:
        for number in reversed(range(450)):
            await ledger.record(exchange(number))
            if number % 100 == 0:
                await ledger.add_feedback(vote(exchange(number), rating=1))
    with open_history(url) as history:
        assert len(history) == 450
        assert list(history) == [
            (exchange(n), [vote(exchange(n), rating=1)] if n % 100 == 0 else []) for n in range(450)
        ]
    with open_history(url, WITH_FEEDBACK) as history:
        assert len(history) == 5
        assert [found.id[-3:] for found, _ in history] == ["000", "100", "200", "300", "400"]


async def test_what_is_written_meanwhile_is_not_seen(url: str) -> None:
    """An export shows one moment."""
    async with SqlLedger(url) as ledger:
        await ledger.record(exchange(0))
        with open_history(url) as history:
            assert len(history) == 1
            await ledger.record(exchange(1))
            assert [found.id for found, _ in history] == ["exchange-000000"]
