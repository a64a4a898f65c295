"""The ASGI application: routes, error handlers, and a lifespan that opens and closes the rest."""

import gc
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException

from gateway import __version__
from gateway.errors import RequestError, Unavailable
from gateway.openai.errors import error_body
from gateway.operations.last_resort import LastResort
from gateway.operations.request_ids import RequestIds
from gateway.routes import (
    chat,
    checks,
    feedback,
    health,
    metrics,
    models,
    moderations,
    policies,
    welcome,
)
from gateway.routes.context import Gateway
from gateway.routes.cross_origin import FeedbackCors


def create_app(open_gateway: Callable[[], AbstractAsyncContextManager[Gateway]]) -> FastAPI:
    """An application whose gateway lives from its start-up to its shutdown.

    `open_gateway` gives the live gateway: `wiring.live_gateway` with its settings in production,
    one made of shipped fakes in a test.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[dict[str, Gateway]]:
        async with open_gateway() as gateway:
            # What lives as long as the gateway (models, automata) need not be looked at again by
            # every garbage collection: those took a tenth of a second.
            gc.collect()
            gc.freeze()
            try:
                yield {"gateway": gateway}
            finally:
                gc.unfreeze()

    # The interactive docs load their scripts from elsewhere: a gateway's pages must not.
    app = FastAPI(
        title="Winnow",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # the redirect would quote the client's own Host header
    )
    app.add_middleware(LastResort)
    app.add_middleware(FeedbackCors)  # outside LastResort: pages may read its 500s too
    app.add_middleware(RequestIds)
    for routes in (chat, models, feedback, moderations, checks, policies, health, metrics, welcome):
        app.include_router(routes.router)
    app.add_exception_handler(RequestError, _on_request_error)
    app.add_exception_handler(Unavailable, _on_unavailable)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    return app


def _error(
    status: int,
    message: str,
    *,
    code: str | None = None,
    param: str | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    return Response(
        to_json(error_body(status, message, code=code, param=param)),
        status_code=status,
        media_type="application/json",
        headers=headers,
    )


def _exchange_header(request: Request) -> dict[str, str]:
    """The exchange that a failed request was recorded as, if it came that far."""
    exchange_id = getattr(request.state, "exchange_id", None)
    return {"x-winnow-exchange-id": exchange_id} if exchange_id else {}


async def _on_request_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)  # noqa: S101  Starlette looks handlers up by class
    headers = _exchange_header(request)
    if error.status == 401:  # noqa: PLR2004
        headers["www-authenticate"] = "Bearer"
    return _error(error.status, str(error), code=error.code, param=error.param, headers=headers)


async def _on_unavailable(request: Request, error: Exception) -> Response:
    assert isinstance(error, Unavailable)  # noqa: S101
    headers = _exchange_header(request) | {"retry-after": str(error.retry_after_s)}
    return _error(error.status, str(error), code=error.code, headers=headers)


async def _on_validation_error(_: Request, error: Exception) -> Response:
    """A path, query or header value that FastAPI itself found wrong."""
    assert isinstance(error, RequestValidationError)  # noqa: S101
    param = str(error.errors()[0]["loc"][-1])
    return _error(400, f"{param} is not valid.", code="invalid_value", param=param)


async def _on_http_exception(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    return _error(error.status_code, str(error.detail), headers=dict(error.headers or {}))
