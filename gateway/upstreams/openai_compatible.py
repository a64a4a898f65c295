"""Any server that speaks the OpenAI chat-completions API: vLLM, llama.cpp, TGI, a hosted one.

Every answer is asked for as a stream, also where the client wants it whole: a server notices at
once that nobody reads any more, and what a cancelled answer had cost by then is known.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self

import httpx
from aiohttp import ClientError
from httpx_aiohttp import AiohttpTransport

from gateway.errors import (
    ContextLengthExceeded,
    UpstreamFailure,
    UpstreamRefusal,
    UpstreamTimeout,
)
from gateway.types import Conversation, Fragment, JsonValue, Message, SamplingParameters
from gateway.upstreams.dialects import DIALECTS, Dialect
from gateway.upstreams.event_stream import Expected, fragments

_FAULTS_OF_THE_REQUEST = (400, 413, 422)
_UNLIMITED = 0  # to aiohttp; None would leave its default of 100 connections
_BYTES = 2**20
_BYTES_PER_TOKEN = 2**14


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
        # A compressed answer could be far longer than what was counted.
        headers = {"accept-encoding": "identity"}
        if api_key:
            headers["authorization"] = f"Bearer {api_key}"
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
        expected = Expected(n, sampling.max_tokens, self._dialect.counts_each)
        try:
            async with self._client.stream("POST", "chat/completions", json=body) as response:
                response.stream = _Bounded(response.stream, limit)
                if not response.is_success:
                    raise await _failure(response)
                if _compressed(response):
                    raise UpstreamFailure("the model's server sent a compressed answer")
                async with aclosing(fragments(response, expected)) as parts:
                    async for part in parts:
                        yield part
        except httpx.ConnectTimeout as failure:
            # httpx-aiohttp reports every failed or lost connection as this one.
            raise UpstreamFailure("no connection to the model's server") from failure
        except httpx.TimeoutException as failure:
            raise UpstreamTimeout("the model's server took too long") from failure
        except (httpx.HTTPError, ClientError) as failure:
            # httpx-aiohttp lets through what aiohttp says of an answer that is no HTTP.
            # It may quote what came, so it is not kept.
            raise UpstreamFailure(
                f"the model's server broke off: {type(failure).__name__}"
            ) from None

    async def ready(self) -> bool:
        try:
            async with self._client.stream("GET", "models", timeout=2.0) as response:
                return response.is_success
        except (httpx.HTTPError, ClientError):
            return False

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
    """A body that fails when it is longer than any answer can be.

    Its end is also the end of an event: the blank line that should be there may be missing.
    """

    def __init__(self, body: Any, limit: int) -> None:
        self._body = body
        self._left = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._body:
            self._left -= len(part)
            if self._left < 0:
                raise UpstreamFailure("the model's server sent more than an answer can be")
            yield part
        yield b"\n\n"

    async def aclose(self) -> None:
        await self._body.aclose()


def _wire_message(message: Message) -> dict[str, JsonValue]:
    named: dict[str, JsonValue] = {"name": message.name} if message.name else {}
    return {"role": message.role, "content": message.content, **named}


def _compressed(response: httpx.Response) -> bool:
    encoding = response.headers.get("content-encoding", "")
    return encoding.strip().lower() not in ("", "identity")


async def _failure(response: httpx.Response) -> UpstreamFailure:
    """What an error status means. The body may quote the prompt: it is looked at, and not kept."""
    told = f"the model's server answered HTTP {response.status_code}"
    if response.status_code not in _FAULTS_OF_THE_REQUEST:
        return UpstreamFailure(told)
    # llama.cpp says exceed_context_size_error, vLLM "maximum context length", OpenAI the code.
    raw = b"" if _compressed(response) else await response.aread()
    body = raw[:4096].decode(errors="replace").lower()
    too_long = "context_length" in body or "context length" in body or "context_size" in body
    return ContextLengthExceeded(told) if too_long else UpstreamRefusal(told)
