"""Votes from pages of other origins, as a browser would ask for them, over a real socket."""

from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from gateway.upstreams.scripted import Line
from tests.server.conftest import GOOD, Running, running

SHOP, STRANGER = "https://shop.example", "https://stranger.example"
ALLOW_ORIGIN = "access-control-allow-origin"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running]:
    """A gateway that lets the pages of one shop vote."""
    folder = tmp_path_factory.mktemp("cors")
    feedback = {"allowed_origins": [SHOP]}
    with running(folder, [Line(GOOD)], reward=None, feedback=feedback) as gateway:
        yield gateway


def asked(up: Running, path: str, origin: str, method: str, headers: str) -> httpx.Response:
    """A browser's question before it sends what a plain form could not."""
    question = {
        "origin": origin,
        "access-control-request-method": method,
        "access-control-request-headers": headers,
    }
    return up.client.options(path, headers=question)


@pytest.mark.parametrize(
    ("path", "method", "headers"),
    [
        ("/v1/feedback", "POST", "content-type,idempotency-key"),
        ("/v1/feedback/0123", "GET", "x-winnow-feedback-token"),
        ("/v1/feedback/0123", "DELETE", "x-winnow-feedback-token"),
    ],
)
def test_a_page_of_an_allowed_origin_may_vote_read_and_retract(
    up: Running, path: str, method: str, headers: str
):
    """Without credentials: a token is all that it needs."""
    response = asked(up, path, SHOP, method, headers)
    assert response.status_code == 200
    assert response.headers[ALLOW_ORIGIN] == SHOP
    assert method in response.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in response.headers


@pytest.mark.parametrize(
    ("path", "origin", "method", "headers"),
    [
        ("/v1/feedback", STRANGER, "POST", "content-type"),
        ("/v1/feedback", "null", "POST", "content-type"),
        ("/v1/feedback", f"{SHOP}.stranger.example", "POST", "content-type"),
        ("/v1/feedback", SHOP, "PATCH", "content-type"),
        ("/v1/feedback", SHOP, "POST", "authorization"),
        ("/v1/chat/completions", SHOP, "POST", "content-type"),
        ("/v1/feedbacks", SHOP, "POST", "content-type"),
        ("/readyz", SHOP, "GET", "content-type"),
    ],
)
def test_nothing_else_is_allowed(up: Running, path: str, origin: str, method: str, headers: str):
    """No other page, no other method, no API key from a page, no other path."""
    response = asked(up, path, origin, method, headers)
    assert response.status_code >= 400


def test_the_page_can_read_the_answer_and_the_error(up: Running):
    """With the token of the exchange; a stranger's page cannot."""
    token = up.chat().json()["winnow"]["feedback_token"]
    body = {"feedback_token": token, "rating": "up"}
    voted = up.client.post("/v1/feedback", json=body, headers={"origin": SHOP})
    assert (voted.status_code, voted.headers[ALLOW_ORIGIN]) == (200, SHOP)
    assert "origin" in voted.headers["vary"].lower()
    assert voted.headers["x-request-id"]
    forged = up.client.post(
        "/v1/feedback", json=body | {"feedback_token": "x.y.z"}, headers={"origin": SHOP}
    )
    assert (forged.status_code, forged.headers[ALLOW_ORIGIN]) == (401, SHOP)
    other = up.client.post("/v1/feedback", json=body, headers={"origin": STRANGER})
    assert ALLOW_ORIGIN not in other.headers
    chat = up.client.get("/v1/models", headers={"origin": SHOP})
    assert ALLOW_ORIGIN not in chat.headers


def test_any_origin_may_be_allowed_and_none_is_the_default(tmp_path: Path):
    """`*` opens the votes, and only them, to every page."""
    for origins, allowed in ((["*"], "*"), ([], None)):
        folder = tmp_path / str(len(origins))
        folder.mkdir()
        feedback = {"allowed_origins": origins}
        with running(folder, [Line(GOOD)], reward=None, feedback=feedback) as up:
            response = asked(up, "/v1/feedback", STRANGER, "POST", "content-type")
            assert response.headers.get(ALLOW_ORIGIN) == allowed
            other = asked(up, "/v1/chat/completions", STRANGER, "POST", "content-type")
            assert ALLOW_ORIGIN not in other.headers
