"""What the engine tests share: a look at the machine's processes, and the small test model."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.engines.settings import LlamaCppEngine
from gateway.engines.supervisor import Engine, build_engine


def ignore_progress(_name: str, _done: int, _total: int) -> None:
    """A progress callback for those who do not look."""


def processes_with(marker: str) -> set[int]:
    """The ids of all live processes with `marker` among the words of their command line."""
    found: set[int] = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode().split("\0")
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if marker in words and state != "Z":
            found.add(int(folder.name))
    return found


def eventually(claim: Callable[[], bool], within_s: float = 20.0) -> bool:
    """Whether the claim comes true in time; generous, because only a failure waits that long."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if claim():
            return True
        time.sleep(0.05)
    return claim()


@pytest.fixture(name="processes_with")
def _processes_with() -> Callable[[str], set[int]]:
    return processes_with


@pytest.fixture(name="eventually")
def _eventually() -> Callable[[Callable[[], bool]], bool]:
    return eventually


@pytest.fixture(scope="session")
def small_engine() -> LlamaCppEngine:
    """The test model with little memory."""
    return LlamaCppEngine(weights="smollm2-135m-instruct", parallel=4, context=512)


@pytest.fixture
def engine(small_engine: LlamaCppEngine) -> Iterator[Engine]:
    """The real embedded engine, running."""
    with build_engine(small_engine, "support") as engine:
        engine.start(ignore_progress)
        yield engine
