"""`winnow serve` as a process: the real engine, the real signals."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from gateway.upstreams.scripted import Line, ScriptedUpstream
from gateway.upstreams.scripted_server import Seen, scripted_app
from tests.server.conftest import served

CONFIG = """
models:
  support:
    engine: {kind: llamacpp, weights: smollm2-135m-instruct, parallel: 2, context: 1024}
    system_prompt: You are the customer-service assistant of an online shop.
candidates: {n: 2, default_max_tokens: 16}
"""
READY_S = 60.0


@dataclass(frozen=True)
class Served:
    """A `winnow serve` that is up."""

    process: subprocess.Popen[str]
    url: str
    log: Path

    def chat(self) -> httpx.Response:
        body = {"model": "support", "messages": [{"role": "user", "content": "Hello!"}]}
        return httpx.post(f"{self.url}/v1/chat/completions", json=body, timeout=60)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def winnow(*arguments: str, log: Path) -> subprocess.Popen[str]:
    with log.open("w") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "gateway", *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "COLUMNS": "200"},
        )


def eventually(holds: Callable[[], bool], seconds: float = READY_S) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.1)
    return False


def answers(url: str, path: str = "/readyz") -> bool:
    try:
        return httpx.get(url + path, timeout=5).is_success
    except httpx.HTTPError:
        return False


def engines_of(port: int) -> list[int]:
    """The processes that have this test's engine on their command line, which names its port."""
    found = subprocess.run(
        ["pgrep", "-f", "--", f"--port {port}$"], capture_output=True, text=True, check=False
    )
    assert not found.stderr
    return [int(pid) for pid in found.stdout.split()]


def engine_port(pid: int) -> int:
    """The loopback port of the engine that the process `pid` has started."""
    listing = subprocess.run(
        ["ps", "-ww", "-eo", "ppid,args"], capture_output=True, text=True, check=True
    ).stdout
    children = [line for line in listing.splitlines() if line.split()[0] == str(pid)]
    (port,) = {match[1] for line in children if (match := re.search(r"--port (\d+)$", line))}
    return int(port)


@contextmanager
def serving(folder: Path, *arguments: str, config_text: str = CONFIG) -> Generator[Served]:
    config, log, port = folder / "winnow.yaml", folder / "log", free_port()
    config.write_text(config_text)
    process = winnow("serve", "-c", str(config), "--port", str(port), *arguments, log=log)
    try:
        url = f"http://127.0.0.1:{port}"
        assert eventually(lambda: process.poll() is not None or answers(url)), log.read_text()
        assert process.poll() is None, log.read_text()
        yield Served(process, url, log)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


@pytest.mark.engine
@pytest.mark.timeout(240)
def test_serve_answers_from_the_real_engine_and_takes_it_along_when_it_goes(tmp_path: Path):
    """The URL and a first request are printed; SIGTERM ends the gateway and its engine."""
    with serving(tmp_path) as up:
        answer = up.chat()
        assert answer.status_code == 200
        assert answer.json()["winnow"]["candidates"]["sampled"] >= 2
        assert up.url in up.log.read_text()
        assert "curl" in up.log.read_text()
        port = engine_port(up.process.pid)
        assert engines_of(port)
    assert up.process.returncode == 0
    assert "Winnow has stopped" in up.log.read_text()
    assert eventually(lambda: not engines_of(port), 10)


JUDGED = """
reward:
  use: reward_filters.llm_judge:LlmJudge
  engine: {kind: llamacpp, weights: smollm2-135m-instruct, parallel: 1, context: 2048}
  orders: 1
  top_logprobs: 200
  min_mass: 0.000001
  timeout_s: 60
"""


@pytest.mark.engine
@pytest.mark.timeout(240)
def test_a_judge_gets_an_engine_of_its_own(tmp_path: Path):
    """Started before anything is served, asked for each answer, named in what is recorded."""
    with serving(tmp_path, config_text=CONFIG + JUDGED) as up:
        answer = up.chat().json()["winnow"]
        assert answer["reward_failure"] is None
        assert -2 <= answer["reward"] <= 2


@pytest.mark.engine
@pytest.mark.timeout(240)
def test_the_engine_goes_when_the_gateway_is_killed_and_comes_back_when_it_is_killed(
    tmp_path: Path,
):
    """`kill -9` on either: no orphan stays, and no gateway stays without its engine."""
    with serving(tmp_path) as up:
        port = engine_port(up.process.pid)
        first = engines_of(port)
        for pid in first:
            os.kill(pid, signal.SIGKILL)
        assert eventually(lambda: not set(first) & set(engines_of(port)))
        assert eventually(lambda: answers(up.url))
        assert eventually(lambda: up.chat().status_code == 200)
        up.process.kill()
        assert eventually(lambda: not engines_of(port), 15)


@pytest.mark.engine
@pytest.mark.timeout(240)
def test_several_workers_share_one_engine_and_one_ledger(tmp_path: Path):
    """The parent owns the engine; whichever worker is asked knows every exchange."""
    with serving(tmp_path, "--workers", "2") as up:
        for _ in range(3):
            exchange = up.chat().json()["winnow"]["exchange_id"]
            vote = {"exchange_id": exchange, "rating": "up"}
            assert httpx.post(f"{up.url}/v1/feedback", json=vote).status_code == 200
        port = engine_port(up.process.pid)
    assert eventually(lambda: not engines_of(port), 10)


@contextmanager
def slow_upstream() -> Generator[str]:
    """A config whose model takes a minute."""
    slow = scripted_app(ScriptedUpstream([Line("late", delay_s=60)]), Seen())
    with served(slow) as url:
        upstream = f'{{base_url: "{url}/v1", model: scripted}}'
        yield f"models: {{support: {{upstreams: [{upstream}]}}}}\nreward: null\n"


def test_a_second_signal_ends_it_at_once(tmp_path: Path):
    """The first one waits for the answers that are under way."""
    with (
        slow_upstream() as config,
        serving(tmp_path, config_text=config) as up,
        ThreadPoolExecutor(1) as client,
    ):
        asking = client.submit(up.chat)
        time.sleep(1)
        up.process.terminate()
        time.sleep(1)
        assert up.process.poll() is None
        up.process.terminate()
        assert up.process.wait(10) is not None
        with contextlib.suppress(httpx.HTTPError):
            assert asking.result().status_code == 503
    assert "Traceback" not in up.log.read_text()


def test_workers_end_with_a_parent_that_was_killed(tmp_path: Path):
    """Else they would keep the port, and have no engine."""
    with slow_upstream() as config, serving(tmp_path, "--workers", "2", config_text=config) as up:
        up.process.kill()
        assert eventually(lambda: not answers(up.url, "/healthz"), 15)


def refused(folder: Path, *arguments: str) -> str:
    """What a `winnow serve` says that does not start."""
    config, log = folder / "winnow.yaml", folder / "log"
    config.write_text(CONFIG)
    process = winnow("serve", "-c", str(config), *arguments, log=log)
    assert process.wait(60) == 1
    return log.read_text()


def test_a_port_in_use_is_told_at_once(tmp_path: Path):
    """Before any weights are fetched or an engine is started."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = refused(tmp_path, "--port", str(port))
    assert f"port {port}" in told
    assert "PORT=" in told
    assert "Traceback" not in told


def test_beyond_loopback_it_does_not_start_without_a_key(tmp_path: Path):
    """Nobody is served by accident."""
    told = refused(tmp_path, "--host", "0.0.0.0", "--port", str(free_port()))  # noqa: S104
    assert "winnow keys create" in told


def test_a_broken_config_is_told_without_a_traceback(tmp_path: Path):
    """The file, the key and what is wrong with it."""
    config, log = tmp_path / "broken.yaml", tmp_path / "log"
    config.write_text(CONFIG + "policys: {}\n")
    assert winnow("serve", "-c", str(config), log=log).wait(60) == 1
    assert "did you mean 'policies'" in log.read_text()
    assert "Traceback" not in log.read_text()
