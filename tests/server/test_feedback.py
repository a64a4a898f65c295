"""`/v1/feedback` over a real socket: kept, read back, taken back; never somebody else's."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.ledger.schema import upgrade
from gateway.operations.keys import KeyStore
from gateway.upstreams.scripted import Line
from tests.server.conftest import GOOD, Running, running


def answered(gateway: Running) -> dict[str, Any]:
    return gateway.chat().json()["winnow"]


def test_a_thumb_is_kept_and_read_back(gateway: Running):
    """By the exchange's id."""
    exchange = answered(gateway)["exchange_id"]
    sent = gateway.client.post(
        "/v1/feedback", json={"exchange_id": exchange, "rating": "down", "comment": "not helpful"}
    )
    assert sent.status_code == 200
    (kept,) = gateway.client.get(f"/v1/feedback/{exchange}").json()["data"]
    assert (kept["rating"], kept["comment"]) == ("down", "not helpful")
    assert kept["id"] == sent.json()["id"]


def test_a_completions_own_id_is_enough(gateway: Running):
    """Some clients keep nothing else."""
    completion = gateway.chat().json()["id"]
    body = {"exchange_id": completion, "correction": "Please send me your order number."}
    assert gateway.client.post("/v1/feedback", json=body).status_code == 200
    (kept,) = gateway.client.get(f"/v1/feedback/{completion}").json()["data"]
    assert kept["correction"] == "Please send me your order number."


def test_the_last_word_counts(gateway: Running):
    """A changed mind is a new event; the current view has the new one."""
    exchange = answered(gateway)["exchange_id"]
    for rating in ("up", "down"):
        gateway.client.post("/v1/feedback", json={"exchange_id": exchange, "rating": rating})
    ratings = [e["rating"] for e in gateway.client.get(f"/v1/feedback/{exchange}").json()["data"]]
    assert ratings == ["down"]


def test_a_comment_after_a_thumb_leaves_the_thumb(gateway: Running):
    """Pages send them one after the other; the view has both, and the events they come from."""
    exchange = answered(gateway)["exchange_id"]
    ids = [
        gateway.client.post("/v1/feedback", json={"exchange_id": exchange, **said}).json()["id"]
        for said in ({"rating": "up"}, {"comment": "great"})
    ]
    (kept,) = gateway.client.get(f"/v1/feedback/{exchange}").json()["data"]
    assert (kept["rating"], kept["comment"]) == ("up", "great")
    assert (kept["id"], kept["event_ids"]) == (ids[1], ids)
    assert gateway.client.delete(f"/v1/feedback/{exchange}").json()["retracted"] == 1
    assert gateway.client.get(f"/v1/feedback/{exchange}").json()["data"] == []
    gateway.client.post("/v1/feedback", json={"exchange_id": exchange, "comment": "again"})
    (kept,) = gateway.client.get(f"/v1/feedback/{exchange}").json()["data"]
    assert (kept["rating"], kept["comment"]) == (None, "again")


def test_a_vote_can_be_taken_back(gateway: Running):
    """Nothing is left of it in the current view."""
    exchange = answered(gateway)["exchange_id"]
    gateway.client.post("/v1/feedback", json={"exchange_id": exchange, "rating": "up"})
    assert gateway.client.delete(f"/v1/feedback/{exchange}").json()["retracted"] == 1
    assert gateway.client.get(f"/v1/feedback/{exchange}").json()["data"] == []
    assert gateway.client.delete(f"/v1/feedback/{exchange}").json()["retracted"] == 0


def test_the_same_idempotency_key_keeps_one_vote(gateway: Running):
    """A retry is not a second vote; another vote under the same key is a conflict."""
    exchange = answered(gateway)["exchange_id"]
    headers = {"idempotency-key": "once"}
    body = {"exchange_id": exchange, "rating": "up"}
    first, again = (
        gateway.client.post("/v1/feedback", json=body, headers=headers) for _ in range(2)
    )
    assert first.json()["id"] == again.json()["id"]
    other = gateway.client.post("/v1/feedback", json=body | {"rating": "down"}, headers=headers)
    assert other.status_code == 409


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"rating": "sideways"},
        {"rating": 1},
        {"rating": "up", "user_id": "x"},
        {"rating": "up", "reviewed": True},
        {"rating": "up", "created_at": 1},
        {"score": "1"},
        {"comment": "a\0b"},
        {"comment": "x" * 5000},
        {"rating": "up", "choice_index": -1},
        {"rating": "up", "feedback_token": "x"},
    ],
)
def test_a_body_that_says_nothing_or_too_much_is_400(gateway: Running, fields: dict[str, Any]):
    """An unknown key is refused: nobody marks his own vote as reviewed."""
    exchange = answered(gateway)["exchange_id"]
    response = gateway.client.post("/v1/feedback", json={"exchange_id": exchange, **fields})
    assert response.status_code == 400
    assert "error" in response.json()


def test_a_vote_on_what_was_never_sent_is_404(gateway: Running):
    """Neither an unknown exchange nor a choice beyond those sent."""
    exchange = answered(gateway)["exchange_id"]
    for body in ({"exchange_id": "0" * 32}, {"exchange_id": exchange, "choice_index": 7}):
        response = gateway.client.post("/v1/feedback", json=body | {"rating": "up"})
        assert response.status_code == 404


def test_a_browser_votes_with_its_token_alone(tmp_path: Path):
    """No API key, and on that one exchange only."""
    with running(tmp_path, [Line(GOOD)]) as up:
        with KeyStore(up.settings.ledger.url) as keys:
            _, secret = keys.create("shop", ["chat"])
        headers = {"authorization": f"Bearer {secret}"}
        up.client.headers.update(headers)
        first, second = (up.chat().json()["winnow"] for _ in range(2))
        with httpx.Client(base_url=up.url) as browser:
            body = {"feedback_token": first["feedback_token"], "rating": "up"}
            assert browser.post("/v1/feedback", json=body).status_code == 200
            forged = body | {"feedback_token": first["feedback_token"][:-2] + "xx"}
            assert browser.post("/v1/feedback", json=forged).status_code == 401
            own = {"x-winnow-feedback-token": first["feedback_token"]}
            mine = browser.get(f"/v1/feedback/{first['exchange_id']}", headers=own)
            other = browser.get(f"/v1/feedback/{second['exchange_id']}", headers=own)
            without = browser.get(f"/v1/feedback/{first['exchange_id']}")
        assert len(mine.json()["data"]) == 1
        assert other.status_code == 404
        assert without.status_code == 401


def test_a_key_never_reaches_another_keys_exchange(tmp_path: Path):
    """Not to read, not to rate, not to erase: it does not exist for them."""
    with running(tmp_path, [Line(GOOD)]) as up:
        with KeyStore(up.settings.ledger.url) as keys:
            secrets = [keys.create(name, ["chat", "feedback"])[1] for name in ("a", "b")]
        a, b = ({"authorization": f"Bearer {secret}"} for secret in secrets)
        chat = {"model": "support", "messages": [{"role": "user", "content": "hi"}]}
        answer = up.client.post("/v1/chat/completions", json=chat, headers=a).json()
        exchange = answer["winnow"]["exchange_id"]
        body = {"exchange_id": exchange, "rating": "up"}
        assert up.client.post("/v1/feedback", json=body, headers=b).status_code == 404
        assert up.client.get(f"/v1/feedback/{exchange}", headers=b).status_code == 404
        assert up.client.delete(f"/v1/feedback/{exchange}", headers=b).status_code == 404
        assert up.client.post("/v1/feedback", json=body, headers=a).status_code == 200


def test_a_key_for_votes_alone_votes_on_what_it_is_told_of_and_reads_nothing(tmp_path: Path):
    """As a backend that collects thumbs needs; it has no exchange of its own."""
    with running(tmp_path, [Line(GOOD)]) as up:
        with KeyStore(up.settings.ledger.url) as keys:
            shop, votes, reviewer = (
                {"authorization": f"Bearer {keys.create(role, [role])[1]}"}
                for role in ("chat", "feedback", "reviewer")
            )
        chat = {"model": "support", "messages": [{"role": "user", "content": "hi"}]}
        answer = up.client.post("/v1/chat/completions", json=chat, headers=shop).json()
        exchange = answer["winnow"]["exchange_id"]
        place, body = f"/v1/feedback/{exchange}", {"exchange_id": exchange, "rating": "up"}
        assert up.client.post("/v1/feedback", json=body, headers=votes).status_code == 200
        assert up.client.get(place, headers=votes).status_code == 403
        assert len(up.client.get(place, headers=shop).json()["data"]) == 1
        assert up.client.delete(place, headers=votes).json()["retracted"] == 1
        assert up.client.get(place, headers=shop).json()["data"] == []
        assert up.client.post("/v1/feedback", json=body, headers=reviewer).status_code == 403
        unknown = body | {"exchange_id": "0" * 32}
        assert up.client.post("/v1/feedback", json=unknown, headers=votes).status_code == 404


def test_a_deleted_ledger_is_an_outage_until_it_is_there_again(tmp_path: Path):
    """No answer is sent that was not kept, and the process is not ready."""
    with running(tmp_path, [Line(GOOD)], reward=None) as up:
        assert up.chat().status_code == 200
        for path in tmp_path.glob("winnow.db*"):
            if path.suffix != ".secret":
                path.unlink()
        assert [up.chat().status_code for _ in range(2)] == [503, 503]
        assert up.client.get("/readyz").json()["checks"]["ledger"] is False
        assert not (tmp_path / "winnow.db").exists()
        upgrade(up.settings.ledger.url)
        assert up.client.get("/readyz").json()["checks"]["ledger"] is True
        exchange = up.chat().json()["winnow"]["exchange_id"]
        assert up.client.get(f"/v1/feedback/{exchange}").status_code == 200
