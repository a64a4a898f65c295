"""Servers for the policies that ask one: a judge that looks for a word, and raw answers."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def judge_app(word: str, category: str, seen: list[dict[str, Any]]) -> FastAPI:
    """An OpenAI-compatible server whose model finds the texts that hold `word`.

    It looks between the marks that its prompt names, and is surer the more often the word
    stands there. The bodies that it was sent are added to `seen`.
    """
    app = FastAPI(openapi_url=None)

    @app.post("/v1/chat/completions")
    async def complete(request: Request) -> dict[str, Any]:  # pyright: ignore[reportUnusedFunction]
        body = await request.json()
        seen.append(body)
        asked: str = body["messages"][-1]["content"]
        text = asked.rpartition("<text-")[0].rpartition("<text-")[2]
        times = text.count(word)
        verdict = {"violates": times > 0, "category": category, "reason": f"it says {word}"}
        false, true = ("false", -1.0 * times), ("true", -2.0)
        tokens = [{"token": token, "logprob": logprob} for token, logprob in (true, false)]
        sampled = {**tokens[0 if times else 1], "top_logprobs": tokens}
        message = {"role": "assistant", "content": json.dumps(verdict)}
        logprobs = {"content": [{"token": '{"violates"', "logprob": 0.0}, sampled]}
        return {
            "choices": [{"message": message, "finish_reason": "stop", "logprobs": logprobs}],
        }

    return app


@asynccontextmanager
async def listening(handler: Handler) -> AsyncGenerator[str]:
    """The address of a server that hands every connection to `handler`."""

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(served, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def answering(
    body: bytes, status: str = "200 OK", header: str = "", seen: list[bytes] | None = None
) -> Handler:
    """Answers every request alike; the request's head and body are added to `seen`."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        request = await reader.readexactly(length)
        if seen is not None:
            seen.extend((head, request))
        lines = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n{header}"
        writer.write(f"{lines}\r\n".encode() + body)
        await writer.drain()

    return handler
