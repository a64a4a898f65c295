"""The scripted upstream as a server of its own: a real socket for tests, demos and benchmarks.

It writes down what it saw: for each call the body, how many tokens went out, and how it ended.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Literal

from fastapi import FastAPI, Request
from pydantic_core import to_json
from starlette.responses import JSONResponse, Response, StreamingResponse

from gateway.errors import Unavailable
from gateway.types import Conversation, Fragment, Message, SamplingParameters
from gateway.upstreams.scripted import ScriptedUpstream


@dataclass(slots=True)
class Call:
    """One call: `ended` says how, `ended_at` when, on the clock of `time.monotonic`."""

    body: dict[str, Any]
    tokens: int = 0
    ended: Literal["running", "answered", "aborted", "failed"] = "running"
    ended_at: float | None = None


@dataclass(slots=True)
class Seen:
    """The server's log."""

    calls: list[Call] = field(default_factory=list[Call])

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The bodies it was sent."""
        return [call.body for call in self.calls]

    @property
    def aborted(self) -> int:
        """How many callers left before the answer."""
        return sum(call.ended == "aborted" for call in self.calls)


def scripted_app(upstream: ScriptedUpstream, seen: Seen, model: str = "scripted") -> FastAPI:
    """An OpenAI-compatible server that streams `upstream`'s lines and notes what it saw."""
    app = FastAPI(openapi_url=None)

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:  # pyright: ignore[reportUnusedFunction]
        return {"object": "list", "data": [{"id": model, "object": "model"}]}

    @app.post("/v1/chat/completions")
    async def complete(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        body = await request.json()
        call = Call(body)
        seen.calls.append(call)
        messages = tuple(Message(m["role"], m["content"]) for m in body["messages"])
        sampling = SamplingParameters(max_tokens=body["max_tokens"], seed=body.get("seed"))
        fragments = upstream.sample(Conversation(messages), sampling, body.get("n", 1))
        leaving = asyncio.ensure_future(request.receive())
        beginning = asyncio.ensure_future(anext(fragments))
        await asyncio.wait({beginning, leaving}, return_when=asyncio.FIRST_COMPLETED)
        leaving.cancel()
        if not beginning.done():
            beginning.cancel()
            await asyncio.wait({beginning})
            _end(call, "aborted")
            return Response(status_code=499)
        try:
            first = beginning.result()
        except Unavailable as failure:
            _end(call, "failed")
            return JSONResponse({"error": {"message": str(failure)}}, failure.status)
        events = _events(call, first, fragments, model)
        return StreamingResponse(events, media_type="text/event-stream")

    return app


async def _events(
    call: Call, first: Fragment, rest: AsyncGenerator[Fragment], model: str
) -> AsyncGenerator[bytes]:
    ended: Literal["answered", "aborted", "failed"] = "aborted"
    try:
        yield _event(call, first, model)
        async with aclosing(rest):
            async for fragment in rest:
                yield _event(call, fragment, model)
        yield b"data: [DONE]\n\n"
        ended = "answered"
    except Unavailable as failure:
        ended = "failed"
        yield _sse({"error": {"message": str(failure)}})
    finally:
        _end(call, ended)


def _end(call: Call, ended: Literal["answered", "aborted", "failed"]) -> None:
    call.ended, call.ended_at = ended, time.monotonic()


def _event(call: Call, fragment: Fragment, model: str) -> bytes:
    call.tokens += fragment.tokens
    chunk: dict[str, Any] = {
        "id": "chatcmpl-scripted",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": model,
        "choices": [
            {
                "index": fragment.draw,
                "delta": {"content": fragment.text},
                "finish_reason": fragment.finish_reason,
            }
        ],
    }
    if fragment.completion_tokens is not None:
        chunk["usage"] = {
            "prompt_tokens": fragment.prompt_tokens,
            "completion_tokens": fragment.completion_tokens,
        }
    return _sse(chunk)


def _sse(body: dict[str, Any]) -> bytes:
    return b"data: " + to_json(body) + b"\n\n"
