"""The upstream client, against a real socket that answers well, badly or not at all."""

import asyncio
import gzip
import json

import pytest

from gateway.errors import (
    ContextLengthExceeded,
    UpstreamFailure,
    UpstreamRefusal,
    UpstreamTimeout,
)
from gateway.types import Conversation, Fragment, Message
from gateway.upstreams.openai_compatible import OpenAICompatible
from tests.gateway.upstreams.raw_server import (
    ASKED,
    GOOD,
    SAMPLING,
    USAGE,
    answering,
    asked,
    chunk,
    events,
)
from tests.policies.servers import listening


async def test_an_answer_is_read_as_it_comes_with_its_tokens():
    """The plain case."""
    async with listening(answering(GOOD)) as url:
        assert await asked(url) == [
            Fragment(""),
            Fragment("Hi", tokens=1),
            Fragment("!", tokens=1),
            Fragment("", finish_reason="stop"),
            Fragment("", prompt_tokens=5, completion_tokens=2),
        ]


async def test_the_request_says_what_was_asked():
    """The operator's prompt first, the key in its header, the sampling as given."""
    seen: list[bytes] = []
    async with listening(answering(GOOD, seen=seen)) as url:
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
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def test_several_answers_of_one_call_are_told_apart():
    """Their counts come for all of them together, and so for none."""
    stream = events(
        chunk("A", index=1),
        chunk("B"),
        chunk(reason="stop"),
        chunk(reason="length", index=1),
        USAGE,
    )
    seen: list[bytes] = []
    async with listening(answering(stream, seen=seen)) as url:
        fragments = await asked(url, n=2)
    assert json.loads(seen[1])["n"] == 2
    assert [(f.draw, f.text) for f in fragments if f.text] == [(1, "A"), (0, "B")]
    assert [(f.draw, f.finish_reason) for f in fragments if f.finish_reason] == [
        (0, "stop"),
        (1, "length"),
    ]
    assert fragments[-2:] == [Fragment(draw=0, prompt_tokens=5), Fragment(draw=1, prompt_tokens=5)]


async def test_counts_that_come_along_are_those_so_far():
    """As vLLM does in every chunk when it is asked to: a cut answer's cost is known."""
    counted = {**chunk("Hi there"), "usage": {"prompt_tokens": 5, "completion_tokens": 2}}
    seen: list[bytes] = []
    async with listening(answering(events(counted, chunk(reason="stop")), seen=seen)) as url:
        first, _ = await asked(url, dialect="vllm")
    assert (first.completion_tokens, first.prompt_tokens) == (2, 5)
    assert json.loads(seen[1])["stream_options"]["continuous_usage_stats"] is True


async def test_a_dialect_without_seeds_is_sent_none():
    """A seed kills a vLLM CPU engine."""
    seen: list[bytes] = []
    async with listening(answering(GOOD, seen=seen)) as url:
        await asked(url, dialect="vllm")
    assert "seed" not in json.loads(seen[1])


async def test_a_clients_system_message_joins_the_operators_prompt():
    """Several system messages are more than most chat templates take."""
    seen: list[bytes] = []
    talk = Conversation((Message("system", "Rhyme."), *ASKED.messages), operator_prompt="Be kind.")
    async with (
        listening(answering(GOOD, seen=seen)) as url,
        OpenAICompatible(base_url=url, model="sft") as upstream,
    ):
        assert [f async for f in upstream.sample(talk, SAMPLING)]
    assert json.loads(seen[1])["messages"][0] == {
        "role": "system",
        "content": "Be kind.\n\nRhyme.",
    }


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Bad gateway</html>",
        b"",
        b"data: [DONE]\n\n",
        b'data: {"choices": [\n\n',
        b"data: {}\n\n",
        b'data: {"error": {"message": "cut"}}\n\n',
        b'data: {"choices": [{"delta": {"content": 5}}]}\n\n',
        events(chunk("cut")),
        events(chunk("cut"), chunk(reason="content_filter")),
        events(chunk("cut"), chunk(reason="abort")),
        events(chunk("cut", index=1), chunk(reason="stop", index=1)),
        events(chunk("cut", index=-1), chunk(reason="stop")),
        events(chunk("cut")).replace(b"data: [DONE]\n\n", b""),
    ],
)
async def test_what_is_not_a_whole_answer_is_a_failure(body: bytes):
    """200 with HTML, half JSON, no finish reason: none of these is an answer."""
    async with listening(answering(body)) as url:
        with pytest.raises(UpstreamFailure) as caught:
            await asked(url)
    assert "cut" not in str(caught.value)


async def test_a_body_that_is_no_event_stream_is_a_failure():
    """A server that ignores `stream` would be waited for in vain."""
    body = b'{"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}'
    async with listening(answering(body, kind="application/json")) as url:
        with pytest.raises(UpstreamFailure, match="no event stream"):
            await asked(url)


async def test_a_server_that_never_stops_is_stopped():
    """No line end, no end: the bytes of an answer are bounded."""
    async with listening(answering(b"data: " + b"x" * 2_000_000)) as url:
        with pytest.raises(UpstreamFailure, match="more than an answer can be"):
            await asked(url)


async def test_characters_split_over_packets_are_whole_again():
    """Byte by byte, with line separators that JSON allows and Python splits at."""
    text = "Grüße \u2028 \x85 \U0001f600"

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
        for byte in events(chunk(text), chunk(reason="stop")):
            writer.write(bytes([byte]))
            await writer.drain()

    async with listening(drip) as url:
        assert "".join(f.text for f in await asked(url)) == text


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
    async with listening(answering(body, status="400 Bad Request")) as url:
        with pytest.raises(UpstreamRefusal) as caught:
            await asked(url)
    assert type(caught.value) is error


@pytest.mark.parametrize("status", ["400 Bad Request", "429 Too Many Requests", "500 Oops"])
async def test_an_error_status_is_a_failure_that_names_it(status: str):
    """The body of an error can quote the prompt, so only the number is kept."""
    async with listening(answering(b'{"error": {"message": "Hello"}}', status=status)) as url:
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
    answer = answering(GOOD)

    async def together(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await all_here.wait()
        await answer(reader, writer)

    async with (
        listening(together) as url,
        OpenAICompatible(base_url=url, model="sft", timeout_s=20) as upstream,
        asyncio.TaskGroup() as draws,
    ):
        tasks = [draws.create_task(_text(upstream)) for _ in range(150)]
    assert {task.result() for task in tasks} == {"Hi!"}


async def _text(upstream: OpenAICompatible) -> str:
    return "".join([f.text async for f in upstream.sample(ASKED, SAMPLING)])


@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request"])
async def test_a_compressed_body_is_never_unpacked(status: str):
    """A megabyte of it can be a gigabyte of memory, and none was asked for."""
    seen: list[bytes] = []
    bomb = gzip.compress(b'data: {"x": "context_length"}\n\n' * 1000)
    async with listening(answering(bomb, status=status, seen=seen, encoding="gzip")) as url:
        with pytest.raises(UpstreamFailure) as caught:
            await asked(url)
    assert b"accept-encoding: identity" in seen[0].lower()
    assert type(caught.value) is (UpstreamFailure if status == "200 OK" else UpstreamRefusal)
    assert status[:3] in str(caught.value) or "compressed" in str(caught.value)


@pytest.mark.parametrize(
    "head",
    [
        b"nonsense cut\r\n\r\n",
        b"HTTP/1.1 abc cut\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"cut" * 9000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_what_is_no_http_is_a_failure(head: bytes):
    """Something else listens at that port; to the gateway the model is away."""

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        await writer.drain()

    async with listening(babble) as url:
        with pytest.raises(UpstreamFailure) as caught:
            await asked(url)
        async with OpenAICompatible(base_url=url, model="sft") as upstream:
            assert not await upstream.ready()
    assert "cut" not in str(caught.value)
