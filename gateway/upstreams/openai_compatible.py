"""Any server that speaks the OpenAI chat-completions API: vLLM, llama.cpp, TGI, a hosted one."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

import httpx
from httpx_aiohttp import AiohttpTransport
from pydantic import BaseModel, Field, ValidationError

from gateway.errors import (
    ContextLengthExceeded,
    UpstreamFailure,
    UpstreamRefusal,
    UpstreamTimeout,
)
from gateway.types import Completion, Conversation, JsonValue, Message, SamplingParameters


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one kind of server does differently, as data.

    `seeds`: a request may carry a seed. (One kills a vLLM CPU engine.)
    """

    name: str
    seeds: bool


DIALECTS: Mapping[str, Dialect] = {
    d.name: d
    for d in (
        Dialect("openai", seeds=True),
        Dialect("llamacpp", seeds=True),
        Dialect("vllm", seeds=False),
    )
}


_FAULTS_OF_THE_REQUEST = (400, 413, 422)
_UNLIMITED = 0  # to aiohttp; None would leave its default of 100 connections


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Message(BaseModel):
    content: str


class _Choice(BaseModel):
    message: _Message
    finish_reason: Literal["stop", "length"]  # any other is no whole answer: filtered, aborted, ...


class _Body(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None


class OpenAICompatible:
    """One server and the name that the model has there. An asynchronous context manager.

    `timeout_s` bounds one call from its start to its last byte.
    """

    def __init__(
        self,
        *,
        base_url: str,
        model: str,
        api_key: str | None = None,
        dialect: Dialect = DIALECTS["openai"],
        timeout_s: float = 60.0,
    ) -> None:
        headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self._model = model
        self._dialect = dialect
        self._timeout_s = timeout_s
        self._client = httpx.AsyncClient(
            # How many requests run at once is the gateway's to limit, not this pool's; and no
            # proxy of the environment comes between it and its own loopback engine.
            transport=AiohttpTransport(
                trust_env=False,
                limits=httpx.Limits(max_connections=_UNLIMITED, max_keepalive_connections=256),
            ),
            base_url=base_url.rstrip("/") + "/",
            headers=headers,
            timeout=httpx.Timeout(timeout_s, connect=5.0),
            follow_redirects=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def complete(
        self, conversation: Conversation, sampling: SamplingParameters
    ) -> Completion:
        body = self._request_body(conversation, sampling)
        try:
            # A server that sends a byte now and then never runs into a timeout between bytes.
            async with asyncio.timeout(self._timeout_s):
                response = await self._client.post("chat/completions", json=body)
        except httpx.ConnectTimeout as failure:
            # httpx-aiohttp reports every failed or lost connection as this one.
            raise UpstreamFailure("no connection to the model's server") from failure
        except (TimeoutError, httpx.TimeoutException) as failure:
            raise UpstreamTimeout("the model's server took too long") from failure
        except httpx.HTTPError as failure:
            raise UpstreamFailure(
                f"the model's server broke off: {type(failure).__name__}"
            ) from failure
        return _completion(response)

    async def ready(self) -> bool:
        try:
            response = await self._client.get("models", timeout=2.0)
        except httpx.HTTPError:
            return False
        return response.is_success

    def _request_body(
        self, conversation: Conversation, sampling: SamplingParameters
    ) -> dict[str, Any]:
        optional = {
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "stop": list(sampling.stop) or None,
            "seed": sampling.seed if self._dialect.seeds else None,
        }
        return {
            **sampling.extra,
            "model": self._model,
            "messages": [_wire_message(m) for m in conversation.as_given_to_a_model()],
            "max_tokens": sampling.max_tokens,
            **{key: value for key, value in optional.items() if value is not None},
        }


def _wire_message(message: Message) -> dict[str, JsonValue]:
    named: dict[str, JsonValue] = {"name": message.name} if message.name else {}
    return {"role": message.role, "content": message.content, **named}


def _failure(response: httpx.Response) -> UpstreamFailure:
    """What an error status means. The body may quote the prompt: it is looked at, and not kept."""
    told = f"the model's server answered HTTP {response.status_code}"
    if response.status_code not in _FAULTS_OF_THE_REQUEST:
        return UpstreamFailure(told)
    # llama.cpp says exceed_context_size_error, vLLM "maximum context length", OpenAI the code.
    body = response.text[:4096].lower()
    too_long = "context_length" in body or "context length" in body or "context_size" in body
    return ContextLengthExceeded(told) if too_long else UpstreamRefusal(told)


def _completion(response: httpx.Response) -> Completion:
    """The answer in a response, or UpstreamFailure: the body itself is never quoted."""
    if not response.is_success:
        raise _failure(response)
    try:
        body = _Body.model_validate_json(response.content)
    except ValidationError as failure:
        problem = failure.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"]) or "body"
        raise UpstreamFailure(
            f"the model's server answered no chat completion ({where}: {problem['type']})"
        ) from None
    choice = body.choices[0]
    usage = body.usage or _Usage()
    return Completion(
        text=choice.message.content,
        finish_reason=choice.finish_reason,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
    )
