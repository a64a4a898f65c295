"""Keeps a local engine running for as long as the gateway runs.

The parent process of all workers owns it, so it works with threads and needs no event loop.
"""

import logging
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Literal, Self

from gateway.engines.launch import Launch, llamacpp_launch, vllm_launch
from gateway.engines.process import EngineProcess
from gateway.engines.settings import EngineSettings, VllmEngine
from gateway.engines.weights import Progress, cache_folder
from gateway.errors import EngineFailure

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before restart number 0, 1, 2, ...: doubling up to a cap, with jitter.

    An engine that then ran for `healthy_s` starts again at 0.
    """

    initial_s: float = 0.5
    cap_s: float = 30.0
    healthy_s: float = 60.0

    def delay(self, restart: int, rng: Random) -> float:
        """Between half of the full delay and all of it."""
        full = min(self.cap_s, self.initial_s * 2.0 ** min(restart, 32))
        return rng.uniform(full / 2, full)


class Engine:
    """A local OpenAI-compatible server, started, watched and restarted.

    `base_url`, `model_name` and `api_key` are what an upstream needs to reach it; they stand
    after `start` and keep their values over restarts. Who does not have the key is refused, so
    nothing else on the machine can talk to the model past the policies.

    A context manager: leaving it stops the engine. Should the gateway be killed instead, the
    engine ends all the same (see `keeper`). A forked child of this process would hold the pipe
    that this rests on, so workers must be spawned, which is uvicorn's way.
    """

    def __init__(
        self,
        prepare: Callable[[Progress], Launch],
        *,
        kind: Literal["llamacpp", "vllm"],
        model_name: str,
        api_key: str,
        backoff: Backoff | None = None,
    ) -> None:
        self.kind: Literal["llamacpp", "vllm"] = kind
        self.model_name = model_name
        self.api_key = api_key
        self._prepare = prepare
        self._backoff = backoff or Backoff()
        self._port = _free_port()
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def start(self, report: Progress) -> None:
        """Return once the engine answers; `report` hears of weights that are fetched first.

        Raises:
            EngineFailure: the weights are not to be had, or the engine ended before it was ready
                (with the last lines it printed) or took longer than its settings allow.
        """
        launch = self._prepare(report)
        try:
            process = self._run(launch)
        except EngineFailure:
            # Another program can take the port between our choice and the engine's bind.
            if _is_free(self._port):
                raise
            self._port = _free_port()
            process = self._run(launch)
        _log.info("engine for %r is ready at %s", self.model_name, self.base_url)
        self._watcher = threading.Thread(
            target=self._watch, args=(launch, process), name="engine-watcher", daemon=True
        )
        self._watcher.start()

    def stop(self) -> None:
        """End the engine and all its processes; calling it again does nothing."""
        self._stopping.set()
        if self._watcher is not None:
            self._watcher.join()
            self._watcher = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _run(self, launch: Launch) -> EngineProcess:
        process = EngineProcess([*launch.argv, "--port", str(self._port)], launch.env)
        try:
            process.wait_ready(
                self.base_url, self.model_name, self.api_key, launch.ready_timeout_s, self._stopping
            )
        except BaseException:
            process.stop()
            raise
        return process

    def _watch(self, launch: Launch, process: EngineProcess) -> None:
        """Restart the engine whenever it ends, until `stop`."""
        rng = Random()
        restarts = 0
        while True:
            ready_at = time.monotonic()
            process.wait(self._stopping)
            process.stop()
            if self._stopping.is_set():
                return
            if time.monotonic() - ready_at >= self._backoff.healthy_s:
                restarts = 0
            process = self._restart(launch, self._backoff.delay(restarts, rng)) or process
            restarts += 1

    def _restart(self, launch: Launch, delay_s: float) -> EngineProcess | None:
        _log.warning("engine for %r ended; restart in %.1f s", self.model_name, delay_s)
        if self._stopping.wait(delay_s):
            return None
        try:
            process = self._run(launch)
        except EngineFailure as error:
            _log.warning("engine for %r did not restart: %s", self.model_name, error)
            return None
        _log.warning("engine for %r is back at %s", self.model_name, self.base_url)
        return process


def build_engine(settings: EngineSettings, served_name: str, cache: Path | None = None) -> Engine:
    """The engine for one `engine:` entry, not started; `cache` is where weights are kept."""
    api_key = secrets.token_urlsafe(24)
    if isinstance(settings, VllmEngine):
        launch = vllm_launch(settings, served_name, api_key)
        return Engine(lambda _: launch, kind=settings.kind, model_name=served_name, api_key=api_key)
    prepare = partial(llamacpp_launch, settings, served_name, api_key, cache or cache_folder())
    return Engine(prepare, kind=settings.kind, model_name=served_name, api_key=api_key)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
