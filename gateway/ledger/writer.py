"""One thread that writes: whatever waits is made durable by one commit.

A commit costs an fsync, whether it holds one row or a hundred. While one commit runs, the
writes that come in queue up, and the next one takes them all.
"""

import logging
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
from gateway.ledger.schema import verify_once

T = TypeVar("T")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Write:
    work: Callable[[Connection], Any]
    future: Future[Any]


class GroupCommitWriter:
    """Runs pieces of work in order, many to a transaction, each in a savepoint of its own.

    Futures are resolved after the commit, and only while the ledger's path leads to the file
    that was written. A piece of work that fails is undone alone; when the database fails, all
    pieces of the transaction do. Failures are logged, without what was to be written.
    """

    def __init__(self, engine: Engine, *, queue_limit: int = 1024, batch_limit: int = 256) -> None:
        self._engine = engine
        self._batch_limit = batch_limit
        self._queue: Queue[_Write | None] = Queue(queue_limit)
        self._closing = Lock()
        self._open = False
        self._failing = False
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
                _log.warning("a write was refused: the ledger's queue is full")
                raise LedgerUnavailable("the ledger's queue is full") from None
        return future

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
                    settlements = [_attempt(connection, write) for write in batch]
                demand_same_file(connection)
        except Exception as error:  # noqa: BLE001 - the thread outlives every failure
            self._failing = True
            _log.warning("a commit failed: %s", explained(error))
            for write in batch:
                write.future.set_exception(_unavailable(error))
            return
        self._failing = False
        for settle in settlements:
            settle()


def _attempt(connection: Connection, write: _Write) -> Callable[[], None]:
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
        _log.warning("a write failed: %s", explained(error))
        return partial(write.future.set_exception, _unavailable(error))
    savepoint.commit()
    return partial(write.future.set_result, value)


def _unavailable(error: Exception) -> LedgerUnavailable:
    failure = LedgerUnavailable(explained(error))
    failure.__cause__ = error
    return failure
