"""A bug is a 500 that tells nothing of the request."""

import asyncio
import logging

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from gateway.operations.last_resort import LastResort

SECRET = "the customer's card is 4111"


async def test_a_bug_quotes_nothing_to_the_client_or_the_log(caplog: pytest.LogCaptureFixture):
    """Its class and its place in the code are all that is told."""
    app = FastAPI()
    app.add_middleware(LastResort)

    @app.get("/")
    async def fail() -> None:  # pyright: ignore[reportUnusedFunction]
        raise ValueError(SECRET)

    transport = httpx.ASGITransport(app)
    with caplog.at_level(logging.ERROR):
        async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
            response = await client.get("/")
    assert response.status_code == 500
    assert response.json()["error"]["code"] == "internal_error"
    assert "4111" not in response.text + caplog.text
    assert "ValueError" in caplog.text
    assert "test_last_resort.py" in caplog.text


async def test_an_answer_that_is_cut_off_by_the_end_of_the_server_says_so():
    """503 in OpenAI's shape, and the cancellation goes on its way."""
    sent: list[Message] = []

    async def cut_off(scope: Scope, receive: Receive, send: Send) -> None:
        raise asyncio.CancelledError

    async def keep(message: Message) -> None:
        sent.append(message)

    async def nothing() -> Message:
        return {"type": "http.disconnect"}

    with pytest.raises(asyncio.CancelledError):
        await LastResort(cut_off)({"type": "http"}, nothing, keep)
    assert sent[0]["status"] == 503
    assert b"shutting_down" in sent[1]["body"]


async def test_a_client_that_left_is_no_bug(caplog: pytest.LogCaptureFixture):
    """Nobody is there to be told, and nothing is wrong here."""

    async def leave(scope: Scope, receive: Receive, send: Send) -> None:
        raise ClientDisconnect

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        raise AssertionError

    with caplog.at_level(logging.DEBUG):
        await LastResort(leave)({"type": "http"}, receive, send)
    assert not caplog.records
