"""Lets the pages of the operator's own sites send votes, and nothing else."""

from typing import cast

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.routes.context import Gateway

_PATH = "/v1/feedback"


class FeedbackCors:
    """Answers browsers that ask whether a page of another origin may use `/v1/feedback`.

    It may where `feedback.allowed_origins` has its origin, with a feedback token and without
    credentials (cookies, API keys). On every other path browsers keep pages of other origins out.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not f"{scope['path']}/".startswith(f"{_PATH}/"):
            await self._app(scope, receive, send)
            return
        gateway = cast("Gateway", scope["state"]["gateway"])
        if not gateway.feedback_origins:
            await self._app(scope, receive, send)
            return
        # Made here, because the origins are known only once the gateway lives.
        cors = CORSMiddleware(
            self._app,
            allow_origins=gateway.feedback_origins,
            allow_methods=("POST", "GET", "DELETE"),
            allow_headers=("content-type", "idempotency-key", "x-winnow-feedback-token"),
        )
        await cors(scope, receive, send)
