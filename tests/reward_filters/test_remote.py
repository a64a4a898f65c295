"""Servers of reward models: whatever goes wrong with one is a failure that quotes nothing."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from pydantic import HttpUrl, SecretStr

from gateway.protocols import RewardFailure
from reward_filters.remote import RewardServer, WireShape
from tests.policies.servers import answering, listening


class Answer(WireShape):
    score: float


@asynccontextmanager
async def client(url: str, key: str = "", timeout_s: float = 10.0) -> AsyncGenerator[RewardServer]:
    async with RewardServer(HttpUrl(url), SecretStr(key), timeout_s) as server:
        yield server


async def asked(url: str, timeout_s: float = 10.0) -> float:
    async with client(url, timeout_s=timeout_s) as server:
        return (await server.post("classify", {"model": "rm"}, Answer)).score


async def test_an_answer_is_read_as_its_shape():
    """The server may say more than is read of it."""
    seen: list[bytes] = []
    async with listening(answering(b'{"score": 7, "more": []}', seen=seen)) as url:
        assert await asked(f"{url}/below/") == 7.0
    assert seen[0].startswith(b"POST /below/classify HTTP/1.1")
    assert seen[1] == b'{"model": "rm"}'


@pytest.mark.parametrize(
    ("body", "status", "because"),
    [
        (b"private", "500 Oops", "answered HTTP 500"),
        (b"private", "429 Busy", "answered HTTP 429"),
        (b"private", "302 Found", "answered HTTP 302"),
        (b"private", "200 OK", "malformed answer: the whole: json_invalid"),
        (b'{"score": "private"}', "200 OK", "malformed answer: score: float_type"),
        (b'{"score": NaN}', "200 OK", "malformed answer: score: finite_number"),
        (b'{"score": 1e999}', "200 OK", "malformed answer: score: finite_number"),
        (b"[]", "200 OK", "malformed answer: the whole: model"),
        (b" " * 1_000_001, "200 OK", "more than 1000000 bytes"),
    ],
    ids=range(9),
)
async def test_what_is_no_proper_answer_is_a_failure_that_says_why(
    body: bytes, status: str, because: str
):
    """And never quotes the server, which may quote the customer."""
    async with listening(answering(body, status, "location: /private\r\n")) as url:
        with pytest.raises(RewardFailure, match=because) as raised:
            await asked(url)
    assert "private" not in str(raised.value)
    assert url not in str(raised.value)


async def test_a_server_that_is_not_there_is_a_failure():
    """Whoever listened there has gone."""
    async with listening(answering(b"")) as url:
        pass
    with pytest.raises(RewardFailure, match="no connection"):
        await asked(url)


async def test_a_server_that_does_not_answer_in_time_is_a_failure():
    """The limit counts from the start to the last byte."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(silent) as url:
        with pytest.raises(RewardFailure, match=r"longer than 0\.2 s"):
            await asked(url, timeout_s=0.2)


async def test_a_server_that_breaks_off_is_a_failure():
    """Half a body is none."""

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"score":')
        await writer.drain()

    async with listening(half) as url:
        with pytest.raises(RewardFailure, match="broke off"):
            await asked(url)


async def test_a_request_whose_connection_was_lost_is_sent_once_more():
    """As happens where the server closes an idle connection just then."""
    connections: list[int] = []
    proper = answering(b'{"score": 1}')

    async def at_the_second(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        if len(connections) > 1:
            await proper(reader, writer)

    async with listening(at_the_second) as url:
        assert await asked(url) == 1.0
    assert len(connections) == 2


async def test_the_key_goes_to_the_server_and_nowhere_else():
    """Without one no header is sent."""
    seen: list[bytes] = []
    async with listening(answering(b'{"score": 1}', seen=seen)) as url:
        async with client(url, "the-key") as server:
            await server.post("classify", {}, Answer)
        await asked(url)
    assert b"authorization: bearer the-key" in seen[0].lower()
    assert b"authorization" not in seen[2].lower()


async def test_credentials_in_the_address_are_sent_and_never_logged(
    caplog: pytest.LogCaptureFixture,
):
    """Httpx logs the address of each request."""
    seen: list[bytes] = []
    caplog.set_level("DEBUG")
    async with listening(answering(b'{"score": 1}', seen=seen)) as url:
        await asked(url.replace("//", "//someone:the-password@"))
    assert b"Basic " + b64encode(b"someone:the-password") in seen[0]
    assert "classify" in caplog.text
    assert "the-password" not in caplog.text


async def test_a_client_that_is_not_open_says_so():
    """Before it is entered, and after it is left."""
    server = RewardServer(HttpUrl("http://127.0.0.1:9"), SecretStr(""), 1.0)
    with pytest.raises(RuntimeError, match="not open"):
        await server.get("info", Answer)
    async with server:
        pass
    with pytest.raises(RuntimeError, match="not open"):
        await server.get("info", Answer)
