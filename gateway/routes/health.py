"""`/healthz` and `/readyz`: whether the process lives, and whether it can do its work."""

from typing import Any

from fastapi import APIRouter, Response

from gateway.routes.context import LiveGateway

router = APIRouter()


@router.api_route("/healthz", methods=["GET", "HEAD"])
async def healthz() -> dict[str, str]:
    """Alive: asks nothing of anybody, so that a database outage restarts no replica."""
    return {"status": "ok"}


@router.api_route("/readyz", methods=["GET", "HEAD"])
async def readyz(gateway: LiveGateway, response: Response) -> dict[str, Any]:
    """Ready: every model has a server that answers, and the ledger takes writes."""
    checks = {f"model {name}": await u.ready() for name, u in gateway.pipeline.upstreams.items()}
    checks["ledger"] = await gateway.ledger.ready()
    ready = all(checks.values())
    if not ready:
        response.status_code = 503
        response.headers["retry-after"] = "5"
    return {"status": "ready" if ready else "not ready", "checks": checks}
