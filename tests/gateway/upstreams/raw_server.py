"""A server of raw bytes on a real socket, and a client that asks it."""

import asyncio
import json

from gateway.types import Conversation, Fragment, Message, SamplingParameters
from gateway.upstreams.dialects import DIALECTS
from gateway.upstreams.openai_compatible import OpenAICompatible
from tests.policies.servers import Handler

ASKED = Conversation((Message("user", "Hello"),), operator_prompt="Be kind.")
SAMPLING = SamplingParameters(max_tokens=8, seed=3, extra={"presence_penalty": 0.5})


def events(*chunks: object) -> bytes:
    """A whole stream: each chunk as an event, and the end."""
    written = (json.dumps(chunk, ensure_ascii=False) for chunk in (*chunks,))
    return "".join(f"data: {event}\n\n" for event in (*written, "[DONE]")).encode()


def chunk(text: str | None = None, reason: str | None = None, index: int = 0) -> dict[str, object]:
    return {"choices": [{"index": index, "delta": {"content": text}, "finish_reason": reason}]}


USAGE: dict[str, object] = {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}
GOOD = events(chunk(""), chunk("Hi"), chunk("!"), chunk(reason="stop"), USAGE)


def answering(
    body: bytes,
    *,
    status: str = "200 OK",
    seen: list[bytes] | None = None,
    kind: str = "text/event-stream",
    encoding: str = "identity",
    missing: int = 0,
) -> Handler:
    """A server that gives this answer; `missing` bytes more are announced, and never come."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        request = await reader.readexactly(length)
        if seen is not None:
            seen.extend((head, request))
        fields = f"content-type: {kind}\r\ncontent-length: {len(body) + missing}"
        more = f"content-encoding: {encoding}\r\nconnection: close"
        lines = f"HTTP/1.1 {status}\r\n{fields}\r\n{more}\r\n\r\n"
        writer.write(lines.encode() + body)
        await writer.drain()

    return handler


async def asked(
    base_url: str, timeout_s: float = 5.0, dialect: str = "openai", n: int = 1
) -> list[Fragment]:
    upstream = OpenAICompatible(
        base_url=f"{base_url}/v1",
        model="sft",
        api_key="secret",
        dialect=DIALECTS[dialect],
        timeout_s=timeout_s,
    )
    async with upstream:
        return [fragment async for fragment in upstream.sample(ASKED, SAMPLING, n)]
