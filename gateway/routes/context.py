"""What the routes work with, and the few things that each of them does first."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, TypeVar, cast

from fastapi import Depends, Request

from gateway.config import ApiSettings, LimitsSettings
from gateway.errors import RequestError
from gateway.guards import Guards
from gateway.openai.requests import Caps
from gateway.operations.access import Access
from gateway.operations.in_flight import InFlight
from gateway.operations.metrics import Metrics
from gateway.pipeline import Pipeline
from gateway.protocols import Ledger
from gateway.types import Caller

T = TypeVar("T")

CLIENT_CLOSED_REQUEST = 499
_BODY_TIMEOUT_S = 30.0


class Tokens(Protocol):
    """Issues and reads the signed tokens that let a browser vote on one exchange."""

    def issue(self, exchange_id: str) -> str: ...

    def exchange_id(self, token: str) -> str:
        """The exchange that a token is for; RequestError 401 when it is forged or expired."""
        ...


@dataclass(frozen=True, slots=True)
class Gateway:
    """A live gateway, as the routes see it. `wiring` makes it."""

    pipeline: Pipeline
    guards: Guards
    ledger: Ledger
    access: Access
    tokens: Tokens
    caps: Caps
    operator_prompts: Mapping[str, str]
    optional_policy_sets: frozenset[str]
    api: ApiSettings
    limits: LimitsSettings
    in_flight: InFlight
    metrics: Metrics
    feedback_origins: tuple[str, ...] = ()


def _gateway(request: Request) -> Gateway:
    return cast("Gateway", request.state.gateway)


LiveGateway = Annotated[Gateway, Depends(_gateway)]


async def caller_of(request: Request, gateway: LiveGateway) -> Caller:
    """Who asks; a dependency, and for routes that may do without a key, a call."""
    return await gateway.access.caller(
        request.headers.getlist("authorization"), request.headers.getlist("host")
    )


KnownCaller = Annotated[Caller, Depends(caller_of)]


def added_sets(gateway: Gateway, names: Sequence[str], param: str) -> tuple[str, ...]:
    """The policy sets that a request adds, each once.

    Raises:
        RequestError: 400 for one that a request can't add.
    """
    for name in names:
        if name not in gateway.optional_policy_sets:
            raise RequestError(
                f"{param}: {name!r} is not a policy set that a request can add.",
                code="invalid_value",
                param=param,
            )
    return tuple(dict.fromkeys(names))


async def read_json(request: Request, max_bytes: int) -> bytes:
    """The raw body, bounded.

    Only `application/json` is read: a page of another site can send that nowhere without asking
    first (CORS), so it cannot post to a gateway on its visitor's machine.

    Raises:
        RequestError: 415 for another type or an encoded body, 413 for a body that is too large,
            408 for one that does not come.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RequestError(
            "The content type must be application/json.", status=415, code="unsupported_media_type"
        )
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise RequestError(
            "An encoded body is not accepted.", status=415, code="unsupported_media_type"
        )
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_TIMEOUT_S):
            async for piece in request.stream():
                body += piece
                if len(body) > max_bytes:
                    raise RequestError(
                        f"The body is larger than {max_bytes} bytes.",
                        status=413,
                        code="body_too_large",
                    )
    except TimeoutError:
        raise RequestError(
            f"The body did not come within {_BODY_TIMEOUT_S:g} s.", status=408, code="body_timeout"
        ) from None
    return bytes(body)


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T | None:
    """The result of `work`, or None when the client leaves first: `work` is then cancelled.

    A plain response is not cancelled by the server when its client leaves, and a model that
    goes on writing for nobody costs as much as one that is read.
    """
    task = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        leaving.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
