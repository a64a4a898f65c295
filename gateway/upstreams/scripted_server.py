"""The scripted upstream as a server of its own: a real socket for tests, demos and benchmarks."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from gateway.errors import Unavailable
from gateway.types import Conversation, Message, SamplingParameters
from gateway.upstreams.scripted import ScriptedUpstream


@dataclass(slots=True)
class Seen:
    """What the server saw: the bodies it was sent, and how many callers left before the answer."""

    requests: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    aborted: int = 0


def scripted_app(upstream: ScriptedUpstream, seen: Seen, model: str = "scripted") -> FastAPI:
    """An OpenAI-compatible server that answers with `upstream`'s lines and notes what it saw."""
    app = FastAPI(openapi_url=None)

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:  # pyright: ignore[reportUnusedFunction]
        return {"object": "list", "data": [{"id": model, "object": "model"}]}

    @app.post("/v1/chat/completions")
    async def complete(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        body = await request.json()
        seen.requests.append(body)
        messages = tuple(Message(m["role"], m["content"]) for m in body["messages"])
        sampling = SamplingParameters(max_tokens=body["max_tokens"], seed=body.get("seed"))
        answer = asyncio.ensure_future(upstream.complete(Conversation(messages), sampling))
        leaving = asyncio.ensure_future(request.receive())
        await asyncio.wait({answer, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            seen.aborted += 1
            return Response(status_code=499)
        leaving.cancel()
        try:
            completion = answer.result()
        except Unavailable as failure:
            return JSONResponse({"error": {"message": str(failure)}}, failure.status)
        return JSONResponse(
            {
                "id": f"chatcmpl-scripted-{len(seen.requests)}",
                "object": "chat.completion",
                "created": 0,
                "model": model,
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": completion.text},
                        "finish_reason": completion.finish_reason,
                    }
                ],
                "usage": {
                    "prompt_tokens": completion.prompt_tokens,
                    "completion_tokens": completion.completion_tokens,
                },
            }
        )

    return app
