# Typer types its Option and Argument only in part:
# pyright: reportUnknownMemberType=false
"""Best of 8 against one answer: what the customer waits, beside the engine's own ratio.

`python -m bench.wall_time --weights smollm2-135m-instruct` starts the embedded engine, and
`--vllm PYTHON --model FOLDER` a vLLM. Every round asks the engine for one answer and for eight at
once, and then the gateway (default policies, shipped reward model) for the best of one and of
eight. The question is one whose answers are all as long as `--tokens` allows.
"""

import asyncio
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
import uvicorn
from httpx_aiohttp import AiohttpTransport
from rich.console import Console
from rich.table import Table

from gateway.app import create_app
from gateway.config import GatewaySettings
from gateway.engines.settings import EngineSettings, LlamaCppEngine, VllmEngine
from gateway.engines.supervisor import Engine, build_engine
from gateway.ledger.schema import upgrade
from gateway.wiring import live_gateway

QUESTION = (
    "Please explain to me, step by step and in every detail, how I send a parcel back to you, from "
    "packing it to getting my money. Write at least fifty sentences."
)
N = 8
VLLM_ENV = {"VLLM_CPU_KVCACHE_SPACE": "2", "HF_HUB_OFFLINE": "1"}


@contextmanager
def gateway_over(engine: Engine, dialect: str, folder: str) -> Generator[str]:
    upstream = {
        "base_url": engine.base_url,
        "model": engine.model_name,
        "api_key": engine.api_key,
        "dialect": dialect,
    }
    settings = GatewaySettings.model_validate(
        {
            "models": {"support": {"upstreams": [upstream]}},
            "candidates": {"timeout_s": 300, "max_n": N},
            "ledger": {"url": f"sqlite:///{folder}/bench.db"},
        }
    )
    upgrade(settings.ledger.url)
    app = create_app(lambda: live_gateway(settings))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        server.should_exit = True
        thread.join()


@asynccontextmanager
async def client(base_url: str, key: str) -> AsyncGenerator[httpx.AsyncClient]:
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(
        base_url=base_url, headers=headers, timeout=600, transport=AiohttpTransport()
    ) as opened:
        yield opened


async def asked(to: httpx.AsyncClient, body: dict[str, Any]) -> dict[str, Any]:
    response = await to.post("chat/completions", json=body)
    return response.raise_for_status().json()


async def direct(engine: httpx.AsyncClient, body: dict[str, Any], n: int) -> tuple[float, int]:
    """Seconds, and tokens, of n separate calls at once."""
    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(asked(engine, body)) for _ in range(n)]
    seconds = time.perf_counter() - started
    return seconds, sum(c.result()["usage"]["completion_tokens"] for c in calls)


async def guarded(gateway: httpx.AsyncClient, body: dict[str, Any], n: int) -> tuple[float, int]:
    started = time.perf_counter()
    answer = await asked(gateway, body | {"winnow": {"n_candidates": n}})
    seconds = time.perf_counter() - started
    return seconds, answer["winnow"]["candidates"]["completion_tokens"]


async def measured(
    engine: Engine, gateway_url: str, rounds: int, tokens: int
) -> dict[tuple[str, int], list[tuple[float, int]]]:
    body = {"messages": [{"role": "user", "content": QUESTION}], "max_tokens": tokens}
    at_engine = body | {"model": engine.model_name}
    at_gateway = body | {"model": "support"}
    found: dict[tuple[str, int], list[tuple[float, int]]] = {}
    async with (
        client(engine.base_url + "/", engine.api_key) as bare,
        client(gateway_url + "/", "unused") as guard,
    ):
        await direct(bare, at_engine, N)
        await guarded(guard, at_gateway, N)
        for _ in range(rounds):
            for n in (1, N):
                found.setdefault(("engine", n), []).append(await direct(bare, at_engine, n))
                found.setdefault(("gateway", n), []).append(await guarded(guard, at_gateway, n))
    return found


def _silent(_name: str, _done: int, _total: int) -> None:
    """The weights' progress is shown by `winnow models pull`."""


def main(
    *,
    weights: Annotated[str, typer.Option()] = "smollm2-135m-instruct",
    vllm: Annotated[Path | None, typer.Option(help="The Python of a vLLM environment.")] = None,
    model: Annotated[str, typer.Option(help="The folder that vLLM serves.")] = "",
    rounds: Annotated[int, typer.Option()] = 7,
    tokens: Annotated[int, typer.Option()] = 100,
    threads: Annotated[int | None, typer.Option(help="Threads of the embedded engine.")] = None,
) -> None:
    settings: EngineSettings
    if vllm is None:
        settings, dialect = LlamaCppEngine(weights=weights, threads=threads), "llamacpp"
    else:
        args = ("--dtype", "bfloat16", "--max-model-len", "2048")
        settings = VllmEngine(kind="vllm", model=model, python=str(vllm), args=args, env=VLLM_ENV)
        dialect = "vllm"
    engine = build_engine(settings, "support")
    engine.start(_silent)
    try:
        with tempfile.TemporaryDirectory() as folder, gateway_over(engine, dialect, folder) as url:
            found = asyncio.run(measured(engine, url, rounds, tokens))
    finally:
        engine.stop()
    table = Table("asked", "n", "median s", "tokens", "tokens/s")
    medians: dict[tuple[str, int], float] = {}
    for (who, n), results in sorted(found.items()):
        medians[who, n] = statistics.median(seconds for seconds, _ in results)
        sampled = statistics.median(count for _, count in results)
        speed = f"{sampled / medians[who, n]:.0f}"
        table.add_row(who, str(n), f"{medians[who, n]:.2f}", f"{sampled:.0f}", speed)
    console = Console()
    console.print(table)
    ratios = {who: medians[who, N] / medians[who, 1] for who in ("engine", "gateway")}
    console.print(
        f"best of {N} against one: engine {ratios['engine']:.2f}, "
        f"gateway {ratios['gateway']:.2f}, that is {ratios['gateway'] / ratios['engine']:.2f} times"
    )


if __name__ == "__main__":
    typer.run(main)
