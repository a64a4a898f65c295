"""Any server that speaks the OpenAI chat-completions API: vLLM, llama.cpp, TGI, a hosted one.

Every answer is asked for as a stream, also where the client wants it whole: a server notices at
once that nobody reads any more, and what a cancelled answer had cost by then is known.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx
from httpx_aiohttp import AiohttpTransport
from httpx_sse import EventSource, SSEError
from pydantic import BaseModel, ValidationError

from gateway.errors import (
    ContextLengthExceeded,
    UpstreamFailure,
    UpstreamRefusal,
    UpstreamTimeout,
)
from gateway.types import Conversation, Fragment, JsonValue, Message, SamplingParameters


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one kind of server does differently, as data.

    `seeds`: a request may carry a seed. (One kills a vLLM CPU engine.)
    `together`: several answers are asked for by `n` in one call. None of them can then be left
    alone, so it pays only where the prompt is billed once for all of them.
    `stream_options`: what asks for token counts; with `continuous_usage_stats` they are exact for
    answers that are cut off, too.
    """

    name: str
    seeds: bool
    together: bool = False
    stream_options: Mapping[str, bool] = field(default_factory=lambda: {"include_usage": True})


DIALECTS: Mapping[str, Dialect] = {
    d.name: d
    for d in (
        Dialect("openai", seeds=True),
        Dialect("llamacpp", seeds=True),
        Dialect(
            "vllm",
            seeds=False,
            stream_options={"include_usage": True, "continuous_usage_stats": True},
        ),
    )
}


_FAULTS_OF_THE_REQUEST = (400, 413, 422)
_WHOLE = ("stop", "length")  # any other reason is no whole answer: filtered, aborted, ...
_UNLIMITED = 0  # to aiohttp; None would leave its default of 100 connections
_DONE = "[DONE]"
_BYTES = 2**20
_BYTES_PER_TOKEN = 2**14


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Delta(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    index: int = 0
    delta: _Delta = _Delta()
    finish_reason: str | None = None


class _Chunk(BaseModel):
    choices: list[_Choice]
    usage: _Usage | None = None


class OpenAICompatible:
    """One server and the name that the model has there. An asynchronous context manager.

    `timeout_s` bounds the silence before each part of an answer.
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

    @property
    def together(self) -> bool:
        return self._dialect.together

    @property
    def seeds(self) -> bool:
        return self._dialect.seeds

    async def sample(
        self, conversation: Conversation, sampling: SamplingParameters, n: int = 1
    ) -> AsyncGenerator[Fragment]:
        body = self._request_body(conversation, sampling, n)
        limit = _BYTES + n * sampling.max_tokens * _BYTES_PER_TOKEN
        try:
            async with self._client.stream("POST", "chat/completions", json=body) as response:
                response.stream = _Bounded(response.stream, limit)
                if not response.is_success:
                    raise await _failure(response)
                async with aclosing(_fragments(response, n)) as fragments:
                    async for fragment in fragments:
                        yield fragment
        except httpx.ConnectTimeout as failure:
            # httpx-aiohttp reports every failed or lost connection as this one.
            raise UpstreamFailure("no connection to the model's server") from failure
        except httpx.TimeoutException as failure:
            raise UpstreamTimeout("the model's server took too long") from failure
        except httpx.HTTPError as failure:
            raise UpstreamFailure(
                f"the model's server broke off: {type(failure).__name__}"
            ) from failure

    async def ready(self) -> bool:
        try:
            response = await self._client.get("models", timeout=2.0)
        except httpx.HTTPError:
            return False
        return response.is_success

    def _request_body(
        self, conversation: Conversation, sampling: SamplingParameters, n: int
    ) -> dict[str, Any]:
        optional = {
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "stop": list(sampling.stop) or None,
            "seed": sampling.seed if self._dialect.seeds else None,
            "n": n if n > 1 else None,
        }
        return {
            **sampling.extra,
            "model": self._model,
            "messages": [_wire_message(m) for m in conversation.as_given_to_a_model()],
            "max_tokens": sampling.max_tokens,
            "stream": True,
            "stream_options": dict(self._dialect.stream_options),
            **{key: value for key, value in optional.items() if value is not None},
        }


class _Bounded(httpx.AsyncByteStream):
    """A body that fails when it is longer than any answer can be."""

    def __init__(self, body: Any, limit: int) -> None:
        self._body = body
        self._left = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._body:
            self._left -= len(part)
            if self._left < 0:
                raise UpstreamFailure("the model's server sent more than an answer can be")
            yield part

    async def aclose(self) -> None:
        await self._body.aclose()


def _wire_message(message: Message) -> dict[str, JsonValue]:
    named: dict[str, JsonValue] = {"name": message.name} if message.name else {}
    return {"role": message.role, "content": message.content, **named}


async def _failure(response: httpx.Response) -> UpstreamFailure:
    """What an error status means. The body may quote the prompt: it is looked at, and not kept."""
    told = f"the model's server answered HTTP {response.status_code}"
    if response.status_code not in _FAULTS_OF_THE_REQUEST:
        return UpstreamFailure(told)
    # llama.cpp says exceed_context_size_error, vLLM "maximum context length", OpenAI the code.
    body = (await response.aread())[:4096].decode(errors="replace").lower()
    too_long = "context_length" in body or "context length" in body or "context_size" in body
    return ContextLengthExceeded(told) if too_long else UpstreamRefusal(told)


async def _fragments(response: httpx.Response, n: int) -> AsyncGenerator[Fragment]:
    """The parts of `n` answers; UpstreamFailure unless all of them end well."""
    missing = set(range(n))
    try:
        async with aclosing(EventSource(response).aiter_sse()) as events:
            async for event in events:
                if event.data == _DONE:
                    break
                for fragment in _parts(event.data, n):
                    if fragment.finish_reason is not None:
                        missing.discard(fragment.draw)
                    yield fragment
    except SSEError:
        raise UpstreamFailure("the model's server answered no event stream") from None
    if missing:
        raise UpstreamFailure("the model's server ended an answer without a reason")


def _parts(data: str, n: int) -> list[Fragment]:
    """The fragments of one event; the event itself is never quoted."""
    try:
        chunk = _Chunk.model_validate_json(data)
    except ValidationError as failure:
        problem = failure.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"]) or "event"
        raise UpstreamFailure(
            f"the model's server sent no chunk of an answer ({where}: {problem['type']})"
        ) from None
    usage = chunk.usage or _Usage()
    # Told of several answers at once, a count is of all of them together.
    counted = usage.completion_tokens if n == 1 or len(chunk.choices) == 1 else None
    parts = [_part(choice, usage.prompt_tokens, counted, n) for choice in chunk.choices]
    if not parts and chunk.usage is not None:
        return [Fragment("", i, 0, None, usage.prompt_tokens, counted) for i in range(n)]
    return parts


def _part(
    choice: _Choice, prompt_tokens: int | None, completion_tokens: int | None, n: int
) -> Fragment:
    if not 0 <= choice.index < n:
        raise UpstreamFailure(f"the model's server sent an answer {choice.index} of {n}")
    if choice.finish_reason is not None and choice.finish_reason not in _WHOLE:
        raise UpstreamFailure("the model's server ended an answer for another reason than its end")
    text = choice.delta.content or ""
    return Fragment(
        text=text,
        draw=choice.index,
        tokens=1 if text else 0,
        finish_reason=choice.finish_reason,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
    )
