"""Hands a conversation over to a person, by a webhook of the operator's."""

import asyncio
import logging
import time
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic_core import to_json

from gateway.normalisation import encodable
from gateway.policy_files import HandoffSettings
from gateway.signatures import signature_headers
from gateway.types import Exchange

_log = logging.getLogger(__name__)


class WebhookHandoff:
    """Posts what was said to a URL; any 2xx means that somebody takes over.

    The body is JSON: `type` ("handoff"), `exchange_id`, `conversation_id`, `session_id`, `user_id`,
    `model`, `blocked` (categories) and `messages` as the model was shown them. With a secret it is
    signed as the Standard Webhooks specification says; the `webhook-id` is the exchange's.
    Redirects are not followed, and no proxy of the environment is used.
    """

    def __init__(
        self, settings: HandoffSettings, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._settings = settings
        self._transport = transport

    async def __aenter__(self) -> Self:
        self._client = httpx.AsyncClient(
            timeout=self._settings.timeout_ms / 1000, transport=self._transport, trust_env=False
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def hand_over(self, exchange: Exchange) -> bool:
        """Whether the webhook accepted the conversation in time; never raises."""
        body = to_json(_told(exchange), inf_nan_mode="null")
        signed = signature_headers(self._settings.secret, exchange.id, int(time.time()), body)
        headers = {"content-type": "application/json", **signed}
        try:
            request = self._client.build_request(
                "POST", self._settings.url, content=body, headers=headers
            )
            async with asyncio.timeout(self._settings.timeout_ms / 1000):
                # The status says it all: the body, however long, is not read.
                response = await self._client.send(request, stream=True)
                await response.aclose()
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL) as error:
            _log.warning("handoff of %s failed: %s", exchange.id, type(error).__name__)
            return False
        if not response.is_success:
            _log.warning("handoff of %s was refused with %d", exchange.id, response.status_code)
        return response.is_success


def _told(exchange: Exchange) -> dict[str, Any]:
    request = exchange.request
    messages = request.conversation.messages
    return {
        "type": "handoff",
        "exchange_id": exchange.id,
        "conversation_id": exchange.conversation_id,
        "session_id": request.session_id,
        "user_id": request.user_id,
        "model": request.model,
        "blocked": exchange.blocked_categories,
        "messages": [{"role": m.role, "content": encodable(m.content)} for m in messages],
    }
