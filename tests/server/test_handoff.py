"""Where no answer passes, a person is called: over real sockets, in the customer's language."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response

from gateway.signatures import signature_headers
from gateway.upstreams.scripted import Line
from tests.server.conftest import INVENTED, Running, running, served

SET = """
policies:
  - name: grounded
    use: policies.grounded_facts:GroundedFacts
    stages: [output]
    on_fail: block
fallback:
  resample: 1
  handoff: {{url: "{url}/{answer}", secret: s3cret}}
  template: "Nobody is there."
templates:
  handoff:
    en: "Anna takes over."
    de: "Anna übernimmt."
"""


class Desk:
    """The operator's own server, where people take conversations over."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.app = FastAPI()
        self.app.post("/take")(self.take)

    async def take(self, request: Request) -> Response:
        body, headers = await request.body(), request.headers
        seconds = int(headers["webhook-timestamp"])
        signed = signature_headers("s3cret", headers["webhook-id"], seconds, body)
        assert headers["webhook-signature"] == signed["webhook-signature"]
        self.taken.append(await request.json())
        return Response(status_code=202)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def up(tmp_path: Path, desk: Desk, request: pytest.FixtureRequest) -> Generator[Running]:
    with served(desk.app) as url:
        (tmp_path / "shop.yaml").write_text(SET.format(url=url, answer=request.param), "utf-8")
        policies = {"folder": tmp_path, "sets": ["shop"]}
        with running(tmp_path, [Line(INVENTED)], policies=policies, reward=None) as gateway:
            yield gateway


@pytest.mark.parametrize("up", ["take"], indirect=True)
@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("Where can I call you, please?", "Anna takes over."),
        ("Guten Tag, unter welcher Nummer erreiche ich Sie?", "Anna übernimmt."),
    ],
)
def test_a_person_takes_over_and_the_customer_is_told_so(
    up: Running, desk: Desk, asked: str, told: str
):
    """The desk has the conversation, and the exchange's id; plain and streamed alike."""
    body = up.chat(asked).json()
    [choice] = body["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == (told, "content_filter")
    assert body["winnow"]["handed_over"] is True
    assert body["winnow"]["candidates"] == {
        "sampled": 5,
        "passed": 0,
        "completion_tokens": body["winnow"]["candidates"]["completion_tokens"],
        "stopped_by": "limit",
    }
    [taken] = desk.taken
    assert taken["exchange_id"] == body["winnow"]["exchange_id"]
    assert taken["messages"] == [{"role": "user", "content": asked}]
    assert taken["blocked"] == ["ungrounded_fact"]
    assert up.chat(asked, stream=True).status_code == 200
    assert len(desk.taken) == 2


@pytest.mark.parametrize("up", ["closed"], indirect=True)
def test_a_desk_that_refuses_leaves_the_template(up: Running, desk: Desk):
    """HTTP 404 there is no error here, and the ledger says that nobody took over."""
    body = up.chat().json()
    assert body["choices"][0]["message"]["content"] == "Nobody is there."
    assert body["winnow"]["handed_over"] is False
    assert desk.taken == []
