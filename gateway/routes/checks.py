"""`POST /v1/checks`: every verdict on a text, in full."""

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_json

from gateway.errors import RequestError
from gateway.guard import Guard
from gateway.openai.requests import (
    Content,
    Identifier,
    Name,
    Text,
    bad_request,
    plain_text,
    unknown_model,
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
from gateway.routes.judging import screening_object
from gateway.types import AUTHORS, Caller, Conversation, Message, Role, Stage

router = APIRouter()


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class CheckMessage(_Strict):
    """A turn of the conversation that the text stands in."""

    role: Role
    content: Content
    name: Name | None = None

    @property
    def text(self) -> str:
        return plain_text(self.content)


class CheckBody(_Strict):
    """The body: a text, the stage to judge it at, and what it is judged against.

    `messages` are the turns before the text. `model` stands for that model's operator's prompt;
    `operator_prompt` is one to try.
    """

    text: Text
    stage: Stage = "input"
    messages: list[CheckMessage] = []
    policies: list[Name] = []
    model: Identifier | None = None
    operator_prompt: Annotated[Text, Field(min_length=1)] | None = None


@router.post("/v1/checks")
async def create_check(request: Request, gateway: LiveGateway, caller: KnownCaller) -> Response:
    """Judge a text by every policy of its stage, also behind the first block.

    Nothing is recorded. A policy that could not run is a verdict like the others, with the
    action "error": whoever checks wants to know of it.
    """
    demand_role(caller, "chat")
    body = _parsed(await read_json(request, gateway.limits.max_body_bytes), gateway)
    operator_prompt = _operator_prompt(body, gateway, caller)
    added = added_sets(gateway, body.policies, "policies")
    async with gateway.guards.lease(added) as guard:
        check = await while_connected(request, _checked(body, operator_prompt, guard))
    if check is None:
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    return Response(to_json(check), media_type="application/json")


async def _checked(body: CheckBody, operator_prompt: str, guard: Guard) -> dict[str, Any]:
    role = AUTHORS[body.stage]
    turns = [Message(message.role, message.text, message.name) for message in body.messages]
    if body.stage == "input":  # as in a chat, where the message is the last of the conversation
        turns.append(Message(role, body.text))
        screening = await guard.inspect_turns(Conversation(tuple(turns), operator_prompt))
    else:
        conversation = Conversation(tuple(turns), operator_prompt)
        screening = await guard.inspect(body.text, body.stage, conversation, role)
    return {
        "object": "check",
        "stage": body.stage,
        "digest": guard.digest,
        **screening_object(screening),
    }


def _parsed(raw: bytes, gateway: Gateway) -> CheckBody:
    try:
        body = CheckBody.model_validate_json(raw)
    except ValidationError as error:
        raise bad_request(error) from None
    caps = gateway.caps
    if len(body.messages) > caps.max_messages:
        raise _refusal("messages", f"{len(body.messages)} are more than {caps.max_messages}")
    texts = [body.text, body.operator_prompt or "", *(m.text for m in body.messages)]
    characters = sum(map(len, texts))
    if characters > caps.max_characters:
        raise _refusal(
            "text", f"{characters} characters in all are more than {caps.max_characters}"
        )
    if body.model is not None and body.operator_prompt is not None:
        raise _refusal("operator_prompt", "give either this or model")
    return body


def _operator_prompt(body: CheckBody, gateway: Gateway, caller: Caller) -> str:
    """What the text is judged against as the operator's.

    For an admin only: with it, whoever may ask often enough finds out what a prompt says, by
    what counts as leaked from it and as grounded in it.
    """
    if body.model is None and body.operator_prompt is None:
        return ""
    demand_role(caller, "admin")
    if body.model is None:
        return body.operator_prompt or ""
    if body.model not in gateway.operator_prompts:
        raise unknown_model(body.model)
    return gateway.operator_prompts[body.model]


def _refusal(param: str, reason: str) -> RequestError:
    return RequestError(f"{param}: {reason}.", code="invalid_value", param=param)
