"""The ledger in an SQL database."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Self, TypeVar

from pydantic import ValidationError
from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.exc import SQLAlchemyError

from gateway.errors import ConfigurationError, Conflict, LedgerUnavailable
from gateway.ledger.codec import EVENTS, EXCHANGES, escape
from gateway.ledger.database import explained, opening, reading_engine, writing_engine
from gateway.ledger.schema import verify_once
from gateway.ledger.tables import exchanges, feedback
from gateway.ledger.writer import GroupCommitWriter
from gateway.types import Exchange, FeedbackEvent

T = TypeVar("T")

_READY_WITHIN_S = 1.0
_PROBE_WAITS_S = 0.5
_PROBE_BYTES = 256 * 1024
_log = logging.getLogger(__name__)


class SqlLedger:
    """`protocols.Ledger` over a database that `schema.upgrade` has prepared.

    An asynchronous context manager. Several processes may use one SQLite file: each waits for
    the others' commits up to `busy_timeout_s`, then raises LedgerUnavailable. A write that was
    queued is carried out even if its caller is cancelled. While the file is deleted, moved or
    replaced by one that has another schema, everything raises LedgerUnavailable; once it is
    there again, the ledger works again.

    Raises:
        ConfigurationError: from the constructor, the URL is wrong; on entering, the file
            cannot be written or has another version's schema.
    """

    def __init__(
        self, url: str, *, busy_timeout_s: float = 5.0, queue_limit: int = 1024, readers: int = 4
    ) -> None:
        self._url = url
        self._writing = writing_engine(url, busy_timeout_s=busy_timeout_s)
        self._reading = reading_engine(url, busy_timeout_s=busy_timeout_s, connections=readers)
        # Apart from the writer, so that nobody's exchange waits behind a question.
        self._probing = writing_engine(url, busy_timeout_s=min(busy_timeout_s, _PROBE_WAITS_S))
        self._writer = GroupCommitWriter(self._writing, queue_limit=queue_limit)
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="ledger-reader")

    async def __aenter__(self) -> Self:
        try:
            await asyncio.to_thread(self._verify)
        except BaseException:
            self._release()
            raise
        self._writer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._writer.close)
        self._release()

    async def record(self, exchange: Exchange) -> None:
        await self._write(partial(_insert_exchange, exchange))

    async def exchange(self, exchange_id: str) -> Exchange | None:
        return await self._read(partial(_find_exchange, exchange_id))

    async def add_feedback(self, event: FeedbackEvent) -> FeedbackEvent:
        return await self._write(partial(_add_event, event))

    async def feedback(self, exchange_id: str) -> Sequence[FeedbackEvent]:
        return await self._read(partial(_find_events, exchange_id))

    async def ready(self) -> bool:
        """Whether the store answers, and takes writes as far as is known; never raises.

        After a commit that failed a write is tried. No answer within a second is a no.
        """
        try:
            async with asyncio.timeout(_READY_WITHIN_S):
                await self._read(_find_any)
                if self._writer.failing:
                    await self._ask(self._probing, _try_to_write)
        except (LedgerUnavailable, TimeoutError):
            return False
        return self._writer.running

    async def _write(self, work: Callable[[Connection], T]) -> T:
        return await asyncio.wrap_future(self._writer.submit(work))

    async def _read(self, query: Callable[[Connection], T]) -> T:
        return await self._ask(self._reading, query)

    async def _ask(self, engine: Engine, query: Callable[[Connection], T]) -> T:
        if not self._writer.running:
            raise LedgerUnavailable("the ledger is closed")
        asked = partial(_answer, engine, query)
        return await asyncio.get_running_loop().run_in_executor(self._readers, asked)

    def _verify(self) -> None:
        with opening(self._url), self._writing.begin() as connection:
            verify_once(connection)

    def _release(self) -> None:
        self._readers.shutdown()
        self._reading.dispose()
        self._writing.dispose()
        self._probing.dispose()


def _answer(engine: Engine, query: Callable[[Connection], T]) -> T:
    try:
        with engine.connect() as connection:
            return query(connection)
    except (SQLAlchemyError, ValidationError, ConfigurationError) as error:
        reason = explained(error)
        _log.warning("the ledger gave no answer: %s", reason)
        # not chained: pydantic's message would quote what stands in the ledger
        raise LedgerUnavailable(reason) from None


def _try_to_write(connection: Connection) -> None:
    """Write as much as some exchanges may need, and undo it: that tells whether there is room."""
    verify_once(connection)
    connection.exec_driver_sql("PRAGMA cache_size = 8")  # what is more goes to the disk at once
    connection.exec_driver_sql("CREATE TABLE probe (filler BLOB)")
    connection.exec_driver_sql("INSERT INTO probe VALUES (zeroblob(?))", (_PROBE_BYTES,))
    connection.rollback()


def _insert_exchange(exchange: Exchange, connection: Connection) -> None:
    row = {
        "id": escape(exchange.id),
        "created_at": exchange.created_at,
        "key_id": _escaped(exchange.caller.key_id),
        "session_id": _escaped(exchange.request.session_id),
        "model": escape(exchange.request.model),
        "outcome": exchange.outcome,
        "document": EXCHANGES.encode(exchange),
    }
    connection.execute(insert(exchanges), row)


def _find_any(connection: Connection) -> str | None:
    return connection.scalar(select(exchanges.c.id).limit(1))


def _find_exchange(exchange_id: str, connection: Connection) -> Exchange | None:
    query = select(exchanges.c.document).where(exchanges.c.id == escape(exchange_id))
    document = connection.scalar(query)
    return None if document is None else EXCHANGES.decode(document)


def _find_events(exchange_id: str, connection: Connection) -> Sequence[FeedbackEvent]:
    query = (
        select(feedback.c.document)
        .where(feedback.c.exchange_id == escape(exchange_id))
        .order_by(feedback.c.created_at, feedback.c.id)
    )
    return [EVENTS.decode(document) for document in connection.scalars(query)]


def _add_event(event: FeedbackEvent, connection: Connection) -> FeedbackEvent:
    first = _first_of(event, connection)
    if first is None:
        row = {
            "id": escape(event.id),
            "exchange_id": escape(event.exchange_id),
            "created_at": event.created_at,
            "idempotency_key": _escaped(event.idempotency_key),
            "document": EVENTS.encode(event),
        }
        connection.execute(insert(feedback), row)
        return event
    if replace(event, id=first.id, created_at=first.created_at) != first:
        raise Conflict("this Idempotency-Key was used for other feedback on this exchange")
    return first


def _first_of(event: FeedbackEvent, connection: Connection) -> FeedbackEvent | None:
    """What is stored under the event's idempotency key."""
    if event.idempotency_key is None:
        return None
    query = select(feedback.c.document).where(
        feedback.c.exchange_id == escape(event.exchange_id),
        feedback.c.idempotency_key == _escaped(event.idempotency_key),
    )
    document = connection.scalar(query)
    return None if document is None else EVENTS.decode(document)


def _escaped(text: str | None) -> str | None:
    return None if text is None else escape(text)
