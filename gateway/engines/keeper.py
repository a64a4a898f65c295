"""Keeps a process from outliving its parent: `python keeper.py --grace SECONDS -- COMMAND...`.

The gateway starts each engine through this program and holds the only write end of a pipe that
is the keeper's standard input. When that pipe closes, for whatever reason (`kill -9` of the
gateway included), or on SIGTERM, the keeper ends the command with all its children: SIGTERM, a
grace, SIGKILL. When the command ends by itself, so do its children and the keeper. When the keeper
itself is killed, Linux kills the command along with it.

The keeper leads a process group of its own, which the command and its children share.
Only the standard library is used, and nothing of the gateway is imported.
"""

import argparse
import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from types import FrameType

_PR_SET_PDEATHSIG = 1
_STDIN = 0


def keep(command: list[str], grace_s: float) -> None:
    """Run a command until it ends or must end; does not return, as it kills its own group too."""
    if os.getpgrp() != os.getpid():
        os.setpgrp()  # whatever started this must not be killed along
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, _note)
    try:
        engine = subprocess.Popen(  # noqa: S603 - running a given command is this program's job
            command,
            stdin=subprocess.DEVNULL,
            preexec_fn=_dies_with_its_parent(),  # noqa: PLW1509 - this program has one thread
        )
    except OSError as error:
        sys.exit(f"cannot run {command[0]!r}: {error.strerror}")
    while engine.poll() is None:
        ready, _, _ = select.select([_STDIN, read_end], [], [])
        if _STDIN in ready and not os.read(_STDIN, 1024):
            break
        if read_end in ready and set(os.read(read_end, 64)) != {signal.SIGCHLD}:
            break
    if engine.poll() is None:
        os.killpg(0, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            engine.wait(grace_s)
    sys.stderr.write(f"ended with status {engine.poll()}\n")
    sys.stderr.flush()
    os.killpg(0, signal.SIGKILL)


def _note(number: int, frame: FrameType | None) -> None:
    """Have the signal arrive at the wake-up pipe, where it is dealt with."""


def _dies_with_its_parent() -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    keeper = os.getpid()
    libc = ctypes.CDLL(None, use_errno=True)  # loaded here: little may be done after the fork

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != keeper:  # it was gone before it could be asked
            os.kill(os.getpid(), signal.SIGKILL)

    return ask


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grace", type=float, default=5.0, help="seconds before SIGKILL")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    keep(options.command, options.grace)


if __name__ == "__main__":
    main()
