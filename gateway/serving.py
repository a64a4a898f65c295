"""Starts everything that `winnow serve` runs: the port, the engines, the workers."""

import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from gateway.app import create_app
from gateway.config import GatewaySettings, RewardSettings, UpstreamSettings
from gateway.engines.settings import EngineSettings, LlamaCppEngine
from gateway.engines.supervisor import Engine, build_engine
from gateway.engines.weights import Progress
from gateway.errors import ConfigurationError
from gateway.operations.access import is_loopback
from gateway.operations.logs import configure_logging
from gateway.wiring import key_store, live_gateway

_SETTINGS_VARIABLE = "WINNOW_RESOLVED_SETTINGS"


@contextmanager
def ended_by_signals() -> Generator[None]:
    """Let SIGTERM and SIGINT unwind what was opened, engines last, and then end quietly.

    By default SIGTERM ends a process where it stands; uvicorn catches both while it serves, and
    raises them again when its connections are done.
    """

    def leave(number: int, _: object) -> None:
        raise SystemExit(0 if number == signal.SIGTERM else 130)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def bind(host: str, port: int) -> socket.socket:
    """A socket bound to that address: taken first, so that a port in use is told at once.

    Raises:
        ConfigurationError: the address can't be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # Listening reserves the port: another bind would succeed until then.
        listener.listen(2048)
    except OSError as error:
        listener.close()
        reason = error.strerror or type(error).__name__
        raise ConfigurationError(
            f"cannot listen on {host} port {port}: {reason}. "
            "Choose another one: --port, or PORT= with make run."
        ) from None
    listener.set_inheritable(True)
    return listener


def demand_keys_beyond_loopback(settings: GatewaySettings, host: str) -> GatewaySettings:
    """The settings for serving on `host`: a key is demanded beyond loopback, and where one exists.

    Raises:
        ConfigurationError: it would be demanded, and there is none.
    """
    asked = "auth.required is set" if settings.auth.required else f"{host} is beyond loopback"
    required = settings.auth.required or not is_loopback(host)
    with key_store(settings) as keys:
        some_exist = keys.any_exist()
    if required and not some_exist:
        raise ConfigurationError(
            f"{asked}, so an API key is needed, and none exists: winnow keys create NAME makes one"
        )
    required = required or some_exist
    return settings.model_copy(
        update={"auth": settings.auth.model_copy(update={"required": required})}
    )


def embedded_weights(settings: GatewaySettings) -> list[str]:
    """The names of the catalogue that this config's engines run."""
    engines = [model.engine for model in settings.models.values()]
    engines.append(settings.reward.engine if settings.reward else None)
    named = [e.weights for e in engines if isinstance(e, LlamaCppEngine) and not e.weights_file]
    return list(dict.fromkeys(named))


@contextmanager
def running_engines(settings: GatewaySettings, report: Progress) -> Generator[GatewaySettings]:
    """Start the engines that are asked for; yields settings in which they are servers.

    Raises:
        EngineFailure: one of them did not start.
    """
    with ExitStack() as stack:
        engines: dict[str, Engine] = {}
        for name, model in settings.models.items():
            if model.engine is not None:
                engines[name] = stack.enter_context(build_engine(model.engine, name))
                engines[name].start(report)
        settings = _with_upstreams(settings, engines)
        if settings.reward is not None and settings.reward.engine is not None:
            # Its name goes into the revision that is stored beside each reward.
            weights = served_name(settings.reward.engine)
            engine = stack.enter_context(build_engine(settings.reward.engine, weights))
            engine.start(report)
            settings = _with_reward_server(settings, settings.reward, engine)
        yield settings


def served_name(engine: EngineSettings) -> str:
    """What the engine runs, in a word: the catalogue's name, or that of the file or folder."""
    if isinstance(engine, LlamaCppEngine):
        return engine.weights_file.stem if engine.weights_file else engine.weights
    return Path(engine.model).name


def _with_reward_server(
    settings: GatewaySettings, reward: RewardSettings, engine: Engine
) -> GatewaySettings:
    given = reward.model_dump(exclude={"engine"})
    server = {
        "base_url": engine.base_url,
        "model": engine.model_name,
        "api_key": engine.api_key,
    }
    resolved = RewardSettings.model_validate(given | server)
    return settings.model_copy(update={"reward": resolved})


def _with_upstreams(settings: GatewaySettings, engines: Mapping[str, Engine]) -> GatewaySettings:
    models = dict(settings.models)
    for name, engine in engines.items():
        upstream = UpstreamSettings(
            base_url=engine.base_url,
            model=engine.model_name,
            api_key=engine.api_key,
            dialect=engine.kind,
        )
        models[name] = models[name].model_copy(update={"engine": None, "upstreams": [upstream]})
    return settings.model_copy(update={"models": models})


def run(settings: GatewaySettings, listener: socket.socket, workers: int) -> None:
    """Serve until a signal ends it. Several workers are processes that share the socket."""
    if workers == 1:
        _Server(_config(create_app(lambda: live_gateway(settings)))).run([listener])
        return
    os.environ[_SETTINGS_VARIABLE] = settings.model_dump_json()
    config = _config("gateway.serving:worker_app", workers=workers)
    Multiprocess(config, sockets=[listener]).run()


class _Server(uvicorn.Server):
    """A second signal ends it at once; uvicorn heeds only a second Ctrl-C."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit
        super().handle_exit(sig, frame)


def worker_app() -> FastAPI:
    """The application of one of several workers; its parent has resolved the settings."""
    configure_logging()
    threading.Thread(target=_end_with_parent, name="parent-watcher", daemon=True).start()
    settings = GatewaySettings.model_validate_json(os.environ[_SETTINGS_VARIABLE])
    return create_app(lambda: live_gateway(settings))


def _end_with_parent() -> None:
    """A worker whose parent was killed would keep the port, and have no engine."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _config(app: FastAPI | str, workers: int = 1) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        workers=workers,
        log_config=None,  # its messages come through our own handler, without what they quote
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=30,
    )
