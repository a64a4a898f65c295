"""Opens the ledger's database and puts what goes wrong there into our words."""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from gateway.errors import ConfigurationError, LedgerUnavailable

_RESULT_CODE = 0xFF  # SQLite's extended result codes hold the primary one in the lowest byte


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
    if isinstance(error, DBAPIError):
        if _is_locked(error):
            return "the ledger is locked by another process"
        if isinstance(error.orig, sqlite3.OperationalError):
            return f"the ledger cannot be used: {error.orig}"
    kind = "the database" if isinstance(error, SQLAlchemyError) else "the gateway"
    return f"the ledger cannot be used: {type(error).__name__} from {kind}"


def _is_locked(error: DBAPIError) -> bool:
    code = getattr(error.orig, "sqlite_errorcode", 0) & _RESULT_CODE
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError:  # its message, like the URL, may hold a password
        raise ConfigurationError("ledger.url: not a database URL") from None


def _engine(url: str, begin: str, busy_timeout_s: float, connections: int) -> Engine:
    database_path(url)
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,  # they are customers' texts, and errors are logged
        json_serializer=_as_it_is,  # documents are encoded in `codec`
        json_deserializer=_as_it_is,
    )

    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        connection.execute(f"PRAGMA busy_timeout = {int(busy_timeout_s * 1000)}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # every commit is on disk
        connection.execute("PRAGMA foreign_keys = ON")

    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", begin_transaction)
    return engine


def _as_it_is(document: str) -> str:
    return document
