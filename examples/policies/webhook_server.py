"""A server for `policies.webhook:Webhook`: it checks the signature, and finds shouting.

WEBHOOK_SECRET=... uvicorn --factory examples.policies.webhook_server:webhook_app
"""

import base64
import hashlib
import hmac
import os
import time
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

_TOLERANCE_S = 300  # an older request is somebody's who repeats it


def webhook_app(secret: str | None = None) -> FastAPI:
    """The application; its secret is WEBHOOK_SECRET unless one is given."""
    key = (os.environ["WEBHOOK_SECRET"] if secret is None else secret).encode()
    app = FastAPI(openapi_url=None)

    @app.post("/")
    async def judge(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        if not _is_signed(request, await request.body(), key):
            return Response(status_code=401)
        return JSONResponse({"findings": _findings((await request.json())["text"])})

    return app


def _is_signed(request: Request, body: bytes, key: bytes) -> bool:
    """As the Standard Webhooks specification says; a library of theirs does the same."""
    message_id = request.headers.get("webhook-id", "")
    timestamp = request.headers.get("webhook-timestamp", "")
    if not timestamp.isdecimal() or abs(time.time() - int(timestamp)) > _TOLERANCE_S:
        return False
    signed = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    expected = f"v1,{base64.b64encode(signed).decode()}"
    given = request.headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(expected.encode(), one.encode()) for one in given)


def _findings(text: str) -> list[dict[str, Any]]:
    """The lines that are written in capital letters."""
    found: list[dict[str, Any]] = []
    start = 0
    for line in text.splitlines(keepends=True):
        end = start + len(line)
        if line.isupper() and line.strip().count(" ") > 0:
            found.append(
                {"start": start, "end": end, "category": "shouting", "replacement": line.lower()}
            )
        start = end
    return found
