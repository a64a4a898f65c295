"""`make bench`: what the gateway costs, side by side with a bound in the same run.

The bound is the scripted upstream asked directly by the same client. Figures are ratios and
milliseconds of one noisy machine: compare within a run, not between runs.
"""

import asyncio
import json
import multiprocessing
import os
import socket
import statistics
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvicorn
import yaml
from httpx_aiohttp import AiohttpTransport

import policies
from gateway.app import create_app
from gateway.config import load_settings
from gateway.guard import Guard
from gateway.ledger.schema import upgrade
from gateway.policy_sets import load_policy_set
from gateway.types import Conversation, Message
from gateway.upstreams.scripted import Line, ScriptedUpstream
from gateway.upstreams.scripted_server import Seen, scripted_app
from gateway.wiring import live_gateway

HERE = Path(__file__).parent
ANSWER = "I am sorry about that. I can't see your order from here; please send me its number."
BODY = {
    "model": "support",
    "messages": [{"role": "user", "content": "Where is my parcel?"}],
    "max_tokens": 64,
}
REQUESTS = 600


def serve_upstream(listener: socket.socket) -> None:
    app = scripted_app(ScriptedUpstream([Line(ANSWER)]), Seen())
    uvicorn.Server(uvicorn.Config(app, log_level="error")).run([listener])


def serve_gateway(listener: socket.socket, upstream: str, folder: str) -> None:
    ledger = f"sqlite:///{folder}/bench.db"
    environment = {"UPSTREAM": upstream, "LEDGER": ledger, "FOLDER": folder}
    settings = load_settings(HERE / "winnow.yaml", environment)
    upgrade(settings.ledger.url)
    app = create_app(lambda: live_gateway(settings))
    uvicorn.Server(uvicorn.Config(app, log_level="error")).run([listener])


@contextmanager
def running(target: object, *arguments: str) -> Generator[str]:
    """The address of a server in a process of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    process = multiprocessing.get_context("fork").Process(
        target=target,  # pyright: ignore[reportArgumentType]
        args=(listener, *arguments),
    )
    process.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        process.terminate()
        process.join()


async def load(base_url: str, connections: int) -> tuple[float, list[float]]:
    """Requests per second, and each request's milliseconds."""
    async with httpx.AsyncClient(transport=AiohttpTransport(), timeout=30) as client:

        async def ask() -> float:
            started = time.perf_counter()
            response = await client.post(f"{base_url}/chat/completions", json=BODY)
            response.raise_for_status()
            return (time.perf_counter() - started) * 1000

        await ask()
        times: list[float] = []

        async def loop() -> None:
            times.extend([await ask() for _ in range(REQUESTS // connections)])

        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(loop())
        return len(times) / (time.perf_counter() - started), times


def write_deterministic_set(folder: str) -> Path:
    """The default policies but for those that hold a model or run somebody else's code."""
    shipped = Path(policies.__file__).parent / "default.yaml"
    waiting = {entry.name for entry in load_policy_set(shipped).entries if entry.waits}
    default = yaml.safe_load(shipped.read_text())
    ours = [policy for policy in default["policies"] if policy["name"] not in waiting]
    path = Path(folder) / "deterministic.yaml"
    path.write_text(yaml.safe_dump(default | {"policies": ours}))
    return path


async def policies_us(policy_set: Path, repetitions: int = 200) -> float:
    """Microseconds of the deterministic default policies on one answer of 1,000 characters."""
    guard = Guard([load_policy_set(policy_set)])
    text = (ANSWER + " ") * 12
    conversation = Conversation((Message("user", "Where is my parcel?"),))
    times: list[float] = []
    for _ in range(repetitions):
        started = time.perf_counter()
        await guard.screen(text[:1000], "output", conversation, role="assistant")
        times.append((time.perf_counter() - started) * 1e6)
    return statistics.median(times)


def fsync_ms(folder: str) -> float:
    """One bare append and fsync: the least that durability costs here."""
    with (Path(folder) / "fsync").open("ab") as file:
        times: list[float] = []
        for _ in range(50):
            started = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def main() -> None:
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, running(serve_upstream) as upstream:
        policy_set = write_deterministic_set(folder)
        figures["one fsync, ms"] = fsync_ms(folder)
        with running(serve_gateway, upstream, folder) as gateway:
            for connections in (1, 8):
                bound, _ = asyncio.run(load(upstream, connections))
                rate, times = asyncio.run(load(gateway, connections))
                name = f"{connections} connections"
                figures[f"{name}: upstream alone, requests/s"] = bound
                figures[f"{name}: through the gateway, requests/s"] = rate
                figures[f"{name}: ratio"] = rate / bound
                figures[f"{name}: p50, ms"] = statistics.median(times)
                figures[f"{name}: p99, ms"] = statistics.quantiles(times, n=100)[98]
        figures["deterministic policies, 1,000 characters, µs"] = asyncio.run(
            policies_us(policy_set)
        )
    print(json.dumps({k: round(v, 3) for k, v in figures.items()}, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
