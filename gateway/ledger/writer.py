"""One thread that writes: whatever waits is made durable by one commit.

A commit costs an fsync, whether it holds one row or a hundred. While one commit runs, the
writes that come in queue up, and the next one takes them all.
"""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from queue import Empty, Full, Queue
from threading import Lock, Thread
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from gateway.errors import LedgerUnavailable, WinnowError
from gateway.ledger.database import demand_same_file, explained, is_outage
from gateway.ledger.outages import OutageLog
from gateway.ledger.schema import verify_once

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Write:
    work: Callable[[Connection], Any]
    future: Future[Any]


class GroupCommitWriter:
    """Runs pieces of work in order, many to a transaction, each in a savepoint of its own.

    Futures are resolved after the commit, and only while the ledger's path leads to the file
    that was written. A piece of work that fails is undone alone; when the database fails, all
    pieces of the transaction do.
    """

    def __init__(
        self,
        engine: Engine,
        outages: OutageLog,
        *,
        queue_limit: int = 1024,
        batch_limit: int = 256,
    ) -> None:
        self._engine = engine
        self._outages = outages
        self._batch_limit = batch_limit
        self._queue: Queue[_Write | None] = Queue(queue_limit)
        self._closing = Lock()
        self._open = False
        self._failing = False
        self._probe: Future[None] | None = None
        self._thread = Thread(target=self._run, name="ledger-writer", daemon=True)

    @property
    def running(self) -> bool:
        return self._open and self._thread.is_alive()

    @property
    def failing(self) -> bool:
        """Whether the last transaction was lost."""
        return self._failing

    def start(self) -> None:
        self._open = True
        self._thread.start()

    def close(self) -> None:
        """Write what is queued, then stop; waits for that."""
        with self._closing:
            was_open, self._open = self._open, False
        if was_open:
            self._queue.put(None)
            self._thread.join()

    def submit(self, work: Callable[[Connection], T]) -> Future[T]:
        """Queue `work`; the future has its result once that is durable.

        The work is done even if nobody waits for it any more: the future cannot be cancelled.

        Raises:
            LedgerUnavailable: the queue is full, or the writer is closed. The future raises it
                too when the work or its commit fails, unless the work raised a WinnowError.
        """
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        with self._closing:
            if not self._open:
                raise LedgerUnavailable("the ledger is closed")
            try:
                self._queue.put_nowait(_Write(work, future))
            except Full:
                full = LedgerUnavailable("the ledger's queue is full")
                self._outages.tell(str(full))
                raise full from None
        return future

    def probe(self) -> Future[None]:
        """Queue a write that changes nothing; while one waits, that one is returned.

        Raises:
            LedgerUnavailable: as `submit`.
        """
        if self._probe is None or self._probe.done():
            self._probe = self.submit(_write_nothing)
        return self._probe

    def _run(self) -> None:
        while batch := self._next_batch():
            self._commit(batch)

    def _next_batch(self) -> list[_Write]:
        """Everything queued, at least one write; nothing when it is time to stop."""
        batch: list[_Write] = []
        write = self._queue.get()
        while write is not None:
            batch.append(write)
            if len(batch) == self._batch_limit:
                return batch
            try:
                write = self._queue.get_nowait()
            except Empty:
                return batch
        if batch:
            self._queue.put(None)  # stop at the next look: nothing can have come in between
        return batch

    def _commit(self, batch: list[_Write]) -> None:
        try:
            with self._engine.connect() as connection:
                with connection.begin():
                    verify_once(connection)
                    settlements = [self._attempt(connection, write) for write in batch]
                demand_same_file(connection)
        except Exception as error:  # noqa: BLE001 - the thread outlives every failure
            self._failing = True
            self._outages.tell(explained(error))
            for write in batch:
                write.future.set_exception(_unavailable(error))
            return
        self._failing = False
        for settle in settlements:
            settle()

    def _attempt(self, connection: Connection, write: _Write) -> Callable[[], None]:
        """Do one piece of work, and return what tells its caller so once it is committed."""
        savepoint = connection.begin_nested()
        try:
            value = write.work(connection)
        except Exception as error:
            if is_outage(error):
                raise
            # A full disk may have undone the whole transaction: then this raises, and all fail.
            savepoint.rollback()
            if isinstance(error, WinnowError):
                return partial(write.future.set_exception, error)
            self._outages.tell(explained(error))
            return partial(write.future.set_exception, _unavailable(error))
        savepoint.commit()
        return partial(write.future.set_result, value)


def _write_nothing(connection: Connection) -> None:
    """Write a page as it is: only that tells whether there is room for another."""
    version = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
    connection.exec_driver_sql(f"PRAGMA user_version = {version}")


def _unavailable(error: Exception) -> LedgerUnavailable:
    failure = LedgerUnavailable(explained(error))
    failure.__cause__ = error
    return failure
