"""One run of an engine, with programs that never become ready."""

import sys
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from gateway.engines.process import EngineProcess
from gateway.errors import EngineFailure

URL = "http://127.0.0.1:9/v1"  # nothing listens at the discard port


SERVER = """
import http.server, json, sys

class Models(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"data": [{"id": "support"}]}).encode()
        allowed = self.headers["Authorization"] == "Bearer key"
        self.send_response(200 if allowed else 401)
        self.end_headers()
        self.wfile.write(body if allowed else b"")

    def do_POST(self):
        print("a customer's words", flush=True)
        self.do_GET()

print("loading", flush=True)
server = http.server.HTTPServer(("127.0.0.1", 0), Models)
open(sys.argv[1], "w").write(str(server.server_port))
server.serve_forever()
"""


def test_what_it_prints_once_it_is_ready_is_dropped(
    tmp_path: Path, eventually: Callable[[Callable[[], bool]], bool]
) -> None:
    """Error reports of engines quote prompts, so none of them is kept anywhere."""
    told = tmp_path / "port"
    process = EngineProcess([sys.executable, "-c", SERVER, str(told)], {})
    try:
        assert eventually(lambda: "loading" in process.output_tail)
        assert eventually(lambda: told.exists() and bool(told.read_text()))
        url = f"http://127.0.0.1:{told.read_text()}/v1"
        process.wait_ready(url, "support", "key", 30, threading.Event())
        assert httpx.post(url, headers={"Authorization": "Bearer key"}).is_success
    finally:
        process.stop()
    assert not process.output_tail


def test_what_it_said_before_it_died_is_in_the_message() -> None:
    """The last lines of the engine, which mostly name the reason, reach the operator."""
    process = EngineProcess([sys.executable, "-c", "import sys; sys.exit('no such model')"], {})
    try:
        with pytest.raises(EngineFailure, match=r"(?s)'support' ended.*no such model.*status 1"):
            process.wait_ready(URL, "support", "key", 30, threading.Event())
    finally:
        process.stop()


def test_an_engine_that_stays_silent_is_given_up(
    processes_with: Callable[[str], set[int]],
) -> None:
    """After the time-out the message says how long it was, and stopping leaves nothing."""
    mark = f"mark-{uuid.uuid4()}"
    process = EngineProcess([sys.executable, "-c", "import time; time.sleep(600)", mark], {})
    with pytest.raises(EngineFailure, match=r"'support' was not ready after 0\.3 s"):
        process.wait_ready(URL, "support", "key", 0.3, threading.Event())
    process.stop()
    assert not processes_with(mark)


def test_waiting_can_be_called_off() -> None:
    """A stop during the start does not wait for the engine."""
    process = EngineProcess([sys.executable, "-c", "import time; time.sleep(600)"], {})
    stop = threading.Event()
    stop.set()
    process.wait_ready(URL, "support", "key", 600, stop)
    process.wait(stop)
    process.stop()
    assert not process.alive


def test_the_environment_is_laid_over_the_gateways() -> None:
    """What the launch sets is there, and the rest of the environment too."""
    code = "import os, sys; sys.exit(os.environ['ENGINE_TEST'] + str('PATH' in os.environ))"
    process = EngineProcess([sys.executable, "-c", code], {"ENGINE_TEST": "here"})
    process.wait(threading.Event())
    process.stop()
    assert "hereTrue" in process.output_tail
