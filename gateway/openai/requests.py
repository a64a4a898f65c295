"""Reads a chat-completion request strictly: what it means, or which parameter is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from gateway.errors import RequestError
from gateway.openai.fields import MEANINGLESS, REFUSED
from gateway.types import (
    SYSTEM_ROLES,
    ChatRequest,
    Conversation,
    JsonValue,
    Message,
    Mode,
    Role,
    SamplingParameters,
)


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not contain the NUL character")
    return text


Text = Annotated[str, AfterValidator(_without_nul)]
StopText = Annotated[str, Field(min_length=1), AfterValidator(_without_nul)]
Identifier = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_without_nul)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)


class TextPart(_Strict):
    """A part of a message; parts of other types are not taken."""

    type: Literal["text"]
    text: Text


Content = Text | list[TextPart]


def plain_text(content: str | list[TextPart]) -> str:
    """What a content says: its parts are joined by new lines."""
    return content if isinstance(content, str) else "\n".join(part.text for part in content)


class _WireMessage(_Strict):
    """Harmless keys that SDKs send back with an assistant's turn are allowed when empty."""

    role: Role
    content: Content
    name: Name | None = None
    refusal: None = None
    tool_calls: None = None
    function_call: None = None
    audio: None = None
    annotations: list[Any] | None = None

    @property
    def text(self) -> str:
        return plain_text(self.content)


class WinnowExtension(_Strict):
    """The `winnow` object of a request. It can add policies and never take one off."""

    n_candidates: Annotated[int, Field(ge=1)] | None = None
    mode: Mode = "quality"
    policies: list[Name] = []
    session_id: Identifier | None = None
    user_id: Identifier | None = None
    consent: bool | None = None
    compare: Literal[False] = False
    explain: bool = False


class _StreamOptions(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    include_usage: bool = False


class ChatCompletionBody(BaseModel):
    """The body of `POST /v1/chat/completions`: what is read of it."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False, frozen=True)

    model: Identifier
    messages: Annotated[list[_WireMessage], Field(min_length=1)]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    n: Annotated[int, Field(ge=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    stop: StopText | Annotated[list[StopText], Field(max_length=4)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    user: Identifier | None = None
    winnow: WinnowExtension | None = None


@dataclass(frozen=True, slots=True)
class Caps:
    """The most that one request may ask for, and what it gets when it does not say."""

    n_candidates: int = 4
    max_candidates: int = 8
    max_tokens: int = 1024
    default_max_tokens: int = 256
    max_messages: int = 256
    max_characters: int = 65_536
    client_system: Literal["append", "refuse"] = "append"


@dataclass(frozen=True, slots=True)
class ParsedRequest:
    """What was asked, and how it wants to be told."""

    chat: ChatRequest
    stream: bool
    include_usage: bool
    explain: bool


def parse_chat_completion(
    raw: bytes, caps: Caps, operator_prompts: Mapping[str, str]
) -> ParsedRequest:
    """Read a request for one of the models that `operator_prompts` names.

    Raises:
        RequestError: 400 (404 for an unknown model); `param` names what is wrong and the
            message never quotes a value from the conversation.
    """
    try:
        body = ChatCompletionBody.model_validate_json(raw)
    except ValidationError as error:
        raise bad_request(error) from None
    ignored = _refuse_or_ignore(body.model_extra or {})
    winnow = body.winnow or WinnowExtension()
    _check_turns(body, caps)
    if body.model not in operator_prompts:
        raise unknown_model(body.model)
    n_choices, n_candidates = _counts(body, winnow, caps)
    chat = ChatRequest(
        model=body.model,
        conversation=Conversation(
            messages=tuple(Message(m.role, m.text, m.name) for m in body.messages),
            operator_prompt=operator_prompts[body.model],
        ),
        sampling=_sampling(body, caps),
        n_choices=n_choices,
        n_candidates=n_candidates,
        mode=winnow.mode,
        policy_sets=tuple(dict.fromkeys(winnow.policies)),
        session_id=winnow.session_id,
        user_id=winnow.user_id or body.user,
        consent=winnow.consent,
        ignored=ignored,
    )
    return ParsedRequest(
        chat=chat,
        stream=bool(body.stream),
        include_usage=bool(body.stream_options and body.stream_options.include_usage),
        explain=winnow.explain,
    )


_DEPTH_OF_A_FIELD = 3  # messages, its index, content


def unknown_model(name: str) -> RequestError:
    """404, as OpenAI answers for a model that it does not have."""
    return RequestError(
        f"The model {name[:64]!r} does not exist.",
        status=404,
        code="model_not_found",
        param="model",
    )


def bad_request(error: ValidationError) -> RequestError:
    """What a client is told of a body that does not fit.

    The first problem only: a body that fails a thousand times must not give a long answer.
    """
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    # A value that may be text or a list fails as both: the deeper problem is in what was sent.
    field = problems[0]["loc"][:_DEPTH_OF_A_FIELD]
    same_field = (p for p in problems if p["loc"][:_DEPTH_OF_A_FIELD] == field)
    problem = max(same_field, key=lambda p: len(p["loc"]))
    if problem["type"] == "json_invalid":
        return RequestError("The body is not valid JSON.", code="invalid_json")
    param = _param(problem["loc"])
    reason = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        reason = "is not a known parameter"
    return RequestError(f"{param}: {reason}.", code="invalid_value", param=param)


def _param(location: tuple[int | str, ...]) -> str:
    """`messages[0].content`. Tags of a union (such as `str`) are pydantic's, not the client's."""
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part not in ("str", "TextPart") and "[" not in part:
            path += f".{part[:64]}" if path else part[:64]
    return path or "body"


def _refuse_or_ignore(extra: Mapping[str, JsonValue]) -> tuple[str, ...]:
    for name, value in extra.items():
        if name in REFUSED and value not in MEANINGLESS.get(name, ()):
            raise RequestError(
                f"{name} is refused: {REFUSED[name]}.", code="unsupported_parameter", param=name
            )
    return tuple(name[:64] for name in extra if name not in REFUSED)[:32]


def _check_turns(body: ChatCompletionBody, caps: Caps) -> None:
    if len(body.messages) > caps.max_messages:
        raise RequestError(
            f"messages: {len(body.messages)} turns are more than {caps.max_messages}.",
            code="invalid_value",
            param="messages",
        )
    characters = sum(len(message.text) for message in body.messages)
    if characters > caps.max_characters:
        raise RequestError(
            f"messages: {characters} characters in all are more than {caps.max_characters}.",
            code="invalid_value",
            param="messages",
        )
    for i, message in enumerate(body.messages):
        if message.role == "tool":
            raise RequestError(
                f"messages[{i}].role: tool messages are not supported by this version.",
                code="unsupported_parameter",
                param=f"messages[{i}].role",
            )
        if message.role in SYSTEM_ROLES and caps.client_system == "refuse":
            raise RequestError(
                f"messages[{i}].role: this server takes no {message.role} messages.",
                code="unsupported_parameter",
                param=f"messages[{i}].role",
            )
    if body.messages[-1].role != "user":
        # An assistant's turn at the end would be taken for the start of the answer.
        raise RequestError(
            "messages: the last message must be the user's.",
            code="invalid_value",
            param=f"messages[{len(body.messages) - 1}].role",
        )


def _counts(body: ChatCompletionBody, winnow: WinnowExtension, caps: Caps) -> tuple[int, int]:
    n_choices = body.n or 1
    if n_choices > caps.max_candidates:
        raise RequestError(
            f"n: {n_choices} is more than {caps.max_candidates}.", code="invalid_value", param="n"
        )
    default = 1 if winnow.mode == "fast" else caps.n_candidates
    asked = winnow.n_candidates or default
    if asked > caps.max_candidates:
        raise RequestError(
            f"winnow.n_candidates: {asked} is more than {caps.max_candidates}.",
            code="invalid_value",
            param="winnow.n_candidates",
        )
    if winnow.mode == "fast" and asked > 1:
        raise RequestError(
            "winnow.n_candidates: the mode 'fast' samples one candidate.",
            code="invalid_value",
            param="winnow.n_candidates",
        )
    return n_choices, max(asked, n_choices)


def _sampling(body: ChatCompletionBody, caps: Caps) -> SamplingParameters:
    both = (body.max_tokens, body.max_completion_tokens)
    if None not in both and both[0] != both[1]:
        raise RequestError(
            "max_tokens and max_completion_tokens differ; give one.",
            code="invalid_value",
            param="max_tokens",
        )
    asked = body.max_completion_tokens or body.max_tokens or caps.default_max_tokens
    if asked > caps.max_tokens:
        raise RequestError(
            f"max_tokens: {asked} is more than {caps.max_tokens}.",
            code="invalid_value",
            param="max_tokens" if body.max_tokens else "max_completion_tokens",
        )
    stop = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
    penalties: dict[str, JsonValue] = {
        name: value
        for name in ("presence_penalty", "frequency_penalty")
        if (value := getattr(body, name)) is not None
    }
    return SamplingParameters(
        max_tokens=asked,
        temperature=body.temperature,
        top_p=body.top_p,
        stop=stop,
        seed=body.seed,
        extra=penalties,
    )
