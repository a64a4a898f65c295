"""Reads the whole ledger, in order and in little memory, as it stood at one moment."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import ColumnElement, Connection, exists, func, select, true

from gateway.ledger.codec import EVENTS, EXCHANGES
from gateway.ledger.database import opening, reading_engine
from gateway.ledger.schema import verify
from gateway.ledger.tables import exchanges, feedback
from gateway.types import Exchange, FeedbackEvent

_PAGE = 200

Record = tuple[Exchange, Sequence[FeedbackEvent]]

ALL: ColumnElement[bool] = true()
WITH_FEEDBACK: ColumnElement[bool] = exists().where(feedback.c.exchange_id == exchanges.c.id)


class History:
    """Exchanges by id, each with all of its feedback events, oldest first."""

    def __init__(self, connection: Connection, which: ColumnElement[bool]) -> None:
        self._connection = connection
        self._which = which

    def __len__(self) -> int:
        """How many exchanges there are."""
        query = select(func.count()).select_from(exchanges).where(self._which)
        return self._connection.scalar(query) or 0

    def __iter__(self) -> Iterator[Record]:
        query = (
            select(exchanges.c.id, exchanges.c.document).where(self._which).order_by(exchanges.c.id)
        )
        with self._connection.execute(query.execution_options(yield_per=_PAGE)) as result:
            for page in result.partitions():
                events = self._events(page[0].id, page[-1].id)
                for row in page:
                    yield EXCHANGES.decode(row.document), events.get(row.id, [])

    def _events(self, first_id: str, last_id: str) -> dict[str, list[FeedbackEvent]]:
        query = (
            select(feedback.c.exchange_id, feedback.c.document)
            .where(feedback.c.exchange_id.between(first_id, last_id))
            .order_by(feedback.c.exchange_id, feedback.c.created_at, feedback.c.id)
        )
        found: dict[str, list[FeedbackEvent]] = {}
        for row in self._connection.execute(query):
            found.setdefault(row.exchange_id, []).append(EVENTS.decode(row.document))
        return found


@contextmanager
def open_history(url: str, which: ColumnElement[bool] = ALL) -> Generator[History]:
    """The ledger's history as it stands now: what is written meanwhile is not in it.

    `which` is ALL, WITH_FEEDBACK or another condition on the table of exchanges.

    Raises:
        ConfigurationError: there is no such ledger, or it has another version's schema.
        LedgerUnavailable: another process holds its lock.
    """
    engine = reading_engine(url, connections=1)
    try:
        with opening(url), engine.connect() as connection:
            verify(connection)
            yield History(connection, which)
    finally:
        engine.dispose()
