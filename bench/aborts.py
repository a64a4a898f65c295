"""What a model's server sees when a race is over: `python -m bench.aborts`.

A scripted server writes a log of eight draws of which the fourth is the first to end. The stop
rule has enough with it. The table says how each call ended at the server, how long after the
winner, and how many tokens it had written, of 400.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import httpx
import uvicorn
from fastapi import FastAPI
from rich.console import Console
from rich.table import Table

from gateway.app import create_app
from gateway.config import GatewaySettings
from gateway.ledger.schema import upgrade
from gateway.upstreams.scripted import Line, ScriptedUpstream
from gateway.upstreams.scripted_server import Seen, scripted_app
from gateway.wiring import live_gateway

N, WINNER = 8, 3
LONG = Line("You can send the parcel back to us. " * 50, pace_s=0.02)
SHORT = Line("You can send the parcel back to us within thirty days.", pace_s=0.02)
STOP = {"use": "reward_filters.threshold:Threshold", "p_ok": 0.0, "at_once": N}


async def raced(gateway: str, seen: Seen) -> tuple[int, float]:
    """The tokens that the gateway knows of, and when the winner had ended at the server."""
    async with httpx.AsyncClient(base_url=gateway, timeout=60) as client:
        body = {
            "model": "support",
            "messages": [{"role": "user", "content": "How do I send a parcel back?"}],
            "max_tokens": 400,
            "winnow": {"n_candidates": N},
        }
        answer = (await client.post("/v1/chat/completions", json=body)).raise_for_status().json()
        await until(lambda: all(call.ended != "running" for call in seen.calls))
    told = answer["winnow"]["candidates"]["completion_tokens"]
    return told, min(call.ended_at for call in seen.calls if call.ended_at)


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncGenerator[str]:
    """The address of an application in this event loop."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve())
        await until(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        server.should_exit = True


async def until(claim: Callable[[], bool]) -> None:
    """Return once it is so, or after a minute."""
    deadline = time.monotonic() + 60
    while not claim() and time.monotonic() < deadline:  # noqa: ASYNC110  uvicorn tells nobody
        await asyncio.sleep(0.005)


def settings_over(upstream: str, folder: str) -> GatewaySettings:
    server = {"base_url": f"{upstream}/v1", "model": "scripted"}
    return GatewaySettings.model_validate(
        {
            "models": {"support": {"upstreams": [server]}},
            "candidates": {"stop_rule": STOP},
            "ledger": {"url": f"sqlite:///{folder}/bench.db"},
        }
    )


async def main() -> None:
    script = [LONG] * N
    script[WINNER] = SHORT
    seen = Seen()
    with tempfile.TemporaryDirectory() as folder:
        async with serving(scripted_app(ScriptedUpstream(script), seen)) as upstream:
            settings = settings_over(upstream, folder)
            upgrade(settings.ledger.url)
            async with serving(create_app(lambda: live_gateway(settings))) as gateway:
                told, won_at = await raced(gateway, seen)
    table = Table("call", "ended", "after the winner, ms", "tokens written", "of")
    for number, call in enumerate(seen.calls, 1):
        after = (call.ended_at or won_at) - won_at
        total = len(script[number - 1].text.split())
        table.add_row(str(number), call.ended, f"{1000 * after:.0f}", str(call.tokens), str(total))
    Console().print(table)
    written = sum(call.tokens for call in seen.calls)
    Console().print(f"{written} tokens written by the server, {told} in the ledger")


if __name__ == "__main__":
    asyncio.run(main())
