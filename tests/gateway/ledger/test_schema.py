"""Migrations: they make the tables that the code expects, once, whoever runs them."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from gateway.errors import ConfigurationError
from gateway.ledger.database import reading_engine
from gateway.ledger.schema import upgrade
from gateway.ledger.sql import SqlLedger
from gateway.ledger.tables import metadata


def test_the_migrations_make_the_tables_of_the_code(url: str) -> None:
    """`tables.py` and the migrations say the same."""
    engine = reading_engine(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_a_second_upgrade_changes_nothing(url: str, tmp_path: Path) -> None:
    """It may be run at every start."""
    before = (tmp_path / "winnow.db").read_bytes()
    upgrade(url)
    assert (tmp_path / "winnow.db").read_bytes() == before


def test_the_file_is_its_owners_only(url: str, tmp_path: Path) -> None:
    """It holds what customers wrote."""
    assert url.endswith("winnow.db")
    assert (tmp_path / "winnow.db").stat().st_mode & 0o777 == 0o600


def test_processes_may_upgrade_at_once(tmp_path: Path) -> None:
    """One makes the tables, the others find them."""
    url = f"sqlite:///{tmp_path}/winnow.db"
    program = f"from gateway.ledger.schema import upgrade; upgrade({url!r})"
    started = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(4)]
    assert [process.wait() for process in started] == [0, 0, 0, 0]
    upgrade(url)


async def test_a_ledger_without_tables_asks_for_the_upgrade(tmp_path: Path) -> None:
    """An empty file and a missing one are told apart from a ledger, and neither is made one."""
    path = tmp_path / "winnow.db"
    with pytest.raises(ConfigurationError, match="winnow db upgrade"):
        async with SqlLedger(f"sqlite:///{path}"):
            pass
    assert not path.exists()
    path.touch()
    with pytest.raises(ConfigurationError, match=r"schema none.*winnow db upgrade"):
        async with SqlLedger(f"sqlite:///{path}"):
            pass


async def test_a_newer_ledger_is_refused(url: str, tmp_path: Path) -> None:
    """An old program must not write into tables that it does not know."""
    database = sqlite3.connect(tmp_path / "winnow.db")
    database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.commit()
    database.close()
    with pytest.raises(ConfigurationError, match=r"'9999'.*newer version"):
        async with SqlLedger(url):
            pass
    with pytest.raises(ConfigurationError, match=r"'9999'.*newer version"):
        upgrade(url)
