"""API keys: made once, stored as hashes, found, revoked."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.errors import ConfigurationError, LedgerUnavailable
from gateway.ledger.schema import upgrade
from gateway.operations.keys import KeyCache, KeyRecord, KeyStore

NOW = datetime(2026, 11, 1, tzinfo=UTC)


class Clock:
    """A moment that a test moves on."""

    def __init__(self) -> None:
        self.passed = 0.0

    def seconds(self) -> float:
        return self.passed

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.passed)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Generator[KeyStore]:
    url = f"sqlite:///{tmp_path}/winnow.db"
    upgrade(url)
    with KeyStore(url, clock=clock.now) as opened:
        yield opened


def test_a_key_is_found_by_its_secret(store: KeyStore) -> None:
    """And by nothing else."""
    record, secret = store.create("shop", ["chat", "feedback"])
    other, _ = store.create("desk", {"reviewer"}, NOW + timedelta(days=1))
    assert store.find(secret) == record
    assert record.roles == {"chat", "feedback"}
    assert store.list() == [record, other] or store.list() == [other, record]
    changed = secret[:-2] + ("aa" if secret[-2:] != "aa" else "bb")
    assert store.find(changed) is None


@pytest.mark.parametrize(
    "text", ["", "wn-", "' OR 1=1--", "wn-" + "a" * 65536, "wn-" + "é" * 43, "\ud800", "wn-\0"]
)
def test_text_that_is_no_key_opens_nothing(store: KeyStore, text: str) -> None:
    """Whatever stands in the header."""
    assert store.find(text) is None


def test_only_a_hash_is_stored(store: KeyStore, tmp_path: Path) -> None:
    """Whoever reads the database has no key."""
    _, secret = store.create("shop", ["chat"])
    assert len(secret) == 46
    assert secret.startswith("wn-")
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"shop" in stored
    assert secret[3:].encode() not in stored


def test_a_revoked_key_opens_nothing(store: KeyStore, clock: Clock) -> None:
    """For good, and it keeps the moment when it was first revoked."""
    record, secret = store.create("shop", ["chat"])
    revoked = store.revoke(record.id)
    assert revoked is not None
    assert revoked.revoked_at == NOW
    clock.passed = 60
    assert store.revoke(record.id) == revoked
    assert store.find(secret) is None
    assert store.revoke("key-unknown") is None


def test_a_key_expires(store: KeyStore, clock: Clock) -> None:
    """At its moment, not before."""
    _, secret = store.create("shop", ["chat"], NOW + timedelta(seconds=10))
    clock.passed = 9.9
    assert store.find(secret)
    clock.passed = 10
    assert store.find(secret) is None


def test_revoking_the_last_key_does_not_open_the_gateway(store: KeyStore) -> None:
    """Keys are demanded as soon as one was ever made."""
    assert not store.any_exist()
    record, _ = store.create("shop", ["chat"])
    store.revoke(record.id)
    assert store.any_exist()


@pytest.mark.parametrize(
    ("name", "roles", "said"),
    [
        ("", ["chat"], "1 to 100"),
        ("a" * 101, ["chat"], "1 to 100"),
        ("two\nlines", ["chat"], "printable"),
        ("shop", [], "needs a role"),
        ("shop", ["chat", "root"], "unknown role 'root'"),
    ],
)
def test_a_key_that_cannot_be_is_named(
    store: KeyStore, name: str, roles: list[str], said: str
) -> None:
    """And none is made."""
    with pytest.raises(ConfigurationError, match=said):
        store.create(name, roles)
    assert not store.any_exist()


class CountingStore(KeyStore):
    """A key store that counts how often the database is asked."""

    asked = 0

    def find(self, secret: str) -> KeyRecord | None:
        self.asked += 1
        return super().find(secret)

    def any_exist(self) -> bool:
        self.asked += 1
        return super().any_exist()


@pytest.fixture
def counting(store: KeyStore, tmp_path: Path, clock: Clock) -> Generator[CountingStore]:
    assert not store.any_exist()
    with CountingStore(f"sqlite:///{tmp_path}/winnow.db", clock=clock.now) as opened:
        yield opened


def _cache(store: KeyStore, clock: Clock, limit: int = 8) -> KeyCache:
    return KeyCache(store, ttl_s=1, limit=limit, clock=clock.seconds, now=clock.now)


async def test_a_key_is_looked_up_once_a_second(counting: CountingStore, clock: Clock) -> None:
    """Within the cache's time the database is left in peace; a revoked key stops after it."""
    record, secret = counting.create("shop", ["chat"])
    cache = _cache(counting, clock)
    assert [await cache.find(secret) for _ in range(3)] == [record] * 3
    assert counting.asked == 1
    counting.revoke(record.id)
    clock.passed = 1.0
    assert await cache.find(secret) is None


async def test_a_cached_key_expires_on_time(counting: CountingStore, clock: Clock) -> None:
    """Its own end counts, not the cache's."""
    _, secret = counting.create("shop", ["chat"], NOW + timedelta(seconds=0.5))
    cache = _cache(counting, clock)
    assert await cache.find(secret)
    clock.passed = 0.5
    assert await cache.find(secret) is None


async def test_the_cache_is_bounded(counting: CountingStore, clock: Clock) -> None:
    """The key found longest ago makes room; secrets that open nothing take none."""
    secrets = [counting.create(f"shop {n}", ["chat"])[1] for n in range(3)]
    cache = _cache(counting, clock, limit=2)
    for secret in (*secrets, "wn-" + "x" * 43, "nonsense"):
        await cache.find(secret)
    assert counting.asked == 4
    assert await cache.find(secrets[2])
    assert counting.asked == 4
    assert await cache.find(secrets[0])
    assert counting.asked == 5


async def test_that_keys_exist_is_noticed_and_kept(counting: CountingStore, clock: Clock) -> None:
    """A first key counts after the cache's time, and is then never asked for again."""
    cache = _cache(counting, clock)
    assert not await cache.any_exist()
    counting.create("shop", ["chat"])
    assert not await cache.any_exist()
    clock.passed = 1.0
    assert await cache.any_exist()
    clock.passed = 9.0
    assert await cache.any_exist()
    assert counting.asked == 2


def test_keys_of_a_deleted_ledger_open_nothing(store: KeyStore, tmp_path: Path) -> None:
    """No more than a ledger made anew knows them."""
    _, secret = store.create("shop", ["chat"])
    assert store.find(secret) is not None
    for path in tmp_path.glob("winnow.db*"):
        path.unlink()
    with pytest.raises(LedgerUnavailable):
        store.find(secret)
    upgrade(f"sqlite:///{tmp_path}/winnow.db")
    assert store.find(secret) is None
