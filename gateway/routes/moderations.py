"""`POST /v1/moderations`: the policies in OpenAI's shape."""

import asyncio
from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json
from uuid_utils import uuid7

from gateway.errors import GuardUnavailable
from gateway.guard import Guard
from gateway.openai.moderations import (
    ModerationBody,
    blocks,
    moderation_body,
    moderation_result,
    parse_moderation,
)
from gateway.operations.access import demand_role
from gateway.protocols import Policy
from gateway.routes.context import (
    CLIENT_CLOSED_REQUEST,
    KnownCaller,
    LiveGateway,
    added_sets,
    read_json,
    while_connected,
)
from gateway.routes.judging import screening_object
from gateway.types import AUTHORS, Conversation, Message

router = APIRouter()


@router.post("/v1/moderations")
async def create_moderation(
    request: Request, gateway: LiveGateway, caller: KnownCaller
) -> Response:
    """Judge texts that stand alone. Nothing is recorded.

    A policy that must run and can't makes this a 503, unless another one blocks: what it would
    have flagged must not be told to be clean.
    """
    demand_role(caller, "chat")
    body = parse_moderation(await read_json(request, gateway.limits.max_body_bytes), gateway.caps)
    added = added_sets(gateway, body.winnow.policies, "winnow.policies")
    async with gateway.guards.lease(added) as guard:
        strict = gateway.api.strict_openai
        moderation = await while_connected(request, _moderated(body, guard, strict=strict))
    if moderation is None:
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    return Response(to_json(moderation), media_type="application/json")


async def _moderated(body: ModerationBody, guard: Guard, *, strict: bool) -> dict[str, Any]:
    results: list[dict[str, Any]] = []
    stage = body.winnow.stage
    judged = {name for entry in guard.entries_at(stage) for name in _categories(entry.policy)}
    for text in body.texts:
        alone = Conversation((Message("user", text),) if stage == "input" else ())
        screening = await guard.inspect(text, stage, alone, AUTHORS[stage])
        if not screening.passed and not any(map(blocks, screening.verdicts)):
            raise GuardUnavailable("A policy that has to judge this text could not run.")
        extension = {} if strict else {"winnow": screening_object(screening)}
        results.append(moderation_result(screening, judged, extension))
        await asyncio.sleep(0)  # whatever else waits has its turn between two texts
    return moderation_body(uuid7().hex, guard.digest, results)


def _categories(policy: Policy) -> Iterable[str]:
    """What a policy's findings are called, as far as its options tell."""
    own = getattr(policy, "category", None) or getattr(policy, "head", None)
    return ([own] if isinstance(own, str) else []) + list(getattr(policy, "criteria", ()))
