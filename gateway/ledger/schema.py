"""The ledger's migrations: run, and checked for."""

from pathlib import Path

import filelock
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from gateway.errors import ConfigurationError
from gateway.ledger.database import database_path, opening, writing_engine

_VERIFIED = "schema verified"


def upgrade(url: str) -> None:
    """Create the ledger, or bring it to this version's schema; nothing happens where it is.

    Several processes may do so at once. The file is made readable by its owner only.

    Raises:
        ConfigurationError: the file cannot be used, or was written by a newer version.
        LedgerUnavailable: another process holds its lock.
    """
    path = database_path(url)
    try:
        with filelock.FileLock(f"{path}.lock", mode=0o600):
            path.touch(mode=0o600)
            _migrate(url)
    except OSError as error:
        raise ConfigurationError(f"ledger.url: {path}: {error.strerror}") from error


def verify(connection: Connection) -> None:
    """Check that the ledger has this version's schema.

    Raises:
        ConfigurationError: it does not.
    """
    _refuse_unknown(connection)
    head = ScriptDirectory.from_config(_migrations()).get_current_head()
    found = _revision(connection)
    if found != head:
        raise ConfigurationError(
            f"ledger.url: the ledger has schema {found or 'none'}, this version needs {head}:"
            " run 'winnow db upgrade'"
        )


def verify_once(connection: Connection) -> None:
    """`verify`, the first time that a pooled connection comes by."""
    if not connection.info.get(_VERIFIED):
        verify(connection)
        connection.info[_VERIFIED] = True


def _migrate(url: str) -> None:
    engine = writing_engine(url)
    try:
        with opening(url), engine.begin() as connection:
            _refuse_unknown(connection)
            config = _migrations()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()


def _refuse_unknown(connection: Connection) -> None:
    scripts = ScriptDirectory.from_config(_migrations())
    found = _revision(connection)
    if found is not None and found not in {s.revision for s in scripts.walk_revisions()}:
        raise ConfigurationError(
            f"ledger.url: the ledger has schema {found!r}, which this version does not know:"
            " it was written by a newer version of winnow"
        )


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config
