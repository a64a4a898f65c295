"""Real servers for the end-to-end tests: the gateway and its upstream, each on its own socket."""

import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from gateway.app import create_app
from gateway.config import GatewaySettings
from gateway.ledger.schema import upgrade
from gateway.upstreams.scripted import Line, ScriptedUpstream
from gateway.upstreams.scripted_server import Seen, scripted_app
from gateway.wiring import live_gateway

GOOD = "I am sorry about that. I can't see your order from here; please send me its number."
INVENTED = "Please call us at +1 415 555 0132 and we will sort it out."


@contextmanager
def served(app: FastAPI) -> Generator[str]:
    """The address of an application on a free port, until the context is left."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        config = uvicorn.Config(app, log_level="warning", lifespan="on")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        assert server.started, "the server did not start"
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=10)


@dataclass(frozen=True)
class Running:
    """A gateway that is up: its client, its settings, and what its upstream saw."""

    client: httpx.Client
    url: str
    settings: GatewaySettings
    upstream: ScriptedUpstream
    seen: Seen

    def chat(self, content: str = "Where is my order?", **fields: Any) -> httpx.Response:
        body = {
            "model": "support",
            "messages": [{"role": "user", "content": content}],
            **fields,
        }
        return self.client.post("/v1/chat/completions", json=body)


@contextmanager
def running(
    folder: Path, script: list[Line], *, together: bool = False, **sections: Any
) -> Generator[Running]:
    """A gateway over a scripted upstream, with its ledger in `folder`."""
    upstream, seen = ScriptedUpstream(script), Seen()
    with served(scripted_app(upstream, seen)) as upstream_url:
        settings = GatewaySettings.model_validate(
            {
                "models": {
                    "support": {
                        "upstreams": [
                            {
                                "base_url": f"{upstream_url}/v1",
                                "model": "scripted",
                                "together": together,
                            }
                        ],
                        "system_prompt": "You are kind. Our site is https://shop.example/help.",
                    }
                },
                "ledger": {"url": f"sqlite:///{folder}/winnow.db"},
                **sections,
            }
        )
        upgrade(settings.ledger.url)
        app = create_app(lambda: live_gateway(settings))
        with served(app) as url, httpx.Client(base_url=url, timeout=30) as client:
            yield Running(client, url, settings, upstream, seen)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running]:
    """A gateway of which every second candidate invents a phone number."""
    folder = tmp_path_factory.mktemp("ledger")
    with running(folder, [Line(GOOD), Line(INVENTED)]) as up:
        yield up
