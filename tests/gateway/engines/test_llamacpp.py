"""The embedded engine's program and its server."""

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from gateway.engines import llamacpp
from gateway.engines.settings import LlamaCppEngine
from gateway.engines.supervisor import Engine, build_engine
from gateway.sampling import Race, Stopwatch
from gateway.types import Conversation, Message, SamplingParameters
from gateway.upstreams.dialects import DIALECTS
from gateway.upstreams.openai_compatible import OpenAICompatible

OPTIONS = {"--model": "x", "--alias": "a", "--port": "1", "--parallel": "1", "--context": "512"}
ARGUMENTS = [word for option in OPTIONS.items() for word in option] + ["--threads", "1"]


def client_of(engine: Engine) -> httpx.Client:
    headers = {"Authorization": f"Bearer {engine.api_key}"}
    return httpx.Client(base_url=engine.base_url, headers=headers, timeout=60)


def ignore_progress(_name: str, _done: int, _total: int) -> None:
    """A progress callback for those who do not look."""


def ask(engine: Engine, **body: object) -> dict[str, Any]:
    with client_of(engine) as client:
        return client.post("/chat/completions", json=body).raise_for_status().json()


def read_to_the_end(engine: Engine, body: dict[str, Any], began: threading.Event) -> int:
    """How many chunks a streamed answer had; `began` is set at the first."""
    chunks = 0
    streamed = {**body, "stream": True}
    with (
        client_of(engine) as client,
        client.stream("POST", "/chat/completions", json=streamed) as response,
    ):
        for line in response.iter_lines():
            began.set()
            chunks += line.startswith("data: {")
    return chunks


def drop(engine: Engine, body: dict[str, Any]) -> None:
    """Ask, and close the connection while the answer is being sampled."""
    streamed = {**body, "stream": True}
    with (
        client_of(engine) as client,
        client.stream("POST", "/chat/completions", json=streamed) as response,
    ):
        next(response.iter_lines())


def test_it_does_not_start_without_a_key() -> None:
    """A server that anybody may ask is not started by mistake."""
    run = subprocess.run(
        [sys.executable, "-P", llamacpp.__file__, *ARGUMENTS],
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert llamacpp.KEY_VARIABLE in run.stderr


def test_a_missing_extra_is_named() -> None:
    """Without site-packages there is no xllamacpp, and the message says what to install."""
    run = subprocess.run(
        [sys.executable, "-P", "-S", llamacpp.__file__, *ARGUMENTS],
        env={llamacpp.KEY_VARIABLE: "key"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert "needs xllamacpp" in run.stderr
    assert "pip install '.[embedded]'" in run.stderr


@pytest.mark.engine
def test_concurrent_requests_are_all_answered(engine: Engine) -> None:
    """As many as there are slots run at once."""

    def one(number: int) -> int:
        messages = [{"role": "user", "content": f"Count to {number}."}]
        answer = ask(engine, messages=messages, max_tokens=8)
        return answer["usage"]["completion_tokens"]

    with ThreadPoolExecutor(4) as pool:
        assert all(tokens > 0 for tokens in pool.map(one, range(4)))


@pytest.mark.engine
def test_a_closed_stream_stops_the_work() -> None:
    """Of two slots one writes a long answer, and the other one as long that is dropped.

    A short answer asked for after that gets the dropped one's slot at once. Were the dropped one
    still sampled, it would end after the long one, and the short one after both.
    """
    long: dict[str, Any] = {
        "messages": [{"role": "user", "content": "Write a story."}],
        "max_tokens": 250,
        "ignore_eos": True,
    }
    settings = LlamaCppEngine(weights="smollm2-135m-instruct", parallel=2, context=512)
    with build_engine(settings, "support") as engine, ThreadPoolExecutor(1) as pool:
        engine.start(ignore_progress)
        began = threading.Event()
        witness = pool.submit(read_to_the_end, engine, long, began)
        assert began.wait(30)
        drop(engine, long)
        assert ask(engine, messages=[{"role": "user", "content": "Hi."}], max_tokens=4)
        assert not witness.done()
        assert witness.result() >= 250


def at_work(engine: Engine) -> float:
    """How many requests llama.cpp counts as being processed."""
    with client_of(engine) as client:
        text = client.get(engine.base_url.removesuffix("/v1") + "/metrics").text
    [line] = [x for x in text.splitlines() if x.startswith("llamacpp:requests_processing ")]
    return float(line.split()[1])


@pytest.mark.engine
async def test_losers_of_a_race_stop_at_once(engine: Engine) -> None:
    """By llama.cpp's own count nothing goes on, long before the answers would have ended."""
    asked = Conversation((Message("user", "Tell me a very long story."),))
    server = OpenAICompatible(
        base_url=engine.base_url,
        model=engine.model_name,
        api_key=engine.api_key,
        dialect=DIALECTS["llamacpp"],
    )
    sampling = SamplingParameters(max_tokens=400)
    async with server, Race(server, sampling, Stopwatch()) as race:
        race.start(asked, 2)
        assert await race.ended(asked, until_ms=30_000, checkpoint=4) == []
        assert at_work(engine) == 2
        await race.stop()
        for _ in range(60):
            if not at_work(engine):
                break
            await asyncio.sleep(0.05)
        assert at_work(engine) == 0
    assert [c.outcome for c in race.candidates] == ["censored"] * 2
    assert all(4 <= (c.completion_tokens or 0) < 300 for c in race.candidates)
