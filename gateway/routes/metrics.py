"""`GET /metrics`: what the gateway did, in Prometheus' text format."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from gateway.operations.access import demand_role
from gateway.routes.context import KnownCaller, LiveGateway

router = APIRouter()


@router.get("/metrics")
async def metrics(gateway: LiveGateway, caller: KnownCaller) -> Response:
    """For a key with the role admin: the numbers tell of all tenants."""
    demand_role(caller, "admin")
    return Response(gateway.metrics.rendered(), media_type=CONTENT_TYPE_LATEST)
