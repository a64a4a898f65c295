"""The events of a chat completion as they come over the wire, read into fragments of answers.

Servers differ in how tidily a stream ends. An answer is whole once it has its reason; whatever is
wrong with the stream after the last one's reason costs nobody an answer.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any

import httpx
from aiohttp import ClientError
from httpx_sse import EventSource, SSEError
from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from gateway.errors import UpstreamFailure
from gateway.types import Fragment

_WHOLE = ("stop", "length")  # any other reason is no whole answer: filtered, aborted, ...
_DONE = "[DONE]"
_GRACE_S = 1.0  # for the token counts, which come after the last reason
_MOST_TOKENS = 2**31 - 1


def _if_valid(value: Any, parse: ValidatorFunctionWrapHandler) -> Any:
    """A wrong count is no reason to lose an answer."""
    try:
        return parse(value)
    except ValidationError:
        return None


_Tokens = Annotated[int, Field(strict=True, ge=0, le=_MOST_TOKENS)]
_Count = Annotated[_Tokens | None, WrapValidator(_if_valid)]


class _Usage(BaseModel):
    prompt_tokens: _Count = None
    completion_tokens: _Count = None


class _Delta(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    index: Annotated[int, Field(ge=0)] = 0
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(BaseModel):
    choices: list[_Choice] | None
    usage: Annotated[_Usage | None, WrapValidator(_if_valid)] = None


@dataclass(frozen=True, slots=True)
class Expected:
    """What was asked for: `n` answers of up to `max_tokens` each.

    `counts_each`: as `Dialect.counts_each`.
    """

    n: int
    max_tokens: int
    counts_each: bool


async def fragments(response: httpx.Response, expected: Expected) -> AsyncGenerator[Fragment]:
    """The parts of the answers, until each has its reason and, for a moment more, their counts.

    One of several that ends for another reason than its end has the failure in its fragment.

    Raises:
        UpstreamFailure: what came is no such stream, or left an answer without a reason.
    """
    missing = set(range(expected.n))
    until: float | None = None
    async with aclosing(_chunks(response)) as chunks:
        while (chunk := await _next(chunks, until)) is not None:
            for part in _parts(chunk, expected):
                if part.finish_reason is not None or part.error is not None:
                    missing.discard(part.draw)
                yield part
            if not missing and until is None:
                until = asyncio.get_running_loop().time() + _GRACE_S
    if missing:
        raise UpstreamFailure("the model's server ended an answer without a reason")


async def _next(chunks: AsyncGenerator[_Chunk], until: float | None) -> _Chunk | None:
    """The next chunk, None at the end; with an `until` every answer is whole: any end will do."""
    try:
        async with asyncio.timeout_at(until):
            return await anext(chunks, None)
    except (TimeoutError, httpx.HTTPError, ClientError, UpstreamFailure):
        if until is None:
            raise
        return None


async def _chunks(response: httpx.Response) -> AsyncGenerator[_Chunk]:
    # By definition it is UTF-8, whatever the header says; a byte order mark may come first.
    response.encoding = "utf-8-sig"
    try:
        async with aclosing(EventSource(response).aiter_sse()) as events:
            async for event in events:
                data = event.data.strip()
                if data == _DONE:
                    return
                if data:
                    yield _chunk(data)
    except SSEError:
        raise UpstreamFailure("the model's server answered no event stream") from None


def _chunk(data: str) -> _Chunk:
    """The chunk that one event holds; the event itself is never quoted."""
    try:
        return _Chunk.model_validate_json(data)
    except ValidationError as failure:
        problem = failure.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"]) or "event"
        told = f"the model's server sent no chunk of an answer ({where}: {problem['type']})"
    except ValueError:
        told = "the model's server sent no chunk of an answer"
    raise UpstreamFailure(told) from None


def _parts(chunk: _Chunk, expected: Expected) -> list[Fragment]:
    usage = chunk.usage or _Usage()
    # Told of several answers at once, a count is of all of them together.
    own = expected.n == 1 or (expected.counts_each and len(chunk.choices or ()) == 1)
    counted = usage.completion_tokens if own else None
    if counted is not None and counted > expected.max_tokens:
        counted = None
    if not chunk.choices:
        draws = range(expected.n if chunk.usage is not None else 0)
        return [Fragment("", i, 0, None, usage.prompt_tokens, counted) for i in draws]
    return [
        _part(choice, usage.prompt_tokens, counted, expected.n)
        for choice in chunk.choices
        if choice.index < expected.n
    ]


def _part(
    choice: _Choice, prompt_tokens: int | None, completion_tokens: int | None, n: int
) -> Fragment:
    whole = choice.finish_reason is None or choice.finish_reason in _WHOLE
    if not whole and n == 1:
        raise UpstreamFailure("the model's server ended an answer for another reason than its end")
    text = (choice.delta.content if choice.delta else None) or ""
    return Fragment(
        text=text,
        draw=choice.index,
        tokens=1 if text else 0,
        finish_reason=choice.finish_reason if whole else None,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        error=None if whole else UpstreamFailure.code,
    )
