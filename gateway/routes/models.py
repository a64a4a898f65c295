"""`GET /v1/models`: what clients may ask for."""

from typing import Any

from fastapi import APIRouter

from gateway.openai.requests import unknown_model
from gateway.operations.access import demand_role
from gateway.routes.context import KnownCaller, LiveGateway

router = APIRouter()


@router.get("/v1/models")
async def list_models(gateway: LiveGateway, caller: KnownCaller) -> dict[str, Any]:
    demand_role(caller, "chat")
    return {"object": "list", "data": [_model(name) for name in gateway.operator_prompts]}


@router.get("/v1/models/{name:path}")
async def retrieve_model(name: str, gateway: LiveGateway, caller: KnownCaller) -> dict[str, Any]:
    demand_role(caller, "chat")
    if name not in gateway.operator_prompts:
        raise unknown_model(name)
    return _model(name)


def _model(name: str) -> dict[str, Any]:
    # OpenAI's `created` is the day a model was published; of a configured name nobody knows it.
    return {"id": name, "object": "model", "created": 0, "owned_by": "winnow"}
