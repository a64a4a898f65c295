"""A policy on a server of one's own, over real sockets."""

import asyncio
import base64
import hmac
import json
from collections.abc import Generator
from typing import Any

import pytest
from pydantic import HttpUrl, SecretStr, ValidationError

from examples.policies.webhook_server import webhook_app
from gateway.guard import example_subject
from gateway.judgement import judge
from gateway.policy_sets import PolicyEntry
from gateway.types import Conversation, Finding, Message, Subject
from policies.remote import RemoteFailure
from policies.webhook import Webhook
from tests.policies.servers import answering, listening
from tests.server.conftest import served

SECRET = "a secret of the shop"
# In the form of the specification's own libraries.
SPECIFIED = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ASKED = example_subject(
    "He\ud800lo", "output", Conversation((Message("user", "Hi!"),), "the operator's secret")
)


@pytest.fixture(scope="module")
def server() -> Generator[str]:
    """The example server that ships."""
    with served(webhook_app(SECRET)) as url:
        yield url


def webhook(url: str, secret: str = "", *, conversation: bool = False) -> Webhook:
    return Webhook(HttpUrl(url), SecretStr(secret), conversation)


async def judged(policy: Webhook, subject: Subject = ASKED) -> list[Finding]:
    async with policy:
        return list(await policy.judge(subject))


async def answered(answer: Any) -> list[Finding]:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    async with listening(answering(body)) as url:
        return await judged(webhook(url))


async def test_the_servers_findings_are_the_policys(server: str):
    """With their places, category and replacement."""
    text = "Good morning.\nREAD THE MANUAL!\nBye."
    subject = example_subject(text, "output", Conversation(()))
    (finding,) = await judged(webhook(server, SECRET), subject)
    assert text[finding.start : finding.end] == "READ THE MANUAL!\n"
    assert (finding.category, finding.replacement) == ("shouting", "read the manual!\n")


async def test_a_server_refuses_who_does_not_know_the_secret(server: str):
    """Its 401 is an error of the policy, and fails closed."""
    for secret in ("", "a guess"):
        with pytest.raises(RemoteFailure, match="401"):
            await judged(webhook(server, secret))


async def test_a_signature_is_over_the_body_as_it_was_sent():
    """Both kinds of secrets; without one nothing is signed."""
    seen: list[bytes] = []
    async with listening(answering(b'{"findings": []}', seen=seen)) as url:
        assert await judged(webhook(url, SPECIFIED)) == []
        assert await judged(webhook(url)) == []
    fields = (line.split(": ") for line in seen[0].decode().splitlines() if ": " in line)
    headers = {name.lower(): value for name, value in fields}
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + seen[1]
    key = base64.b64decode(SPECIFIED.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert b"webhook" not in seen[2].lower()


async def test_what_is_sent_is_the_text_and_its_place():
    """The conversation where it is wanted, and never the operator's prompt."""
    seen: list[bytes] = []
    async with listening(answering(b'{"findings": []}', seen=seen)) as url:
        await judged(webhook(url))
        await judged(webhook(url, conversation=True))
    alone, with_turns = json.loads(seen[1]), json.loads(seen[3])
    assert alone == {"stage": "output", "role": "assistant", "text": "He?lo"}
    assert with_turns == {**alone, "conversation": [{"role": "user", "content": "Hi!"}]}


FOUND = {"start": 0, "end": 2, "category": "tone"}


async def test_what_a_finding_leaves_out_has_a_default():
    """Its replacement and its detail; a score is taken as it is."""
    assert await answered({"findings": [FOUND, {**FOUND, "detail": "rude", "score": 0.5}]}) == [
        Finding(0, 2, "tone"),
        Finding(0, 2, "tone", detail="rude", score=0.5),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b'{"findings": [',
        [],
        {},
        {"findings": None},
        {"findings": [], "verdict": "pass"},
        {"findings": [{"start": 0, "end": 2}]},
        {"findings": [{**FOUND, "start": "0"}]},
        {"findings": [{**FOUND, "start": -1}]},
        {"findings": [{**FOUND, "end": 0}]},
        {"findings": [{**FOUND, "end": 99}]},
        {"findings": [{**FOUND, "category": "A Category"}]},
        {"findings": [{**FOUND, "detail": "He said: Hello"}]},
        {"findings": [{**FOUND, "score": 2}]},
        {"findings": [{**FOUND, "why": "unknown"}]},
        {"findings": [FOUND] * 1001},
    ],
    ids=range(17),
)
async def test_an_answer_that_is_no_proper_one_is_an_error(answer: Any):
    """Nothing is guessed from it: the set's `on_error` decides."""
    with pytest.raises(ValueError):
        await answered(answer)


async def test_a_server_that_hangs_is_a_policy_that_could_not_run():
    """The entry's own time-out ends the request, and the text is withheld."""
    hung = asyncio.Event()

    async def hanging(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the client leaves
        hung.set()

    async with listening(hanging) as url, webhook(url) as policy:
        entry = PolicyEntry("mine", policy, ("output",), "block", timeout_ms=100)
        verdict = await judge(entry, ASKED)
        assert (verdict.action, verdict.withheld) == ("error", True)
        await hung.wait()


async def test_a_webhook_that_is_not_open_says_so():
    """It is the composition root's to enter it."""
    with pytest.raises(RuntimeError, match="not open"):
        await webhook("http://127.0.0.1:9").judge(ASKED)


@pytest.mark.parametrize(
    "options",
    [
        {"url": "ftp://shop.example"},
        {"url": "shop.example/judge"},
        {"url": "http://shop.example", "secret": "whsec_not base64"},
        {"url": "http://shop.example", "retries": 3},
    ],
    ids=str,
)
def test_options_that_can_not_work_are_refused_when_made(options: dict[str, Any]):
    """And a secret that is right is never shown."""
    with pytest.raises(ValidationError):
        Webhook(**options)
    assert SECRET not in repr(webhook("http://127.0.0.1:9", SECRET))
