"""Ledger URLs: what is wrong with one is said before anything is served."""

import os
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from gateway.errors import ConfigurationError, LedgerUnavailable
from gateway.ledger.database import (
    absolute_url,
    database_path,
    demand_same_file,
    reading_engine,
    writing_engine,
)
from gateway.ledger.schema import upgrade
from gateway.ledger.sql import SqlLedger

_NOBODY = 65534


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("winnow.db", "not a database URL"),
        ("sqlite:///winnow.db", "'winnow.db' is not the absolute path of a file"),
        ("sqlite://", "':memory:' is not the absolute path"),
        ("sqlite:////nowhere/at/all/winnow.db", "no folder '/nowhere/at/all'"),
        ("postgresql://u:secret@127.0.0.1/winnow", "'postgresql' is not supported"),
    ],
)
def test_a_url_that_cannot_be_a_ledger_is_named(url: str, said: str) -> None:
    """The message has the place and the value, and no password."""
    with pytest.raises(ConfigurationError, match=r"ledger\.url") as caught:
        upgrade(url)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_relative_url_is_taken_from_a_folder(tmp_path: Path) -> None:
    """So that the config file's folder decides, not wherever the command was run."""
    url = absolute_url("sqlite:///data/winnow.db", tmp_path)
    assert database_path(url.replace("/data", "")) == tmp_path / "winnow.db"
    assert absolute_url(url, Path("/elsewhere")) == url


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    """Text under the ledger's name is left alone."""
    path = tmp_path / "winnow.db"
    path.write_text("my notes, which are longer than the header of a database would be" * 9)
    with pytest.raises(ConfigurationError, match="not a database"):
        upgrade(f"sqlite:///{path}")
    assert path.read_text().startswith("my notes")


@pytest.mark.parametrize("open_engine", [reading_engine, writing_engine])
def test_no_connection_makes_a_ledger(tmp_path: Path, open_engine: Callable[[str], Engine]) -> None:
    """Only the upgrade does: one made for want of the real one would take its exchanges."""
    engine = open_engine(f"sqlite:///{tmp_path}/winnow ?#%20.db")
    with pytest.raises(OperationalError, match="unable to open"), engine.connect():
        pass
    assert not list(tmp_path.iterdir())
    engine.dispose()


def test_a_path_may_hold_what_urls_do_not(tmp_path: Path) -> None:
    """Spaces, umlauts and the characters that end a URL's path."""
    url = f"sqlite:///{tmp_path}/größe #1 100%.db"
    upgrade(url)
    engine = writing_engine(url)
    with engine.begin() as connection:
        demand_same_file(connection)
    engine.dispose()
    assert (tmp_path / "größe #1 100%.db").stat().st_size > 0


def test_a_pooled_connection_is_of_the_file_that_is_there(tmp_path: Path) -> None:
    """One to a file that was replaced is closed, and that to the new file is the next one."""
    url = f"sqlite:///{tmp_path}/winnow.db"
    upgrade(url)
    engine = reading_engine(url, connections=1)
    with engine.connect() as connection:
        demand_same_file(connection)
        (tmp_path / "winnow.db").unlink()
        with pytest.raises(LedgerUnavailable, match="deleted, moved or replaced"):
            demand_same_file(connection)
        upgrade(url)
        with pytest.raises(LedgerUnavailable):
            demand_same_file(connection)
    with engine.connect() as connection:
        demand_same_file(connection)
    engine.dispose()


@pytest.fixture
def read_only() -> Generator[Path]:
    """A ledger that may only be read, root's powers laid down while the test runs."""
    with tempfile.TemporaryDirectory() as name:
        folder, path = Path(name), Path(name) / "winnow.db"
        upgrade(f"sqlite:///{path}")
        path.chmod(0o444)
        folder.chmod(0o555)
        user = os.geteuid()
        if user == 0:
            os.seteuid(_NOBODY)
        yield path
        os.seteuid(user)
        folder.chmod(0o755)


async def test_a_read_only_ledger_is_named(read_only: Path) -> None:
    """Opening it fails, not the first exchange."""
    with pytest.raises(ConfigurationError, match=str(read_only)):
        async with SqlLedger(f"sqlite:///{read_only}"):
            pass
    with pytest.raises(ConfigurationError, match=str(read_only)):
        upgrade(f"sqlite:///{read_only}")
