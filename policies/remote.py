"""Servers that a policy asks: one request, one bounded answer, and nobody in between."""

from collections.abc import Mapping

import httpx

from gateway.protocols import PolicyFailure

_LONGEST_S = 60.0  # the entry's timeout_ms ends a call long before; this is for who sets none
_MOST_BYTES = 1_000_000


class RemoteFailure(PolicyFailure):
    """The server gave no answer that could be used. Says how it failed, never what it said."""


def open_client() -> httpx.AsyncClient:
    """A client that follows no redirect and asks no proxy of the environment.

    A connection that can't be made is tried once more; a request is sent once.
    """
    return httpx.AsyncClient(
        transport=httpx.AsyncHTTPTransport(retries=1, trust_env=False),
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(_LONGEST_S, connect=5.0),
        # A compressed answer could be far longer than what was counted.
        headers={"content-type": "application/json", "accept-encoding": "identity"},
    )


async def post(
    client: httpx.AsyncClient, url: str, body: bytes, headers: Mapping[str, str] | None = None
) -> bytes:
    """The body of a successful answer, of at most a million bytes.

    Raises:
        RemoteFailure: no connection, it broke off, another status than 2xx, or a longer answer.
    """
    answer = bytearray()
    try:
        async with client.stream("POST", url, content=body, headers=headers) as response:
            if not response.is_success:
                raise RemoteFailure(f"the server answered HTTP {response.status_code}")
            async for chunk in response.aiter_raw():
                answer += chunk
                if len(answer) > _MOST_BYTES:
                    raise RemoteFailure(f"the server's answer is longer than {_MOST_BYTES} bytes")
    except httpx.HTTPError as failure:
        raise RemoteFailure(f"no answer: {type(failure).__name__}") from None
    return bytes(answer)
