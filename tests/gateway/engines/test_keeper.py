"""The keeper, with the commands that it keeps as ordinary small programs."""

import contextlib
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator

import pytest

from gateway.engines import keeper

Processes = Callable[[str], set[int]]
Eventually = Callable[[Callable[[], bool]], bool]

KEEPER = [sys.executable, "-I", keeper.__file__]

# Each takes a mark as its argument, by which it is found again, and starts a child that has it too.
FAMILY = (
    "import subprocess, sys, time\n"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)', sys.argv[1]])\n"
    "time.sleep(600)\n"
)
STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + FAMILY


@pytest.fixture
def mark() -> str:
    return f"mark-{uuid.uuid4()}"


@pytest.fixture
def keep(mark: str) -> Iterator[Callable[[str], "subprocess.Popen[str]"]]:
    """Starts a keeper with a command; whatever a failed test leaves is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [*KEEPER, "--grace", "0.2", "--", sys.executable, "-c", code, mark],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with process:  # closes the pipes and waits
            pass


Keep = Callable[[str], "subprocess.Popen[str]"]


@pytest.mark.parametrize("code", [FAMILY, STUBBORN], ids=["polite", "ignores-sigterm"])
@pytest.mark.parametrize("end", ["end of input", "sigterm"])
def test_the_whole_family_ends_with_the_parent(  # noqa: PLR0917 - pytest passes by name
    keep: Keep, mark: str, processes_with: Processes, eventually: Eventually, code: str, end: str
) -> None:
    """Pipe closed or SIGTERM: the command, its child and the keeper are gone."""
    process = keep(code)
    assert eventually(lambda: len(processes_with(mark)) == 3)
    if end == "sigterm":
        process.terminate()
    elif process.stdin is not None:
        process.stdin.close()
    assert eventually(lambda: not processes_with(mark))


def test_a_command_that_ends_takes_its_children_along(
    keep: Keep, mark: str, processes_with: Processes, eventually: Eventually
) -> None:
    """A server that crashes leaves no workers behind, and its status is told."""
    process = keep(FAMILY.replace("time.sleep(600)\n", "sys.exit(7)\n"))
    assert process.stderr is not None
    assert "ended with status 7" in process.stderr.readline()
    assert eventually(lambda: not processes_with(mark))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_a_killed_keeper_takes_the_command_along(
    keep: Keep, mark: str, processes_with: Processes, eventually: Eventually
) -> None:
    """Even `kill -9` of the keeper leaves no engine behind."""
    process = keep("import time; time.sleep(600)")
    assert eventually(lambda: len(processes_with(mark)) == 2)
    process.kill()
    assert eventually(lambda: not processes_with(mark))


def test_a_command_that_cannot_run_is_named() -> None:
    """A wrong path is a sentence, not a traceback."""
    process = subprocess.run(
        [*KEEPER, "--", "/no/such/python", "-m", "vllm"],
        stdin=subprocess.PIPE,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    assert process.returncode == 1
    assert process.stderr == "cannot run '/no/such/python': No such file or directory\n"
