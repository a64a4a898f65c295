"""`/v1/feedback`: what people thought of an answer, read back, and taken back."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Header, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from uuid_utils import uuid7

from gateway.errors import RequestError
from gateway.ledger.feedback import current_opinions
from gateway.openai.requests import Identifier, Text, bad_request
from gateway.operations.access import demand_role
from gateway.routes.context import Gateway, LiveGateway, caller_of, read_json
from gateway.types import Caller, Exchange, FeedbackEvent

router = APIRouter()

_VOTING = ("feedback", "chat")
_READING = ("chat",)

IdempotencyKey = Annotated[str | None, Header(alias="idempotency-key", max_length=256)]
FeedbackToken = Annotated[str | None, Header(alias="x-winnow-feedback-token", max_length=1024)]


class FeedbackBody(BaseModel):
    """One thing said about one choice. An exchange is named by its id or by its token."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)

    exchange_id: Identifier | None = None
    feedback_token: Annotated[str, Field(max_length=1024)] | None = None
    choice_index: Annotated[int, Field(ge=0)] = 0
    rating: Literal["up", "down"] | None = None
    score: Annotated[float, Field(ge=-1e6, le=1e6)] | None = None
    reasons: Annotated[list[Identifier], Field(max_length=16)] = []
    comment: Annotated[Text, Field(max_length=4_000)] | None = None
    correction: Annotated[Text, Field(min_length=1, max_length=32_000)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        said = (self.rating, self.score, self.comment, self.correction)
        if all(part is None for part in said) and not self.reasons:
            raise ValueError("give a rating, score, reasons, comment or correction")
        if (self.exchange_id is None) == (self.feedback_token is None):
            raise ValueError("give either exchange_id or feedback_token")
        return self


@router.post("/v1/feedback")
async def create_feedback(
    request: Request, gateway: LiveGateway, idempotency_key: IdempotencyKey = None
) -> dict[str, Any]:
    raw = await read_json(request, gateway.limits.max_body_bytes)
    try:
        body = FeedbackBody.model_validate_json(raw)
    except ValidationError as error:
        raise bad_request(error) from None
    exchange = await _exchange(request, gateway, body.exchange_id, body.feedback_token, _VOTING)
    if body.choice_index >= len(exchange.choices) or exchange.outcome == "abandoned":
        raise RequestError(
            f"choice_index: exchange {exchange.id} sent no choice {body.choice_index}.",
            status=404,
            code="choice_not_found",
            param="choice_index",
        )
    event = FeedbackEvent(
        id=uuid7().hex,
        exchange_id=exchange.id,
        choice_index=body.choice_index,
        created_at=datetime.now(UTC),
        rating=None if body.rating is None else (1 if body.rating == "up" else -1),
        score=body.score,
        reasons=tuple(body.reasons),
        comment=body.comment,
        correction=body.correction,
        by=exchange.request.user_id,
        idempotency_key=idempotency_key,
    )
    return _rendered(await gateway.ledger.add_feedback(event))


@router.get("/v1/feedback/{exchange_id}")
async def read_feedback(
    exchange_id: str, request: Request, gateway: LiveGateway, token: FeedbackToken = None
) -> dict[str, Any]:
    exchange = await _named_in_path(request, gateway, exchange_id, token, _READING)
    opinions = current_opinions(await gateway.ledger.feedback(exchange.id))
    data = [_rendered(o.said) | {"event_ids": list(o.event_ids)} for o in opinions]
    return {"object": "list", "data": data}


@router.delete("/v1/feedback/{exchange_id}")
async def retract_feedback(
    exchange_id: str, request: Request, gateway: LiveGateway, token: FeedbackToken = None
) -> dict[str, Any]:
    exchange = await _named_in_path(request, gateway, exchange_id, token, _VOTING)
    opinions = current_opinions(await gateway.ledger.feedback(exchange.id))
    standing = [o.said for o in opinions if o.said.source == "customer"]
    for event in standing:  # retracting its newest event takes back all of an opinion
        await gateway.ledger.add_feedback(
            FeedbackEvent(
                id=uuid7().hex,
                exchange_id=exchange.id,
                choice_index=event.choice_index,
                created_at=datetime.now(UTC),
                source=event.source,
                by=event.by,
                retracts=event.id,
            )
        )
    return {"object": "feedback.deleted", "exchange_id": exchange.id, "retracted": len(standing)}


async def _named_in_path(
    request: Request,
    gateway: Gateway,
    exchange_id: str,
    token: str | None,
    roles: tuple[str, ...],
) -> Exchange:
    exchange = await _exchange(request, gateway, None if token else exchange_id, token, roles)
    if exchange.id != _bare(exchange_id):
        raise _unknown(exchange_id)
    return exchange


async def _exchange(
    request: Request,
    gateway: Gateway,
    exchange_id: str | None,
    token: str | None,
    roles: tuple[str, ...],
) -> Exchange:
    """The exchange that the caller may speak about; 404 for one that is not theirs.

    A token is enough by itself: it lets a browser vote on this one exchange without an API key.
    A key needs one of `roles`.
    """
    if token is not None:
        exchange_id = gateway.tokens.exchange_id(token)
        caller = None
    else:
        caller = await caller_of(request, gateway)
        demand_role(caller, *roles)
    exchange = await gateway.ledger.exchange(_bare(exchange_id or ""))
    if exchange is None or not (caller is None or _reaches(caller, exchange)):
        raise _unknown(exchange_id or "")
    return exchange


def _reaches(caller: Caller, exchange: Exchange) -> bool:
    """A key that cannot chat has no exchanges of its own: it votes on those that it is told of."""
    own = caller.key_id == exchange.caller.key_id
    return own or "chat" not in caller.roles or "admin" in caller.roles


def _bare(exchange_id: str) -> str:
    """An exchange's id, also from a completion's id, which is all that some clients keep."""
    return exchange_id.removeprefix("chatcmpl-")


def _unknown(exchange_id: str) -> RequestError:
    return RequestError(
        f"No exchange {exchange_id[:64]!r}.",
        status=404,
        code="exchange_not_found",
        param="exchange_id",
    )


def _rendered(event: FeedbackEvent) -> dict[str, Any]:
    rating = None if event.rating is None else ("up" if event.rating == 1 else "down")
    return {
        "object": "feedback",
        "id": event.id,
        "exchange_id": event.exchange_id,
        "choice_index": event.choice_index,
        "created": int(event.created_at.timestamp()),
        "source": event.source,
        "rating": rating,
        "score": event.score,
        "reasons": list(event.reasons),
        "comment": event.comment,
        "correction": event.correction,
    }
