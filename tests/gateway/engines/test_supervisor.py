"""The supervisor, mostly with the real embedded engine and the smallest of its models."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.engines.launch import Launch
from gateway.engines.settings import LlamaCppEngine
from gateway.engines.supervisor import Backoff, Engine, build_engine
from gateway.engines.weights import Progress
from gateway.errors import EngineFailure

Processes = Callable[[str], set[int]]
Eventually = Callable[[Callable[[], bool]], bool]


def ignore_progress(_name: str, _done: int, _total: int) -> None:
    """A progress callback for those who do not look."""


def port_of(engine: Engine) -> str:
    return str(httpx.URL(engine.base_url).port)


def chat(engine: Engine) -> str:
    response = httpx.post(
        f"{engine.base_url}/chat/completions",
        json={
            "model": engine.model_name,
            "messages": [{"role": "user", "content": "Say hello."}],
            "max_tokens": 12,
        },
        headers={"Authorization": f"Bearer {engine.api_key}"},
        timeout=30,
    )
    return str(response.raise_for_status().json()["choices"][0]["message"]["content"])


def answers(engine: Engine) -> bool:
    try:
        return bool(chat(engine))
    except httpx.HTTPError:
        return False


@given(restart=st.integers(0, 10_000), seed=st.integers())
def test_the_delay_grows_to_a_cap(restart: int, seed: int) -> None:
    """Half of the full delay to all of it: never 0, never above the cap."""
    backoff = Backoff(initial_s=0.5, cap_s=30)
    full = min(30.0, 0.5 * 2 ** min(restart, 10))
    assert full / 2 <= backoff.delay(restart, Random(seed)) <= full


def test_a_failed_start_says_why_and_leaves_nothing(processes_with: Processes) -> None:
    """The engine's own last words are in the error."""

    def prepare(_: Progress) -> Launch:
        return Launch((sys.executable, "-c", "import sys; sys.exit('bad model')"), {}, 30)

    engine = Engine(prepare, kind="llamacpp", model_name="support", api_key="key")
    with pytest.raises(EngineFailure, match="bad model"):
        engine.start(ignore_progress)
    assert not processes_with(port_of(engine))
    engine.stop()


@pytest.mark.engine
def test_it_answers_a_chat(engine: Engine) -> None:
    """The real model, over HTTP, under the served name."""
    assert chat(engine)


@pytest.mark.engine
def test_without_the_key_nobody_reaches_the_model(engine: Engine) -> None:
    """Another program of this machine cannot go past the policies."""
    body = {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 1}
    for path in ("/chat/completions", "/completions", "/models"):
        assert httpx.post(f"{engine.base_url}{path}", json=body).status_code == 401
    assert httpx.get(engine.base_url.removesuffix("/v1") + "/").status_code == 404


@pytest.mark.engine
@pytest.mark.parametrize("victim", ["engine", "keeper"])
def test_a_killed_engine_comes_back_at_the_same_address(
    engine: Engine, processes_with: Processes, eventually: Eventually, victim: str
) -> None:
    """`kill -9` of either process: one new pair runs, the workers' address still holds."""
    before, url = processes_with(port_of(engine)), engine.base_url
    child, keeper = sorted(before, key=lambda pid: pid != os.getpgid(pid))[::-1]
    os.kill(child if victim == "engine" else keeper, signal.SIGKILL)
    assert eventually(lambda: not before & processes_with(port_of(engine)))
    assert eventually(lambda: answers(engine))
    assert engine.base_url == url
    assert len(processes_with(port_of(engine))) == 2


@pytest.mark.engine
def test_stop_leaves_no_process(engine: Engine, processes_with: Processes) -> None:
    """After `stop` nothing runs, nothing comes back, and a second `stop` is harmless."""
    port = port_of(engine)
    engine.stop()
    assert not processes_with(port)
    engine.stop()


@pytest.mark.engine
def test_a_port_taken_before_the_start_is_replaced(
    small_engine: LlamaCppEngine, processes_with: Processes
) -> None:
    """Another program between the choice of the port and the bind costs a second try only."""
    with build_engine(small_engine, "support") as engine:
        taken = int(port_of(engine))
        with socket.create_server(("127.0.0.1", taken)):
            engine.start(ignore_progress)
        assert port_of(engine) != str(taken)
        assert chat(engine)
    assert not processes_with(port_of(engine))


@pytest.mark.engine
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_engine_is_gone_when_the_gateway_is_killed(
    processes_with: Processes, eventually: Eventually, how: signal.Signals
) -> None:
    """A parent that owns an engine dies without a word, and the engine with it."""
    code = (
        "import time\n"
        "from gateway.engines.settings import LlamaCppEngine\n"
        "from gateway.engines.supervisor import build_engine\n"
        "settings = LlamaCppEngine(weights='smollm2-135m-instruct', parallel=1, context=512)\n"
        "engine = build_engine(settings, 'support')\n"
        "engine.start(lambda *_: None)\n"
        "print(engine.base_url, flush=True)\n"
        "time.sleep(600)\n"
    )
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=root, stdout=subprocess.PIPE, text=True
    ) as gateway:
        assert gateway.stdout is not None
        port = str(httpx.URL(gateway.stdout.readline().strip()).port)
        assert len(processes_with(port)) == 2
        gateway.send_signal(how)
    assert eventually(lambda: not processes_with(port))
