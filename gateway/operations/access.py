"""Who is asking: an API key's holder, or anyone on the loopback demo."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Protocol, get_args

from gateway.errors import RequestError
from gateway.operations.keys import KeyRecord, KeyRole
from gateway.types import Caller

MAX_KEY_CHARACTERS = 256


class Keys(Protocol):
    """What access needs of the key store. Both answers may be up to two seconds old."""

    async def find(self, secret: str) -> KeyRecord | None:
        """The key with that secret; None when it is unknown, revoked or expired."""
        ...

    async def any_exist(self) -> bool:
        """Whether a key was ever made."""
        ...


@dataclass(frozen=True, slots=True)
class Access:
    """Decides who a request comes from.

    A key is demanded when `required`, and as soon as one exists. Otherwise this is the demo:
    whoever reaches the loopback address is its admin.
    """

    keys: Keys
    required: bool

    async def caller(self, authorizations: Sequence[str], hosts: Sequence[str]) -> Caller:
        """The caller behind these `Authorization` and `Host` headers (all that were sent).

        Raises:
            RequestError: 401 without a valid key where one is demanded; 403 where a page of
                another site reaches the demo through a name of its own (DNS rebinding).
        """
        if not self.required and not await self.keys.any_exist():
            if len(hosts) != 1 or not is_loopback(_hostname(hosts[0])):
                raise RequestError(
                    "Without API keys only loopback host names are served.",
                    status=403,
                    code="host_not_allowed",
                )
            return Caller(key_id=None, roles=frozenset(get_args(KeyRole)))
        secret = _bearer(authorizations)
        key = await self.keys.find(secret) if secret else None
        if key is None:
            raise RequestError(
                "A valid API key is required: Authorization: Bearer wn-...",
                status=401,
                code="invalid_api_key",
            )
        return Caller(key_id=key.id, roles=frozenset(key.roles))


def demand_role(caller: Caller, *roles: str) -> None:
    """Raise RequestError 403 unless the caller has one of these roles, or is an admin."""
    if caller.roles.isdisjoint((*roles, "admin")):
        raise RequestError(
            f"This key lacks the role {' or '.join(roles) or 'admin'}.",
            status=403,
            code="insufficient_role",
        )


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only be this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _hostname(host: str) -> str:
    """A `Host` header without its port: `[::1]:8000` gives `::1`."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    name, _, port = host.lower().partition(":")
    return name if not port or port.isdecimal() else ""


def _bearer(authorizations: Sequence[str]) -> str | None:
    if len(authorizations) != 1:
        return None
    scheme, _, secret = authorizations[0].partition(" ")
    secret = secret.strip()
    usable = scheme.lower() == "bearer" and 0 < len(secret) <= MAX_KEY_CHARACTERS
    return secret if usable and secret.isascii() else None
