"""The group-commit writer."""

import sqlite3
from collections.abc import Generator
from concurrent.futures import Future
from contextlib import closing
from threading import Event

import pytest
from sqlalchemy import Connection, Engine, event, text

from gateway.errors import Conflict, LedgerUnavailable
from gateway.ledger.database import database_path, reading_engine, writing_engine
from gateway.ledger.writer import GroupCommitWriter


@pytest.fixture
def engine(url: str) -> Generator[Engine]:
    opened = writing_engine(url, busy_timeout_s=0.1)
    with opened.begin() as connection:
        connection.execute(text("CREATE TABLE numbers (n INTEGER PRIMARY KEY)"))
    yield opened
    opened.dispose()


@pytest.fixture
def other(url: str, engine: Engine) -> Generator[sqlite3.Connection]:
    """Another program's connection."""
    assert engine.url.database == str(database_path(url))
    with closing(sqlite3.connect(database_path(url), isolation_level=None)) as opened:
        yield opened


@pytest.fixture
def commits(engine: Engine) -> list[Connection]:
    """Grows by one with each commit."""
    counted: list[Connection] = []
    event.listen(engine, "commit", counted.append)
    return counted


def _add(number: int, connection: Connection) -> int:
    connection.execute(text("INSERT INTO numbers VALUES (:n)"), {"n": number})
    return number


def _numbers(url: str) -> set[int]:
    engine = reading_engine(url)
    with engine.connect() as connection:
        found = set(connection.scalars(text("SELECT n FROM numbers")))
    engine.dispose()
    return found


def test_what_queues_up_is_one_commit(url: str, engine: Engine, commits: list[Connection]) -> None:
    """While one transaction runs, two hundred writes come in: they are durable by one more."""
    writer = GroupCommitWriter(engine)
    started, go_on = Event(), Event()

    def hold(_: Connection) -> None:
        started.set()
        assert go_on.wait(30)

    writer.start()
    held = writer.submit(hold)
    assert started.wait(30)
    futures = [writer.submit(lambda c, n=n: _add(n, c)) for n in range(200)]
    go_on.set()
    assert [future.result(30) for future in futures] == list(range(200))
    held.result(30)
    writer.close()
    assert len(commits) == 2
    assert _numbers(url) == set(range(200))


def test_a_future_is_resolved_after_its_commit(
    url: str, engine: Engine, commits: list[Connection]
) -> None:
    """At the moment of the answer another connection sees the row."""
    writer = GroupCommitWriter(engine)
    seen: list[tuple[int, set[int]]] = []

    def look(_: Future[int]) -> None:
        seen.append((len(commits), _numbers(url)))

    future = writer.submit if writer.running else None
    assert future is None
    writer.start()
    done = writer.submit(lambda c: _add(7, c))
    done.add_done_callback(look)
    done.result(30)
    writer.close()
    assert seen == [(1, {7})]


def test_work_that_fails_is_undone_alone(url: str, engine: Engine) -> None:
    """Half of what it did is no more there; its neighbours are; our own errors come as they are."""
    writer = GroupCommitWriter(engine)
    started, go_on = Event(), Event()

    def hold(_: Connection) -> None:
        started.set()
        assert go_on.wait(30)

    def broken(connection: Connection) -> None:
        _add(2, connection)
        _add(1, connection)

    def conflicting(connection: Connection) -> None:
        _add(3, connection)
        raise Conflict("other content")

    writer.start()
    writer.submit(hold)
    assert started.wait(30)
    good = [writer.submit(lambda c: _add(1, c))]
    bad = writer.submit(broken)
    conflict = writer.submit(conflicting)
    good.append(writer.submit(lambda c: _add(4, c)))
    go_on.set()
    assert [future.result(30) for future in good] == [1, 4]
    assert isinstance(bad.exception(30), LedgerUnavailable)
    assert isinstance(conflict.exception(30), Conflict)
    writer.close()
    assert _numbers(url) == {1, 4}


def test_a_transaction_that_is_lost_fails_all_of_its_work(url: str, engine: Engine) -> None:
    """As on a full disk, where SQLite undoes everything: nobody is told that it was kept."""
    writer = GroupCommitWriter(engine)
    started, go_on = Event(), Event()

    def hold(_: Connection) -> None:
        started.set()
        assert go_on.wait(30)

    def lose(connection: Connection) -> None:
        connection.exec_driver_sql("ROLLBACK")
        raise OSError("no space left")

    writer.start()
    writer.submit(hold)
    assert started.wait(30)
    futures = [writer.submit(lambda c: _add(1, c)), writer.submit(lose)]
    futures.append(writer.submit(lambda c: _add(2, c)))
    go_on.set()
    assert all(isinstance(future.exception(30), LedgerUnavailable) for future in futures)
    assert writer.submit(lambda c: _add(3, c)).result(30) == 3
    writer.close()
    assert _numbers(url) == {3}


def test_a_file_deleted_during_the_transaction_fails_all_of_its_work(
    url: str, engine: Engine
) -> None:
    """The commit itself succeeds, on a file that nobody can open any more."""
    writer = GroupCommitWriter(engine)

    def delete(connection: Connection) -> int:
        database_path(url).unlink()
        return _add(1, connection)

    writer.start()
    lost = writer.submit(delete).exception(30)
    assert isinstance(lost, LedgerUnavailable)
    assert "deleted" in str(lost)
    assert writer.failing
    writer.close()


def test_a_database_out_of_order_fails_all_of_a_transaction(url: str, engine: Engine) -> None:
    """One that lacks a table is not the fault of the piece of work that met it first."""
    writer = GroupCommitWriter(engine)
    started, go_on = Event(), Event()

    def hold(_: Connection) -> None:
        started.set()
        assert go_on.wait(30)

    writer.start()
    writer.submit(hold)
    assert started.wait(30)
    good = writer.submit(lambda c: _add(1, c))
    bad = writer.submit(lambda c: c.execute(text("INSERT INTO nowhere VALUES (1)")))
    go_on.set()
    assert isinstance(good.exception(30), LedgerUnavailable)
    assert isinstance(bad.exception(30), LedgerUnavailable)
    assert writer.failing
    writer.close()
    assert _numbers(url) == set()


def test_it_tells_whether_the_last_transaction_was_lost(
    engine: Engine, other: sqlite3.Connection
) -> None:
    """So that whoever asks for readiness knows when to look closer."""
    writer = GroupCommitWriter(engine)
    writer.start()
    assert not writer.failing
    other.execute("BEGIN IMMEDIATE")
    assert writer.submit(lambda c: _add(1, c)).exception(30) is not None
    assert writer.failing
    other.execute("COMMIT")
    assert writer.submit(lambda c: _add(1, c)).result(30) == 1
    assert not writer.failing
    writer.close()


def test_one_piece_of_work_that_fails_is_no_outage(engine: Engine) -> None:
    """What the next caller writes would be kept."""
    writer = GroupCommitWriter(engine)
    writer.start()
    writer.submit(lambda c: _add(1, c)).result(30)
    assert writer.submit(lambda c: _add(1, c)).exception(30) is not None
    assert not writer.failing
    writer.close()


def test_failures_are_logged_without_what_was_written(
    engine: Engine, other: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """One line for a transaction that was lost, one for each piece of work that failed alone."""
    writer = GroupCommitWriter(engine)
    writer.start()
    writer.submit(lambda c: _add(4711, c)).result(30)
    assert writer.submit(lambda c: _add(4711, c)).exception(30) is not None
    other.execute("BEGIN IMMEDIATE")
    assert writer.submit(lambda c: _add(4712, c)).exception(30) is not None
    writer.close()
    assert [record.getMessage() for record in caplog.records] == [
        "a write failed: the ledger cannot be used: IntegrityError from the database",
        "a commit failed: the ledger is locked by another process",
    ]
    assert "471" not in caplog.text


def test_synchronous_is_full_and_the_journal_is_a_wal(engine: Engine) -> None:
    """So that a commit is on disk also when the power fails; kill -9 could not tell."""
    with engine.connect() as connection:
        assert connection.scalar(text("PRAGMA synchronous")) == 2
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
