"""API keys: made, listed, revoked and looked up. Only a hash of each is kept."""

import asyncio
import hashlib
import hmac
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Self, get_args

from sqlalchemy import Row, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from gateway.errors import ConfigurationError, LedgerUnavailable
from gateway.ledger.database import explained, opening, reading_engine, writing_engine
from gateway.ledger.schema import verify
from gateway.ledger.tables import api_keys

KeyRole = Literal["chat", "feedback", "reviewer", "admin"]

_SECRET_BYTES = 32
_SECRET = re.compile(r"wn-[A-Za-z0-9_-]{43}")
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is known of a key. `id` is public and names the key in the ledger and in lists."""

    id: str
    name: str
    roles: frozenset[KeyRole]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def valid_at(self, moment: datetime) -> bool:
        """Whether the key opens anything then."""
        return self.revoked_at is None and (self.expires_at is None or moment < self.expires_at)


def _now() -> datetime:
    return datetime.now(UTC)


class KeyStore:
    """The keys in a ledger's database; a context manager. Its methods block.

    Raises:
        ConfigurationError: from the constructor, the URL is wrong; on entering, the ledger
            cannot be used or has another version's schema.
        LedgerUnavailable: from any method, the database cannot be used now.
    """

    def __init__(self, url: str, *, clock: Callable[[], datetime] = _now) -> None:
        self._url = url
        self._writing = writing_engine(url)
        self._reading = reading_engine(url)
        self._clock = clock

    def __enter__(self) -> Self:
        try:
            with opening(self._url), self._reading.connect() as connection:
                verify(connection)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._reading.dispose()
        self._writing.dispose()

    def create(
        self, name: str, roles: Collection[str], expires_at: datetime | None = None
    ) -> tuple[KeyRecord, str]:
        """Make a key; the secret is returned here and can never be read again.

        Raises:
            ConfigurationError: the name is empty or too long, or there is no role or an
                unknown one.
        """
        if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
            raise ConfigurationError(
                f"a key's name has 1 to {_LONGEST_NAME} printable characters, not {name[:120]!r}"
            )
        secret = f"wn-{secrets.token_urlsafe(_SECRET_BYTES)}"
        record = KeyRecord(
            id=f"key-{secrets.token_hex(6)}",
            name=name,
            roles=_roles(roles),
            created_at=self._clock(),
            expires_at=expires_at,
        )
        row = {
            "id": record.id,
            "name": name,
            "digest": _digest(secret),
            "roles": ",".join(sorted(record.roles)),
            "created_at": record.created_at,
            "expires_at": expires_at,
        }
        try:
            with self._writing.begin() as connection:
                connection.execute(insert(api_keys), row)
        except SQLAlchemyError as error:
            raise LedgerUnavailable(explained(error)) from error
        return record, secret

    def list(self) -> Sequence[KeyRecord]:
        """All keys, oldest first, expired and revoked ones included."""
        query = select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id)
        try:
            with self._reading.connect() as connection:
                return [_record(row) for row in connection.execute(query)]
        except SQLAlchemyError as error:
            raise LedgerUnavailable(explained(error)) from error

    def revoke(self, key_id: str) -> KeyRecord | None:
        """Revoke a key for good and return it; None when there is no such key.

        A key already revoked keeps the moment when it was.
        """
        this = api_keys.c.id == key_id
        revocation = (
            update(api_keys)
            .where(this, api_keys.c.revoked_at.is_(None))
            .values(revoked_at=self._clock())
        )
        try:
            with self._writing.begin() as connection:
                connection.execute(revocation)
                row = connection.execute(select(api_keys).where(this)).one_or_none()
        except SQLAlchemyError as error:
            raise LedgerUnavailable(explained(error)) from error
        return None if row is None else _record(row)

    def find(self, secret: str) -> KeyRecord | None:
        """The valid key of that secret, or None: unknown, revoked, expired or no secret at all.

        Text that cannot be a key is refused before the database is asked.
        """
        if not _SECRET.fullmatch(secret):
            return None
        digest = _digest(secret)
        try:
            with self._reading.connect() as connection:
                query = select(api_keys).where(api_keys.c.digest == digest)
                row = connection.execute(query).one_or_none()
        except SQLAlchemyError as error:
            raise LedgerUnavailable(explained(error)) from error
        if row is None or not hmac.compare_digest(row.digest, digest):
            return None
        record = _record(row)
        return record if record.valid_at(self._clock()) else None

    def any_exist(self) -> bool:
        """Whether a key was ever made: revoking the last one does not open the gateway."""
        try:
            with self._reading.connect() as connection:
                return connection.scalar(select(api_keys.c.id).limit(1)) is not None
        except SQLAlchemyError as error:
            raise LedgerUnavailable(explained(error)) from error


class KeyCache:
    """A `KeyStore` off the event loop, its answers remembered for `ttl_s` seconds.

    A revoked key therefore works for `ttl_s` longer at most. Secrets that open nothing are not
    remembered, and no secret is: the cache holds hashes, at most `limit` of them.
    """

    def __init__(
        self,
        store: KeyStore,
        *,
        ttl_s: float = 1.0,
        limit: int = 1024,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._store = store
        self._ttl_s = ttl_s
        self._limit = limit
        self._clock = clock
        self._now = now
        self._found: OrderedDict[str, tuple[float, KeyRecord]] = OrderedDict()
        self._some_exist = False
        self._none_until = clock()

    async def find(self, secret: str) -> KeyRecord | None:
        """As `KeyStore.find`."""
        if not _SECRET.fullmatch(secret):
            return None
        digest = _digest(secret)
        asked_at = self._clock()
        until, known = self._found.get(digest, (asked_at, None))
        if known is not None and asked_at < until:
            return known if known.valid_at(self._now()) else None
        record = await asyncio.to_thread(self._store.find, secret)
        self._found.pop(digest, None)
        if record is not None:
            self._found[digest] = (asked_at + self._ttl_s, record)
            if len(self._found) > self._limit:
                self._found.popitem(last=False)
        return record

    async def any_exist(self) -> bool:
        """As `KeyStore.any_exist`; once a key was made that stays so."""
        asked_at = self._clock()
        if not self._some_exist and asked_at >= self._none_until:
            self._some_exist = await asyncio.to_thread(self._store.any_exist)
            self._none_until = asked_at + self._ttl_s
        return self._some_exist


def _digest(secret: str) -> str:
    # No slow hash: the secret is 256 random bits, which nobody can guess.
    return hashlib.sha256(secret.encode("ascii")).hexdigest()


def _roles(roles: Collection[str]) -> frozenset[KeyRole]:
    known = get_args(KeyRole)
    unknown = sorted(set(roles) - set(known))
    if unknown or not roles:
        found = f"unknown role {unknown[0]!r}" if unknown else "a key needs a role"
        raise ConfigurationError(f"{found}: the roles are {', '.join(known)}")
    return frozenset(role for role in known if role in roles)


def _record(row: Row[Any]) -> KeyRecord:
    return KeyRecord(
        id=row.id,
        name=row.name,
        roles=_roles(row.roles.split(",")),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
