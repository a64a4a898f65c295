"""`GET /`: what somebody who opens the printed URL in a browser should read."""

from fastapi import APIRouter
from starlette.responses import PlainTextResponse

from gateway import __version__

router = APIRouter(include_in_schema=False)


@router.get("/")
async def welcome() -> PlainTextResponse:
    return PlainTextResponse(
        f"Winnow {__version__} is serving.\n\n"
        "OpenAI-compatible API   /v1 (POST /v1/chat/completions, GET /v1/models)\n"
        "The policies alone      /v1/moderations, /v1/checks\n"
        "Feedback                /v1/feedback\n"
        "Health                  /healthz, /readyz\n"
        "API description         /openapi.json\n"
    )
