"""`POST /v1/chat/completions`: the main job."""

from collections.abc import AsyncGenerator, Iterable
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json
from starlette.responses import StreamingResponse
from uuid_utils import uuid7

from gateway.errors import RequestError
from gateway.openai.requests import ParsedRequest, parse_chat_completion
from gateway.openai.responses import (
    Rendering,
    completion_body,
    completion_events,
    overhead_ms,
)
from gateway.operations.access import demand_role
from gateway.routes.context import (
    CLIENT_CLOSED_REQUEST,
    Gateway,
    KnownCaller,
    LiveGateway,
    added_sets,
    read_json,
    while_connected,
)
from gateway.types import Exchange

router = APIRouter()


@router.post("/v1/chat/completions")
async def create_chat_completion(
    request: Request, gateway: LiveGateway, caller: KnownCaller
) -> Response:
    demand_role(caller, "chat")
    raw = await read_json(request, gateway.limits.max_body_bytes)
    parsed = parse_chat_completion(raw, gateway.caps, gateway.operator_prompts)
    if parsed.explain:
        demand_role(caller, "admin")
    added_sets(gateway, parsed.chat.policy_sets, "winnow.policies")
    request.state.exchange_id = exchange_id = uuid7().hex
    with gateway.in_flight.one():
        exchange = await while_connected(
            request, gateway.pipeline.complete(exchange_id, parsed.chat, caller)
        )
    if exchange is None:
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    if exchange.outcome == "blocked_input" and gateway.api.blocked_input == "error":
        raise RequestError(
            exchange.choices[0].text, status=400, code="content_filter", param="messages"
        )
    return _rendered(exchange, parsed, gateway)


async def _without_threads(events: Iterable[bytes]) -> AsyncGenerator[bytes]:
    """The events; of a plain iterator Starlette would fetch each one in a thread."""
    for event in events:
        yield event


def _rendered(exchange: Exchange, parsed: ParsedRequest, gateway: Gateway) -> Response:
    rendering = Rendering(
        feedback_token=gateway.tokens.issue(exchange.id),
        strict_openai=gateway.api.strict_openai,
        explain=parsed.explain,
        include_usage=parsed.include_usage,
    )
    headers: dict[str, Any] = {"x-winnow-exchange-id": exchange.id}
    if parsed.stream:
        headers |= {"cache-control": "no-cache", "x-accel-buffering": "no"}
        return StreamingResponse(
            _without_threads(completion_events(exchange, rendering)),
            media_type="text/event-stream",
            headers=headers,
        )
    headers["x-winnow-overhead-ms"] = f"{overhead_ms(exchange):.3f}"
    return Response(
        to_json(completion_body(exchange, rendering)),
        media_type="application/json",
        headers=headers,
    )
