"""The SQL ledger: what it acknowledged is on disk, and comes back as it was."""

import asyncio
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings

from gateway.errors import Conflict, LedgerUnavailable
from gateway.ledger.database import database_path
from gateway.ledger.schema import upgrade
from gateway.ledger.sql import SqlLedger
from gateway.protocols import Ledger
from gateway.types import Exchange
from tests.gateway.ledger.exchanges import candidate, exchange, vote
from tests.gateway.ledger.values import any_exchange

ROOT = Path(__file__).parents[3]


@pytest.fixture
def locked(tmp_path: Path, url: str) -> Generator[sqlite3.Connection]:
    """Another program holds the write lock of the ledger."""
    assert url
    with closing(sqlite3.connect(tmp_path / "winnow.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


async def test_it_is_a_ledger(url: str) -> None:
    """It has the methods of the protocol."""
    async with SqlLedger(url) as ledger:
        kept: Ledger = ledger
        assert await kept.ready()


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=any_exchange())
async def test_every_exchange_comes_back_equal(url: str, value: Exchange) -> None:
    """Whatever stands in it, odd ids included."""
    value = replace(value, id=f"{uuid4()} {value.id}")
    async with SqlLedger(url) as ledger:
        await ledger.record(value)
        assert await ledger.exchange(value.id) == value


async def test_an_unknown_exchange_is_none(url: str) -> None:
    """Also by an id that no database could store."""
    async with SqlLedger(url) as ledger:
        assert await ledger.exchange("nothing") is None
        assert await ledger.exchange("\ud800\0") is None
        assert await ledger.feedback("nothing") == []


async def test_a_poison_exchange_fails_alone(url: str) -> None:
    """Those that were written with it are kept."""
    naive = replace(exchange(1), created_at=datetime(2026, 1, 1))  # noqa: DTZ001 - the poison
    async with SqlLedger(url) as ledger:
        results = await asyncio.gather(
            *(ledger.record(value) for value in (exchange(0), naive, exchange(2), exchange(2))),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [
            type(None),
            LedgerUnavailable,
            type(None),
            LedgerUnavailable,
        ]
        assert await ledger.exchange("exchange-000002") == exchange(2)
        assert await ledger.exchange("exchange-000001") is None


async def test_errors_do_not_quote_the_customer(url: str) -> None:
    """Neither the message nor its causes hold the text: they are logged."""
    async with SqlLedger(url) as ledger:
        await ledger.record(exchange(0))
        with pytest.raises(LedgerUnavailable) as caught:
            await ledger.record(exchange(0))
        assert "parcel" not in f"{caught.value!r} {caught.value.__cause__}"


async def test_a_locked_ledger_is_unavailable(url: str, locked: sqlite3.Connection) -> None:
    """After the bounded wait the caller is told; later writes succeed, and nothing is half kept."""
    with pytest.raises(LedgerUnavailable, match="locked"):
        async with SqlLedger(url, busy_timeout_s=0.1):
            pass
    locked.execute("COMMIT")
    async with SqlLedger(url, busy_timeout_s=0.1) as ledger:
        locked.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerUnavailable, match="locked"):
            await ledger.record(exchange(0))
        locked.execute("COMMIT")
        await ledger.record(exchange(0))
        assert await ledger.exchange("exchange-000000") == exchange(0)


async def test_a_ledger_that_takes_no_writes_is_not_ready(
    url: str, locked: sqlite3.Connection
) -> None:
    """From the first commit that fails until a write succeeds, and nobody waits long to hear it."""
    locked.execute("COMMIT")
    async with SqlLedger(url, busy_timeout_s=0.1) as ledger:
        assert await ledger.ready()
        locked.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerUnavailable, match="locked"):
            await ledger.record(exchange(0))
        assert not await ledger.ready()
        locked.execute("COMMIT")
        before = locked.execute("PRAGMA data_version").fetchone()
        assert await ledger.ready()
        assert locked.execute("PRAGMA data_version").fetchone() == before
        assert await ledger.exchange("exchange-000000") is None


async def test_a_ledger_without_room_is_not_ready(url: str) -> None:
    """Also where a page would still fit: what counts is whether an exchange does."""
    path = database_path(url)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    large = exchange(0, candidates=(candidate(0, "x" * 100_000, 1.0),))
    async with SqlLedger(url) as ledger:
        await ledger.record(exchange(1))
        room = max(file.stat().st_size for file in path.parent.glob("winnow.db*")) + 3 * 4096
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        try:
            with pytest.raises(LedgerUnavailable):
                await ledger.record(large)
            assert [await ledger.ready() for _ in range(2)] == [False, False]
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert await ledger.ready()
        await ledger.record(large)
        assert await ledger.exchange(large.id) == large
        assert await ledger.exchange(exchange(1).id) == exchange(1)


async def test_asking_whether_it_is_ready_does_not_wait_for_the_lock(
    url: str, locked: sqlite3.Connection
) -> None:
    """The write that it tries may wait a minute; the answer comes before, and is no."""
    locked.execute("COMMIT")
    async with SqlLedger(url, busy_timeout_s=60) as ledger:
        _delete(url)
        with pytest.raises(LedgerUnavailable):
            await ledger.record(exchange(0))
        upgrade(url)
        with closing(sqlite3.connect(database_path(url), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert [await ledger.ready() for _ in range(2)] == [False, False]
            other.execute("COMMIT")
        await ledger.record(exchange(1))
        assert await ledger.ready()


def _delete(url: str) -> None:
    path = database_path(url)
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)


def _move(url: str) -> None:
    path = database_path(url)
    path.rename(path.with_name("elsewhere.db"))


def _put_another_in_its_place(url: str) -> None:
    path = database_path(url)
    path.with_name("empty.db").touch()
    path.with_name("empty.db").replace(path)


@pytest.mark.parametrize("lose", [_delete, _move, _put_another_in_its_place])
async def test_nothing_is_acknowledged_while_the_file_is_gone(
    url: str, lose: Callable[[str], None]
) -> None:
    """Nor is a file made in its place. With a ledger there again, the next exchange is in that."""
    async with SqlLedger(url) as ledger:
        await ledger.record(exchange(0))
        assert await ledger.exchange(exchange(0).id) == exchange(0)
        lose(url)
        left = database_path(url).exists()
        for _ in range(2):
            with pytest.raises(LedgerUnavailable):
                await ledger.record(exchange(1))
            with pytest.raises(LedgerUnavailable):
                await ledger.exchange(exchange(0).id)
            assert not await ledger.ready()
        assert database_path(url).exists() == left
        _delete(url)
        upgrade(url)
        assert await ledger.ready()
        await ledger.record(exchange(2))
        assert await ledger.exchange(exchange(2).id) == exchange(2)
    async with SqlLedger(url) as opened_anew:
        assert await opened_anew.exchange(exchange(0).id) is None
        assert await opened_anew.exchange(exchange(2).id) == exchange(2)


async def test_a_file_that_comes_back_goes_on(url: str) -> None:
    """What was moved away and back has everything that was acknowledged."""
    path = database_path(url)
    async with SqlLedger(url) as ledger:
        await ledger.record(exchange(0))
        path.rename(path.with_name("elsewhere.db"))
        with pytest.raises(LedgerUnavailable):
            await ledger.record(exchange(1))
        path.with_name("elsewhere.db").rename(path)
        await ledger.record(exchange(2))
        assert await ledger.exchange(exchange(0).id) == exchange(0)
        assert await ledger.ready()


async def test_a_ledger_of_another_version_in_its_place_stays_unavailable(url: str) -> None:
    """It would take the rows, and its own program could not read them."""
    async with SqlLedger(url) as ledger:
        _delete(url)
        upgrade(url)
        with closing(sqlite3.connect(database_path(url))) as other, other:
            other.execute("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(LedgerUnavailable, match="'9999'"):
            await ledger.record(exchange(0))
        assert not await ledger.ready()
        with closing(sqlite3.connect(database_path(url))) as other:
            assert other.execute("SELECT count(*) FROM exchanges").fetchone() == (0,)


async def test_a_lock_that_is_let_go_is_waited_for(url: str, locked: sqlite3.Connection) -> None:
    """A short lock costs time only."""
    locked.execute("COMMIT")
    async with SqlLedger(url, busy_timeout_s=30) as ledger:
        locked.execute("BEGIN IMMEDIATE")
        writing = asyncio.ensure_future(ledger.record(exchange(0)))
        await asyncio.sleep(0.2)
        assert not writing.done()
        locked.execute("COMMIT")
        await writing


async def test_a_full_queue_is_refused_at_once(url: str, locked: sqlite3.Connection) -> None:
    """What does not fit is refused; what was queued is kept once the lock is gone."""
    locked.execute("COMMIT")
    async with SqlLedger(url, busy_timeout_s=30, queue_limit=2) as ledger:
        locked.execute("BEGIN IMMEDIATE")
        writes = [asyncio.ensure_future(ledger.record(exchange(n))) for n in range(12)]
        await asyncio.sleep(0.1)
        locked.execute("COMMIT")
        results = await asyncio.gather(*writes, return_exceptions=True)
        refused = [str(result) for result in results if result is not None]
        assert refused
        assert set(refused) == {"the ledger's queue is full"}
        for number, result in enumerate(results):
            found = await ledger.exchange(f"exchange-{number:06}")
            assert (found is not None) == (result is None)


async def test_a_cancelled_caller_does_not_undo_its_exchange(url: str) -> None:
    """The customer may be gone; the exchange happened."""
    async with SqlLedger(url) as ledger:
        writing = asyncio.ensure_future(ledger.record(exchange(0)))
        await asyncio.sleep(0)
        writing.cancel()
        await ledger.record(exchange(1))
        assert await ledger.exchange("exchange-000000") == exchange(0)


async def test_a_closed_ledger_is_unavailable(url: str) -> None:
    """What was queued before is written first."""
    async with SqlLedger(url) as ledger:
        writing = asyncio.ensure_future(ledger.record(exchange(0)))
        await asyncio.sleep(0)
    await writing
    with pytest.raises(LedgerUnavailable, match="closed"):
        await ledger.record(exchange(1))
    with pytest.raises(LedgerUnavailable, match="closed"):
        await ledger.exchange("exchange-000000")
    assert not await ledger.ready()


async def test_the_same_idempotency_key_stores_one_event(url: str) -> None:
    """The first event is the answer to every repetition, also at once."""
    about = exchange()
    async with SqlLedger(url) as ledger:
        await ledger.record(about)
        tries = [
            vote(
                about,
                id=f"try-{n:02}",
                created_at=about.created_at + timedelta(seconds=n),
                rating=1,
                idempotency_key="k",
            )
            for n in range(20)
        ]
        answers = await asyncio.gather(*(ledger.add_feedback(one) for one in tries))
        assert set(answers) == {answers[0]}
        assert await ledger.feedback(about.id) == [answers[0]]


async def test_the_same_idempotency_key_for_other_content_is_a_conflict(url: str) -> None:
    """And the first event stays; on another exchange the key is free."""
    first, other = exchange(0), exchange(1)
    async with SqlLedger(url) as ledger:
        await ledger.record(first)
        await ledger.record(other)
        up = vote(first, rating=1, idempotency_key="k")
        await ledger.add_feedback(up)
        with pytest.raises(Conflict):
            await ledger.add_feedback(replace(up, id="another", rating=-1))
        await ledger.add_feedback(vote(other, rating=-1, idempotency_key="k"))
        assert await ledger.feedback(first.id) == [up]


async def test_feedback_without_a_key_is_added_each_time(url: str) -> None:
    """All events come back, oldest first, retractions included."""
    about = exchange()
    events = [
        vote(about, id=f"e{n}", created_at=about.created_at + timedelta(seconds=n), rating=1)
        for n in range(3)
    ]
    retraction = vote(about, id="e9", retracts="e2")
    async with SqlLedger(url) as ledger:
        await ledger.record(about)
        for event in (retraction, *reversed(events)):
            await ledger.add_feedback(event)
        assert await ledger.feedback(about.id) == [*events, retraction]


async def test_no_feedback_without_its_exchange(url: str) -> None:
    """A vote on nothing is not kept."""
    async with SqlLedger(url) as ledger:
        with pytest.raises(LedgerUnavailable):
            await ledger.add_feedback(vote(exchange(), rating=1))
        assert await ledger.feedback(exchange().id) == []


def _recorded_until_killed(url: str) -> list[str]:
    """What two processes acknowledged that recorded into one file until kill -9."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.gateway.ledger.recorder", url, first],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for first in ("0", "500000")
    ]
    acknowledged: list[str] = []
    for process in started:
        assert process.stdout
        acknowledged += [process.stdout.readline().strip() for _ in range(100)]
    for process in started:
        process.kill()
        rest, _ = process.communicate()
        acknowledged += [line for line in rest.splitlines() if len(line) == len("exchange-000000")]
    return acknowledged


async def test_what_was_acknowledged_survives_kill_9(url: str) -> None:
    """Every id that a killed process printed is there, whole."""
    acknowledged = await asyncio.to_thread(_recorded_until_killed, url)
    assert len(set(acknowledged)) == len(acknowledged) >= 200
    async with SqlLedger(url) as ledger:
        for exchange_id in acknowledged:
            assert await ledger.exchange(exchange_id) == exchange(int(exchange_id[-6:]))
