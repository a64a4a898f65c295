"""The way to a policy's server: direct, bounded, and never elsewhere."""

import asyncio
from contextlib import suppress

import pytest

from policies.remote import RemoteFailure, open_client, post
from tests.policies.servers import Handler, answering, listening


async def posted(handler: Handler) -> bytes:
    async with listening(handler) as url, open_client() as client:
        return await post(client, url, b'{"text": "secret words"}')


async def test_a_successful_answer_is_given_as_it_came():
    """Whatever its status among those of success."""
    assert await posted(answering(b"{}", "202 Accepted")) == b"{}"


@pytest.mark.parametrize("status", ["401 Unauthorized", "404 Not Found", "503 Unavailable"])
async def test_another_status_is_a_failure(status: str):
    """It is named; the body, which may quote the text, is not."""
    with pytest.raises(RemoteFailure, match=f"HTTP {status[:3]}$"):
        await posted(answering(b"secret words", status))


async def test_a_redirect_is_not_followed():
    """Nobody else is sent the text, who is told to want it."""
    seen: list[bytes] = []
    async with listening(answering(b"{}", seen=seen)) as elsewhere:
        moved = answering(b"", "307 Temporary Redirect", f"location: {elsewhere}/\r\n")
        with pytest.raises(RemoteFailure, match="HTTP 307"):
            await posted(moved)
    assert seen == []


async def test_an_answer_without_end_is_left():
    """After a million bytes."""

    async def talking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with suppress(ConnectionError):  # the client leaves
            while True:
                writer.write(b" " * 65536)
                await writer.drain()

    with pytest.raises(RemoteFailure, match="longer than"):
        await posted(talking)


async def test_a_connection_that_breaks_off_is_a_failure():
    """And the request, which may have been carried out, is not sent again."""
    connections: list[None] = []

    async def leaving(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        connections.append(None)
        await reader.readuntil(b"\r\n\r\n")

    with pytest.raises(RemoteFailure, match="no answer"):
        await posted(leaving)
    assert len(connections) == 1


async def test_a_server_that_is_not_there_is_a_failure():
    """As is a port that nobody listens on."""
    async with listening(answering(b"{}")) as url:
        pass
    async with open_client() as client:
        with pytest.raises(RemoteFailure, match="no answer: ConnectError"):
            await post(client, url, b"{}")


async def test_the_environments_proxy_is_not_asked(monkeypatch: pytest.MonkeyPatch):
    """The text goes to the policy's server and to nobody else."""
    seen: list[bytes] = []
    async with listening(answering(b"", seen=seen)) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy)
        assert await posted(answering(b"direct")) == b"direct"
    assert seen == []
