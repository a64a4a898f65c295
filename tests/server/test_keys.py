"""API keys over a real socket: demanded as soon as one exists, and worthless once revoked."""

import time
from pathlib import Path

from gateway.operations.keys import KeyStore
from gateway.upstreams.scripted import Line
from tests.server.conftest import GOOD, running


def test_the_demo_closes_with_the_first_key_and_a_revoked_key_opens_nothing(tmp_path: Path):
    """Both take effect on a running gateway, within seconds."""
    with running(tmp_path, [Line(GOOD)]) as up, KeyStore(up.settings.ledger.url) as keys:
        assert up.chat().status_code == 200
        record, secret = keys.create("shop", ["chat"])
        deadline = time.monotonic() + 10
        while up.chat().status_code == 200 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert up.chat().status_code == 401
        up.client.headers["authorization"] = f"Bearer {secret}"
        assert up.chat().status_code == 200
        keys.revoke(record.id)
        while up.chat().status_code == 200 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert up.chat().status_code == 401


def test_only_an_admin_sees_all_candidates(tmp_path: Path):
    """`explain` shows what the policies kept back."""
    with running(tmp_path, [Line(GOOD)]) as up, KeyStore(up.settings.ledger.url) as keys:
        for role, status in (("chat", 403), ("admin", 200)):
            _, secret = keys.create(role, [role])
            up.client.headers["authorization"] = f"Bearer {secret}"
            assert up.chat(winnow={"explain": True}).status_code == status


def test_a_role_that_may_not_chat_does_not(tmp_path: Path):
    """A feedback key is for voting."""
    with running(tmp_path, [Line(GOOD)]) as up, KeyStore(up.settings.ledger.url) as keys:
        _, secret = keys.create("votes", ["feedback"])
        up.client.headers["authorization"] = f"Bearer {secret}"
        assert up.chat().status_code == 403
        assert up.client.get("/v1/models").status_code == 403
