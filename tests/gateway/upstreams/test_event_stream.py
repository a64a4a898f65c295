"""Event streams as servers really send them, from a real socket: tidy, or not."""

import asyncio

import pytest

from gateway.types import Fragment
from tests.gateway.upstreams.raw_server import answering, asked, chunk, events
from tests.policies.servers import listening

WHOLE = events(chunk("Hi"), chunk(reason="stop")).replace(b"data: [DONE]\n\n", b"")


def said(fragments: list[Fragment]) -> tuple[str, list[str]]:
    reasons = [f.finish_reason for f in fragments if f.finish_reason is not None]
    return "".join(f.text for f in fragments), reasons


@pytest.mark.parametrize("wrong", [-7, 9, 2**70, True, "12", 1.5, [], None])
async def test_a_count_that_cannot_be_is_none(wrong: object):
    """Eight tokens at most were asked for; a wrong count does not cost the answer."""
    usage = {"prompt_tokens": wrong if wrong != 9 else -1, "completion_tokens": wrong}
    stream = events(chunk("Hi"), {**chunk(reason="stop"), "usage": usage})
    async with listening(answering(stream)) as url:
        fragments = await asked(url)
    assert said(fragments) == ("Hi", ["stop"])
    assert [(f.prompt_tokens, f.completion_tokens) for f in fragments] == [(None, None)] * 2


async def test_usage_that_is_no_object_is_no_usage():
    """Nor does that cost the answer."""
    stream = events({**chunk("Hi"), "usage": "many"}, chunk(reason="stop"))
    async with listening(answering(stream)) as url:
        assert said(await asked(url)) == ("Hi", ["stop"])


@pytest.mark.parametrize(
    "after",
    [
        b"",
        b"data: {\n\n",
        b'data: {"error": {"message": "cut"}}\n\n',
        b'data: {"choices": null, "usage": {"completion_tokens": 2}}\n\n',
        b"data: " + b"x" * 2_000_000,
    ],
)
@pytest.mark.parametrize("missing", [0, 5000])
async def test_what_follows_the_last_reason_costs_no_answer(after: bytes, missing: int):
    """The answer is whole: how the connection ends is of no account."""
    async with listening(answering(WHOLE + after, missing=missing)) as url:
        assert said(await asked(url)) == ("Hi", ["stop"])


async def test_broken_chunks_after_the_last_reason_cost_no_answer():
    """As when a proxy dies between two chunks of the body."""

    async def broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
        body = b"%x\r\n" % len(WHOLE) + WHOLE + b"\r\n"
        writer.write(head + b"transfer-encoding: chunked\r\n\r\n" + body)
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.write(b"zz\r\n")

    async with listening(broken) as url:
        assert said(await asked(url)) == ("Hi", ["stop"])


async def test_a_stream_that_stays_open_is_left():
    """With the last reason all is said; only the counts are waited for, and not for long."""

    async def stays(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + WHOLE)
        await reader.read()
        await reader.read()

    async with listening(stays) as url, asyncio.timeout(20):
        assert said(await asked(url, timeout_s=60)) == ("Hi", ["stop"])


async def test_one_of_several_answers_fails_alone():
    """The one that the server filtered; an answer that nobody asked for is left out."""
    stream = events(
        chunk("A"),
        chunk("B", index=1),
        chunk("C", index=2),
        chunk(reason="content_filter"),
        chunk(reason="stop", index=1),
    )
    async with listening(answering(stream)) as url:
        fragments = await asked(url, n=2)
    assert [(f.draw, f.text, f.finish_reason, f.error) for f in fragments] == [
        (0, "A", None, None),
        (1, "B", None, None),
        (0, "", None, "upstream_unavailable"),
        (1, "", "stop", None),
    ]


@pytest.mark.parametrize(("dialect", "counted"), [("openai", None), ("vllm", 5)])
async def test_a_total_on_the_last_chunk_is_not_one_answers(dialect: str, counted: int | None):
    """Only where the server counts along is the count in a chunk that of its answer."""
    last = {**chunk(reason="stop", index=1), "usage": {"completion_tokens": 5}}
    async with listening(answering(events(chunk("A"), chunk(reason="stop"), last))) as url:
        fragments = await asked(url, dialect=dialect, n=2)
    assert fragments[-1].completion_tokens == counted


@pytest.mark.parametrize("charset", ["hex", "rot13", "zlib", "idna", "utf-16", "undefined", "x"])
async def test_an_event_stream_is_utf8_whatever_its_header_says(charset: str):
    """By definition, with or without a byte order mark."""
    body = b"\xef\xbb\xbf" + events(chunk("Gr\xfc\xdfe"), chunk(reason="stop"))
    kind = f"text/event-stream; charset={charset}"
    async with listening(answering(body, kind=kind)) as url:
        assert said(await asked(url)) == ("Gr\xfc\xdfe", ["stop"])


@pytest.mark.parametrize(
    "last",
    [
        b'data: {"choices": [{"delta": null, "finish_reason": "stop"}]}\n\n',
        b'data: {"choices": [{"finish_reason": "stop"}]}',
        b'data: {"choices": [{"finish_reason": "stop"}]}\n',
        b'id: 1\ndata: {"choices": [{"finish_reason": "stop"}]}\n\n\n\n: ping\n\n',
    ],
)
async def test_small_slips_of_a_server_are_forgiven(last: bytes):
    """No delta, no blank line after the last event, an event of nothing."""
    stream = b'data: {"choices": null}\n\ndata: {"choices": [{"delta": {"content": "Hi"}}]}\n\n'
    async with listening(answering(stream + last)) as url:
        assert said(await asked(url)) == ("Hi", ["stop"])
