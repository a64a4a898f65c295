"""`/admin/policies`: the policy sets in force, and changed files put in force now."""

from typing import Any

from fastapi import APIRouter, Request

from gateway.errors import ConfigurationError, RequestError
from gateway.operations.access import demand_role
from gateway.policy_sets import PolicyEntry, PolicySet
from gateway.routes.context import Gateway, KnownCaller, LiveGateway, read_json

router = APIRouter()


@router.get("/admin/policies")
async def list_policies(gateway: LiveGateway, caller: KnownCaller) -> dict[str, Any]:
    demand_role(caller, "admin")
    return await _in_force(gateway)


@router.post("/admin/policies/reload")
async def reload_policies(
    request: Request, gateway: LiveGateway, caller: KnownCaller
) -> dict[str, Any]:
    """Read the files now. They come into force together, or the old ones stay: that is a 409.

    A body of `{}` has to be sent as JSON, so that no page of another site can do this.
    """
    demand_role(caller, "admin")
    await read_json(request, gateway.limits.max_body_bytes)
    try:
        changed = await gateway.guards.reload()
    except ConfigurationError as error:
        raise RequestError(str(error), status=409, code="policies_refused") from None
    return {"changed": changed, **await _in_force(gateway)}


async def _in_force(gateway: Gateway) -> dict[str, Any]:
    """The sets in the order in which they judge; `refused` says why newer files are not used."""
    async with gateway.guards.lease(()) as guard:
        digest = guard.digest
    return {
        "object": "list",
        "digest": digest,
        "refused": gateway.guards.refused,
        "data": [_set(s, gateway.optional_policy_sets) for s in gateway.guards.in_force],
    }


def _set(policy_set: PolicySet, optional: frozenset[str]) -> dict[str, Any]:
    return {
        "object": "policy_set",
        "name": policy_set.name,
        "digest": policy_set.digest,
        "optional": policy_set.name in optional,
        "policies": [_entry(entry) for entry in policy_set.entries],
    }


def _entry(entry: PolicyEntry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "stages": list(entry.stages),
        "mode": entry.mode,
        "on_fail": entry.on_fail,
        "on_error": entry.on_error,
        "timeout_ms": entry.timeout_ms,
        "window": entry.window,
        "examples": len(entry.examples),
    }
