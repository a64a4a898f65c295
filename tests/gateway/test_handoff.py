"""The handoff: what a person is told, signed; and that it never takes a request along."""

import asyncio
import json
from collections.abc import AsyncGenerator
from datetime import UTC, datetime

import httpx
import pytest

from gateway.handoff import WebhookHandoff
from gateway.policy_files import HandoffSettings
from gateway.signatures import signature_headers
from gateway.types import Caller, ChatRequest, Conversation, Exchange, Message, SamplingParameters

EXCHANGE = Exchange(
    id="e1",
    created_at=datetime(2026, 11, 23, tzinfo=UTC),
    request=ChatRequest(
        model="support",
        conversation=Conversation((Message("user", "My order \ud800?"),), "be kind"),
        sampling=SamplingParameters(max_tokens=8),
        session_id="s1",
    ),
    caller=Caller("k1", frozenset()),
    outcome="blocked_output",
    policy_digest="d",
)


def webhook(status: int, seen: list[httpx.Request], secret: str) -> WebhookHandoff:
    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(status, headers={"location": "http://127.0.0.1:1/"})

    settings = HandoffSettings(url="http://127.0.0.1:9/handoff", secret=secret)
    return WebhookHandoff(settings, transport=httpx.MockTransport(answer))


async def test_a_person_is_told_what_was_said_and_by_whom_it_was_sent():
    """The operator's prompt stays here; signed as a webhook whose id is the exchange's."""
    seen: list[httpx.Request] = []
    async with webhook(202, seen, "s3cret") as handoff:
        assert await handoff.hand_over(EXCHANGE)
    [request] = seen
    body = json.loads(request.content)
    assert (body["type"], body["exchange_id"], body["session_id"]) == ("handoff", "e1", "s1")
    assert body["messages"] == [{"role": "user", "content": "My order ?" + "?"}]
    assert "be kind" not in request.content.decode()
    headers = request.headers
    seconds = int(headers["webhook-timestamp"])
    signed = signature_headers("s3cret", "e1", seconds, request.content)
    assert headers["webhook-id"] == "e1"
    assert headers["webhook-signature"] == signed["webhook-signature"]


@pytest.mark.parametrize("status", [302, 400, 500])
async def test_any_answer_but_2xx_means_that_nobody_takes_over(status: int):
    """A redirect is not followed: it would send the conversation somewhere else."""
    seen: list[httpx.Request] = []
    async with webhook(status, seen, "") as handoff:
        assert not await handoff.hand_over(EXCHANGE)
    assert len(seen) == 1
    assert "webhook-signature" not in seen[0].headers


async def test_a_webhook_that_is_away_is_no_error():
    """The customer is shown the template instead."""
    settings = HandoffSettings(url="http://127.0.0.1:9/nobody", timeout_ms=500)
    async with WebhookHandoff(settings) as handoff:
        assert not await handoff.hand_over(EXCHANGE)


async def drip() -> AsyncGenerator[bytes]:
    while True:
        yield b"."
        await asyncio.sleep(0.01)


async def test_what_a_webhook_answers_beside_its_status_is_not_waited_for():
    """A body without an end would keep the customer waiting."""
    settings = HandoffSettings(url="http://127.0.0.1:9/handoff")
    endless = httpx.MockTransport(lambda _: httpx.Response(200, content=drip()))
    async with WebhookHandoff(settings, transport=endless) as handoff, asyncio.timeout(20):
        assert await handoff.hand_over(EXCHANGE)


async def test_a_webhook_that_is_late_is_not_waited_for():
    """However it spreads its bytes over time."""

    async def hang(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(3600)
        return httpx.Response(200, request=request)

    settings = HandoffSettings(url="http://127.0.0.1:9/handoff", timeout_ms=50)
    async with WebhookHandoff(settings, transport=httpx.MockTransport(hang)) as handoff:
        assert not await handoff.hand_over(EXCHANGE)
