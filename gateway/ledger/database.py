"""Opens the ledger's database and puts what goes wrong there into our words."""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    PoolProxiedConnection,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    DisconnectionError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.pool import ConnectionPoolEntry

from gateway.errors import ConfigurationError, LedgerUnavailable, WinnowError

_RESULT_CODE = 0xFF  # SQLite's extended result codes hold the primary one in the lowest byte
_OPENED = "opened file"


def absolute_url(url: str, folder: Path) -> str:
    """`url` with a relative SQLite path taken from `folder` (where the config file lies).

    Raises:
        ConfigurationError: it is no database URL.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return url
    path = folder.absolute() / parsed.database
    return parsed.set(database=str(path)).render_as_string(hide_password=False)


def database_path(url: str) -> Path:
    """The file of a ledger.

    Raises:
        ConfigurationError: the URL is not that of an SQLite file by its absolute path, or the
            file's folder does not exist.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() != "sqlite":
        raise ConfigurationError(
            f"ledger.url: {parsed.drivername!r} is not supported: use 'sqlite:////folder/winnow.db'"
        )
    path = Path(parsed.database or ":memory:")
    if not path.is_absolute():
        raise ConfigurationError(
            f"ledger.url: {str(path)!r} is not the absolute path of a file:"
            " use 'sqlite:////folder/winnow.db', with four slashes"
        )
    if not path.parent.is_dir():
        raise ConfigurationError(f"ledger.url: there is no folder {str(path.parent)!r}")
    return path


def writing_engine(url: str, *, busy_timeout_s: float = 5.0) -> Engine:
    """An engine whose transactions hold the write lock from their start.

    So a transaction waits for the lock once, up to `busy_timeout_s`, and never fails half-way
    for want of it.
    """
    return _engine(url, "BEGIN IMMEDIATE", busy_timeout_s, connections=1)


def reading_engine(url: str, *, busy_timeout_s: float = 5.0, connections: int = 4) -> Engine:
    """An engine each of whose transactions sees one moment, whatever is written meanwhile."""
    return _engine(url, "BEGIN", busy_timeout_s, connections=connections)


@contextmanager
def opening(url: str) -> Generator[None]:
    """Around the first use of a ledger.

    Raises:
        LedgerUnavailable: another process holds its lock.
        ConfigurationError: whatever else keeps it from being used.
    """
    path = database_path(url)
    if not path.is_file():
        raise ConfigurationError(f"ledger.url: there is no ledger {path}: run 'winnow db upgrade'")
    try:
        yield
    except DBAPIError as error:
        if _is_locked(error):
            raise LedgerUnavailable(explained(error)) from error
        raise ConfigurationError(f"ledger.url: {path}: {error.orig}") from error


def explained(error: Exception) -> str:
    """What went wrong, in words that hold nothing of what was to be written."""
    if isinstance(error, WinnowError):
        return str(error)
    if isinstance(error, DBAPIError):
        if _is_locked(error):
            return "the ledger is locked by another process"
        if isinstance(error.orig, sqlite3.OperationalError):
            return f"the ledger cannot be used: {error.orig}"
    kind = "the database" if isinstance(error, SQLAlchemyError) else "the gateway"
    return f"the ledger cannot be used: {type(error).__name__} from {kind}"


def is_outage(error: Exception) -> bool:
    """Whether the database itself is out of order, whatever it was asked to do."""
    return isinstance(error, OperationalError) or type(error) is DatabaseError


def demand_same_file(connection: Connection) -> None:
    """Check that the ledger's path still leads to the file that this connection has open.

    Raises:
        LedgerUnavailable: it was deleted, moved or replaced, so that what the connection wrote
            is lost to whoever opens the ledger next.
    """
    if connection.info[_OPENED] != _identity(Path(connection.engine.url.database or "")):
        raise LedgerUnavailable("the ledger's file was deleted, moved or replaced")


def _is_locked(error: DBAPIError) -> bool:
    code = getattr(error.orig, "sqlite_errorcode", 0) & _RESULT_CODE
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError:  # its message, like the URL, may hold a password
        raise ConfigurationError("ledger.url: not a database URL") from None


def _engine(url: str, begin: str, busy_timeout_s: float, connections: int) -> Engine:
    path = database_path(url)
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,  # they are customers' texts, and errors are logged
        json_serializer=_as_it_is,  # documents are encoded in `codec`
        json_deserializer=_as_it_is,
    )

    def open_file(
        _dialect: object, entry: ConnectionPoolEntry, _args: object, _options: object
    ) -> sqlite3.Connection:
        # Looked at before it is opened: a file put there in between is taken for another one at
        # the next look, never another one for this.
        entry.info[_OPENED] = _identity(path)
        # mode=rw: a ledger is made by `schema.upgrade` only, never for want of one.
        return sqlite3.connect(
            f"{path.as_uri()}?mode=rw", uri=True, timeout=busy_timeout_s, check_same_thread=False
        )

    def prepare(connection: sqlite3.Connection, _entry: object) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # every commit is on disk
        connection.execute("PRAGMA foreign_keys = ON")

    def check_out(
        _connection: object, entry: ConnectionPoolEntry, _proxy: PoolProxiedConnection
    ) -> None:
        if entry.info[_OPENED] != _identity(path):
            raise DisconnectionError  # the pool opens the file anew

    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "do_connect", open_file)
    event.listen(engine, "connect", prepare)
    event.listen(engine, "checkout", check_out)
    event.listen(engine, "begin", begin_transaction)
    return engine


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells one file from another, whatever their names; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _as_it_is(document: str) -> str:
    return document
