"""The upstream client, against a real socket that answers well, badly or not at all."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from gateway.errors import (
    ContextLengthExceeded,
    UpstreamFailure,
    UpstreamRefusal,
    UpstreamTimeout,
)
from gateway.types import Completion, Conversation, Message, SamplingParameters
from gateway.upstreams.openai_compatible import DIALECTS, OpenAICompatible

ASKED = Conversation((Message("user", "Hello"),), operator_prompt="Be kind.")
SAMPLING = SamplingParameters(max_tokens=8, seed=3, extra={"presence_penalty": 0.5})
GOOD = {
    "choices": [{"message": {"content": "Hi!"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 2},
}

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(handler: Handler) -> AsyncGenerator[str]:
    """The base URL of a server that hands every connection to `handler`."""

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(served, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()


def answering(body: bytes, status: str = "200 OK", seen: list[bytes] | None = None) -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        request = await reader.readexactly(length)
        if seen is not None:
            seen.extend((head, request))
        lines = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        writer.write(lines.encode() + body)
        await writer.drain()

    return handler


async def asked(base_url: str, timeout_s: float = 5.0, dialect: str = "openai") -> Completion:
    upstream = OpenAICompatible(
        base_url=base_url,
        model="sft",
        api_key="secret",
        dialect=DIALECTS[dialect],
        timeout_s=timeout_s,
    )
    async with upstream:
        return await upstream.complete(ASKED, SAMPLING)


async def test_an_answer_is_read_with_its_tokens():
    """The plain case."""
    async with listening(answering(json.dumps(GOOD).encode())) as url:
        assert await asked(url) == Completion("Hi!", "stop", 5, 2)


async def test_the_request_says_what_was_asked():
    """The operator's prompt first, the key in its header, the sampling as given."""
    seen: list[bytes] = []
    async with listening(answering(json.dumps(GOOD).encode(), seen=seen)) as url:
        await asked(url)
    head, body = seen
    assert b"POST /v1/chat/completions " in head
    assert b"Bearer secret" in head
    assert json.loads(body) == {
        "model": "sft",
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "Hello"},
        ],
        "max_tokens": 8,
        "seed": 3,
        "presence_penalty": 0.5,
    }


async def test_a_dialect_without_seeds_is_sent_none():
    """A seed kills a vLLM CPU engine."""
    seen: list[bytes] = []
    async with listening(answering(json.dumps(GOOD).encode(), seen=seen)) as url:
        await asked(url, dialect="vllm")
    assert "seed" not in json.loads(seen[1])


async def test_a_clients_system_message_joins_the_operators_prompt():
    """Several system messages are more than most chat templates take."""
    seen: list[bytes] = []
    talk = Conversation((Message("system", "Rhyme."), *ASKED.messages), operator_prompt="Be kind.")
    async with (
        listening(answering(json.dumps(GOOD).encode(), seen=seen)) as url,
        OpenAICompatible(base_url=url, model="sft") as upstream,
    ):
        await upstream.complete(talk, SAMPLING)
    assert json.loads(seen[1])["messages"][0] == {
        "role": "system",
        "content": "Be kind.\n\nRhyme.",
    }


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Bad gateway</html>",
        b"",
        b'{"choices": [',
        b'{"choices": []}',
        b'{"choices": [{"message": {"content": null}, "finish_reason": "stop"}]}',
        b'{"choices": [{"message": {"content": "cut"}, "finish_reason": null}]}',
        b'{"choices": [{"message": {"content": "cut"}, "finish_reason": "content_filter"}]}',
        b'{"choices": [{"message": {"content": "cut"}, "finish_reason": "abort"}]}',
        b'{"error": "Unauthorized"}',
        b'{"choices": [{"message": {"content": "\xff"}, "finish_reason": "stop"}]}',
    ],
)
async def test_what_is_not_a_whole_answer_is_a_failure(body: bytes):
    """200 with HTML, half JSON, no finish reason: none of these is an answer."""
    async with listening(answering(body)) as url:
        with pytest.raises(UpstreamFailure) as caught:
            await asked(url)
    assert "cut" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"error": {"type": "exceed_context_size_error"}}', ContextLengthExceeded),
        (b'{"error": {"message": "maximum context length is 2048"}}', ContextLengthExceeded),
        (b'{"error": {"code": "context_length_exceeded"}}', ContextLengthExceeded),
        (b'{"error": {"message": "bad stop"}}', UpstreamRefusal),
        (b"", UpstreamRefusal),
    ],
)
async def test_a_request_that_the_server_refuses_is_not_an_outage(
    body: bytes, error: type[UpstreamRefusal]
):
    """Trying again, here or elsewhere, would end in the same way."""
    async with listening(answering(body, "400 Bad Request")) as url:
        with pytest.raises(UpstreamRefusal) as caught:
            await asked(url)
    assert type(caught.value) is error


@pytest.mark.parametrize("status", ["400 Bad Request", "429 Too Many Requests", "500 Oops"])
async def test_an_error_status_is_a_failure_that_names_it(status: str):
    """The body of an error can quote the prompt, so only the number is kept."""
    async with listening(answering(b'{"error": {"message": "Hello"}}', status)) as url:
        with pytest.raises(UpstreamFailure, match=status[:3]) as caught:
            await asked(url)
    assert "Hello" not in str(caught.value)


async def test_nobody_listening_is_a_failure():
    """Connection refused."""
    async with listening(answering(b"")) as url:
        pass
    with pytest.raises(UpstreamFailure, match="no connection"):
        await asked(url)


async def test_a_server_that_hangs_is_a_timeout():
    """It accepts, and then says nothing."""

    async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(hang) as url:
        with pytest.raises(UpstreamTimeout):
            await asked(url, timeout_s=0.2)


async def test_cancelling_closes_the_connection():
    """That is how the server learns that nobody wants the answer any more."""
    closed = asyncio.Event()

    async def wait_for_the_end(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()
        closed.set()

    async with listening(wait_for_the_end) as url:
        task = asyncio.create_task(asked(url, timeout_s=30))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.wait({task})
        await asyncio.wait_for(closed.wait(), 5)


async def test_readiness_never_raises():
    """It is a question, asked when things are out of order."""
    async with OpenAICompatible(base_url="http://127.0.0.1:9/v1", model="x") as upstream:
        assert not await upstream.ready()


async def test_a_hundred_and_fifty_draws_run_at_once():
    """The client's pool is no hidden queue: how many run is the gateway's to limit."""
    all_here = asyncio.Barrier(150)
    answer = answering(json.dumps(GOOD).encode())

    async def together(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await all_here.wait()
        await answer(reader, writer)

    async with (
        listening(together) as url,
        OpenAICompatible(base_url=url, model="sft", timeout_s=20) as upstream,
        asyncio.TaskGroup() as draws,
    ):
        tasks = [draws.create_task(upstream.complete(ASKED, SAMPLING)) for _ in range(150)]
    assert {task.result().text for task in tasks} == {"Hi!"}
