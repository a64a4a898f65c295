"""Access: a key's holder, or anyone on the loopback demo."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from gateway.errors import RequestError
from gateway.operations.access import Access, demand_role, is_loopback
from gateway.operations.keys import KeyRecord
from gateway.types import Caller

KEY = KeyRecord("k1", "shop", frozenset({"chat"}), created_at=datetime.now(UTC))
HOLDER = Caller("k1", frozenset({"chat"}))


@dataclass(frozen=True)
class OneKey:
    """A key store with one key, or with none."""

    secret: str | None = "wn-good"

    async def find(self, secret: str) -> KeyRecord | None:
        return KEY if secret == self.secret else None

    async def any_exist(self) -> bool:
        return self.secret is not None


async def test_a_valid_key_names_its_holder():
    """The plain case."""
    access = Access(OneKey(), required=False)
    assert await access.caller(["Bearer wn-good"], ["example.com"]) == HOLDER


@pytest.mark.parametrize(
    "headers",
    [
        [],
        ["Bearer wn-bad"],
        ["Bearer ' OR 1=1--"],
        ["Bearer " + "a" * 65536],
        ["Bearer wn-göod"],
        ["Basic wn-good"],
        ["wn-good"],
        ["Bearer wn-good", "Bearer wn-good"],
        ["Bearer "],
    ],
)
@pytest.mark.parametrize("required", [True, False])
async def test_without_a_valid_key_there_is_no_way_in(headers: list[str], required: bool):
    """As soon as one key exists, everyone needs one."""
    with pytest.raises(RequestError) as caught:
        await Access(OneKey(), required).caller(headers, ["localhost"])
    assert caught.value.status == 401
    assert "wn-bad" not in str(caught.value)


async def test_a_required_key_is_required_even_when_none_exists():
    """Beyond loopback nobody is let in by an empty key store."""
    with pytest.raises(RequestError):
        await Access(OneKey(None), required=True).caller([], ["localhost"])


@pytest.mark.parametrize(
    "host",
    ["localhost:8000", "127.0.0.1", "[::1]:8000", "127.8.8.8:1", "LOCALHOST"],
)
async def test_the_demo_serves_its_own_machine_as_admin(host: str):
    """No key exists, so nobody has to have one."""
    caller = await Access(OneKey(None), required=False).caller(["Bearer unused"], [host])
    assert caller.key_id is None
    assert "admin" in caller.roles


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "0.0.0.0:80", "127.0.0.1:80@evil"]
)
async def test_the_demo_is_not_reached_through_another_name(host: str):
    """A page elsewhere can point its own name at 127.0.0.1 (DNS rebinding)."""
    with pytest.raises(RequestError) as caught:
        await Access(OneKey(None), required=False).caller([], [host])
    assert caught.value.status == 403


def test_a_role_that_is_missing_is_named():
    """The holder can then ask for the right key."""
    with pytest.raises(RequestError, match="reviewer"):
        demand_role(HOLDER, "reviewer")
    demand_role(HOLDER, "chat")
    demand_role(Caller("k2", frozenset({"admin"})), "reviewer")


def test_loopback_is_this_machine_only():
    """An unspecified address listens to everyone."""
    assert is_loopback("localhost")
    assert is_loopback("::1")
    assert not is_loopback("0.0.0.0")  # noqa: S104
    assert not is_loopback("192.168.0.1")
