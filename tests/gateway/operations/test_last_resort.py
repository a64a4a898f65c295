"""A bug is a 500 that tells nothing of the request."""

import logging

import httpx
import pytest
from fastapi import FastAPI

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
