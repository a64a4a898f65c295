"""A policy that lives on a server of one's own, asked for each text.

It is sent, as JSON by POST,

    {"stage": "output", "role": "assistant", "text": "...",
     "conversation": [{"role": "user", "content": "..."}]}      # with `conversation: true`

and answers with status 200 and

    {"findings": [{"start": 0, "end": 4, "category": "tone", "replacement": "", "detail": "rude"}]}

`start` and `end` count Unicode code points of `text`, the end left out; `replacement`, `detail`
and `score` (a probability) may be left out. No findings mean that the text passes. Requests are
signed as the Standard Webhooks specification says (https://www.standardwebhooks.com).
"""

import json
import time
from collections.abc import Sequence
from typing import Annotated, ClassVar, Self
from uuid import uuid4

import httpx
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, JsonValue, SecretStr, field_validator
from pydantic.dataclasses import dataclass

from gateway.normalisation import encodable
from gateway.signatures import signature_headers, signing_key
from gateway.types import Finding, Subject
from policies.remote import open_client, post


class _Found(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    start: Annotated[int, Field(ge=0)]
    end: Annotated[int, Field(ge=0)]
    category: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    replacement: Annotated[str, Field(max_length=10_000)] = "[removed]"
    # A code, not a sentence: it goes to logs, where no text may be quoted.
    detail: Annotated[str, Field(pattern=r"^[a-z0-9_.-]{0,64}$")] = ""
    score: Annotated[float, Field(ge=0, le=1)] | None = None


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    findings: Annotated[tuple[_Found, ...], Field(max_length=1000, strict=False)]


@dataclass(config={"extra": "forbid"})
class Webhook:
    """Finds what the server at `url` finds.

    With a `secret` each request is signed: the headers `webhook-id`, `webhook-timestamp` and
    `webhook-signature` let the server tell our requests from others and from old ones. A secret
    that begins with "whsec_" is base64. With `conversation` the turns are sent too; the
    operator's prompt never is.

    Whatever is no proper answer is an error, and the set's `on_error` decides: no connection
    (tried twice), another status than 2xx, a redirect, more than a million bytes, anything else
    than the JSON above, a position outside the text.
    """

    remote: ClassVar[bool] = True

    url: HttpUrl
    secret: SecretStr = SecretStr("")
    conversation: bool = False

    @field_validator("secret")
    @classmethod
    def _can_sign(cls, secret: SecretStr) -> SecretStr:
        signing_key(secret.get_secret_value())
        return secret

    async def __aenter__(self) -> Self:
        self._client = await open_client().__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()
        del self._client

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        """As `Policy.judge`.

        Raises:
            RemoteFailure: no answer with status 2xx.
            ValueError: an answer, but no proper one.
            RuntimeError: the policy is not open (`async with`).
        """
        client: httpx.AsyncClient | None = getattr(self, "_client", None)
        if client is None:
            raise RuntimeError("the webhook is not open")
        body = json.dumps(self._request(subject)).encode()
        secret = self.secret.get_secret_value()
        headers = signature_headers(secret, str(uuid4()), int(time.time()), body)
        answer = _Answer.model_validate_json(await post(client, str(self.url), body, headers))
        for found in answer.findings:
            inside = found.start < found.end <= len(subject.text)
            if not inside and (subject.text or found.start or found.end):
                raise ValueError("a finding of the webhook does not lie in the text")
        return [Finding(**found.model_dump()) for found in answer.findings]

    def _request(self, subject: Subject) -> dict[str, JsonValue]:
        turns: JsonValue = [
            {"role": m.role, "content": encodable(m.content)} for m in subject.conversation.messages
        ]
        return {
            "stage": subject.stage,
            "role": subject.role,
            "text": encodable(subject.text),
            **({"conversation": turns} if self.conversation else {}),
        }
