"""Servers that a reward model asks: one request, one bounded answer of a given shape."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Self, TypeVar

import httpx
from httpx_aiohttp import AiohttpTransport
from pydantic import BaseModel, HttpUrl, SecretStr, TypeAdapter, ValidationError

from gateway.protocols import RewardFailure

T = TypeVar("T")

_MOST_BYTES = 1_000_000


class WireShape(BaseModel):
    """The base of what servers answer: unknown fields are theirs; numbers are finite numbers."""

    model_config = {"frozen": True, "strict": True, "allow_inf_nan": False}


class RewardServer:
    """A client of one server. An asynchronous context manager.

    It follows no redirect and asks no proxy of the environment. `timeout_s` bounds one request
    from its start to its last byte. To score is to change nothing, so a request whose connection
    was lost (a server closes those that are idle) is sent once more.
    """

    def __init__(self, base_url: HttpUrl, api_key: SecretStr, timeout_s: float) -> None:
        url = httpx.URL(str(base_url))
        # httpx writes the URLs of requests to its log, with whatever stands in them.
        self._base_url = str(url.copy_with(userinfo=b"")).rstrip("/")
        self._credentials = (url.username, url.password) if url.userinfo else None
        self._api_key = api_key
        self._timeout_s = timeout_s
        self._client: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        key = self._api_key.get_secret_value()
        self._client = httpx.AsyncClient(
            transport=AiohttpTransport(trust_env=False),
            trust_env=False,
            auth=self._credentials,
            follow_redirects=False,
            timeout=httpx.Timeout(self._timeout_s, connect=5.0),
            headers={
                "content-type": "application/json",
                # A compressed answer could be far longer than what was counted.
                "accept-encoding": "identity",
                **({"authorization": f"Bearer {key}"} if key else {}),
            },
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._client is not None:
            await self._client.aclose()
        self._client = None

    async def post(self, path: str, body: Mapping[str, Any], shape: type[T]) -> T:
        """What the server answers to `body`, read as `shape`. As `get` otherwise."""
        return _read(await self._answer("POST", path, json.dumps(body).encode()), shape)

    async def get(self, path: str, shape: type[T]) -> T:
        """What the server answers, read as `shape`.

        Raises:
            RewardFailure: no answer in time, another status than 2xx, a body that is longer than
                a million bytes or not of that shape. Its message quotes nothing of the body.
            RuntimeError: the client is not open (`async with`).
        """
        return _read(await self._answer("GET", path, None), shape)

    async def _answer(self, method: str, path: str, body: bytes | None) -> bytes:
        try:
            async with asyncio.timeout(self._timeout_s):
                try:
                    return await self._once(method, path, body)
                except (httpx.ConnectError, httpx.ConnectTimeout):
                    return await self._once(method, path, body)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            # httpx-aiohttp reports every failed or lost connection as one of these.
            raise RewardFailure("no connection to the reward model's server") from None
        except (TimeoutError, httpx.TimeoutException):
            raise RewardFailure(
                f"the reward model's server took longer than {self._timeout_s:g} s"
            ) from None
        except httpx.HTTPError as failure:
            raise RewardFailure(
                f"the reward model's server broke off: {type(failure).__name__}"
            ) from None

    async def _once(self, method: str, path: str, body: bytes | None) -> bytes:
        if self._client is None:
            raise RuntimeError("the client of the reward model's server is not open")
        answer = bytearray()
        url = f"{self._base_url}/{path}"
        async with self._client.stream(method, url, content=body) as response:
            if not response.is_success:
                raise RewardFailure(
                    f"the reward model's server answered HTTP {response.status_code}"
                )
            async for chunk in response.aiter_raw():
                answer += chunk
                if len(answer) > _MOST_BYTES:
                    raise RewardFailure(
                        f"the reward model's server answered more than {_MOST_BYTES} bytes"
                    )
        return bytes(answer)


def _read(answer: bytes, shape: type[T]) -> T:
    try:
        return TypeAdapter(shape).validate_json(answer)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise RewardFailure(
            f"the reward model's server gave a malformed answer: {place}: {first['type']}"
        ) from None
