"""Turns a bug into a 500 that tells nothing of the request, to the client or to the log."""

import asyncio
import logging
import traceback

from pydantic_core import to_json
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.openai.errors import error_body

logger = logging.getLogger(__name__)


class LastResort:
    """Catches what no handler knows.

    The framework's own handler would pass the exception on to the server, which logs its message;
    and a message can quote what a customer wrote. Here the class and the places in the code are
    logged, nothing else.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def noting_send(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noting_send)
        except ClientDisconnect:
            return
        except asyncio.CancelledError:
            if not started:
                await _refusal()(scope, receive, send)
            raise
        except Exception as bug:  # noqa: BLE001  that is its job
            places = [f"{f.filename}:{f.lineno}" for f in traceback.extract_tb(bug.__traceback__)]
            logger.error("%s at %s", type(bug).__name__, " > ".join(places[-8:]))  # noqa: TRY400
            if not started:
                await _bug()(scope, receive, send)


def _bug() -> Response:
    body = error_body(500, "The gateway failed on this request.", code="internal_error")
    return Response(to_json(body), 500, media_type="application/json")


def _refusal() -> Response:
    """What is left to say when the server ends before the answer was there."""
    body = error_body(503, "The gateway is shutting down.", code="shutting_down")
    headers = {"retry-after": "5"}
    return Response(to_json(body), 503, media_type="application/json", headers=headers)
