"""One run of an engine: from its start through the keeper to the end of all its processes."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence

import httpx

from gateway.engines import keeper
from gateway.errors import EngineFailure

_GRACE_S = 5.0
_POLL_S = 0.2


class EngineProcess:
    """A running engine. `output_tail` holds its last words of the time before it was ready.

    What it prints later is read and dropped: an engine's own error reports can quote prompts.
    """

    def __init__(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        self._tail: deque[str] = deque(maxlen=20)
        self._ready = threading.Event()
        self._popen = subprocess.Popen(  # noqa: S603 - the command is the operator's own config
            [sys.executable, "-I", keeper.__file__, "--grace", str(_GRACE_S), "--", *command],
            env={**os.environ, **env},
            stdin=subprocess.PIPE,  # held open and never written to: its end tells the keeper
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # a Ctrl-C in the terminal is the gateway's to handle
        )
        self._reader = threading.Thread(target=self._read, name="engine-output", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The keeper's process id, which is also that of the engine's process group."""
        return self._popen.pid

    @property
    def alive(self) -> bool:
        return self._popen.poll() is None

    @property
    def output_tail(self) -> str:
        return "\n".join(self._tail)

    def wait_ready(
        self, base_url: str, model: str, api_key: str, timeout_s: float, stop: threading.Event
    ) -> None:
        """Return once the server lists its model, or once `stop` is set.

        Raises:
            EngineFailure: the process ended first, or the time is over.
        """
        deadline = time.monotonic() + timeout_s
        headers = {"Authorization": f"Bearer {api_key}"}
        # No proxy of the environment may come between us and our own loopback.
        with httpx.Client(trust_env=False, headers=headers, timeout=2.0) as client:
            while not stop.is_set():
                if not self.alive:
                    self._reader.join(timeout=1.0)
                    raise EngineFailure(f"the engine for {model!r} ended:\n{self.output_tail}")
                if _serves(client, base_url, model):
                    self._ready.set()
                    self._tail.clear()
                    return
                if time.monotonic() > deadline:
                    raise EngineFailure(
                        f"the engine for {model!r} was not ready after {timeout_s:g} s:\n"
                        f"{self.output_tail}"
                    )
                stop.wait(_POLL_S)

    def wait(self, stop: threading.Event) -> None:
        """Return once the engine ended by itself, or once `stop` is set."""
        while self.alive and not stop.wait(_POLL_S):
            pass

    def stop(self) -> None:
        """End the engine and all its children: asked first, killed after a grace.

        To be called too when the engine has ended by itself, as its children may not have.
        """
        if self._popen.stdin is not None:
            self._popen.stdin.close()
        try:
            self._popen.wait(_GRACE_S + 2)
        except subprocess.TimeoutExpired:
            self._kill_group()
            self._popen.wait()
        self._kill_group()
        self._reader.join(timeout=1.0)

    def _kill_group(self) -> None:
        # The keeper does this as its last act, unless somebody killed the keeper.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def _read(self) -> None:
        if self._popen.stdout is None:
            return
        with self._popen.stdout as output:
            for line in output:
                if not self._ready.is_set():
                    self._tail.append(line.rstrip())


def _serves(client: httpx.Client, base_url: str, model: str) -> bool:
    try:
        response = client.get(f"{base_url}/models")
        return response.is_success and model in [entry["id"] for entry in response.json()["data"]]
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return False
