"""`GET /metrics` over a real socket."""

from pathlib import Path

from gateway.operations.keys import KeyStore
from gateway.upstreams.scripted import Line
from tests.server.conftest import GOOD, running


def test_the_numbers_of_what_was_served_are_there_for_an_admin(tmp_path: Path):
    """Counts and names, of all tenants: for no other role."""
    with (
        running(tmp_path, [Line(GOOD)], reward=None) as up,
        KeyStore(up.settings.ledger.url) as keys,
    ):
        as_role = {
            role: {"authorization": f"Bearer {keys.create(role, [role])[1]}"}
            for role in ("chat", "admin")
        }
        up.client.headers.update(as_role["chat"])
        assert up.chat().status_code == 200
        assert up.client.get("/metrics").status_code == 403
        numbers = up.client.get("/metrics", headers=as_role["admin"])
        assert numbers.headers["content-type"].startswith("text/plain")
        assert 'winnow_exchanges_total{model="support",outcome="answered"} 1.0' in numbers.text
        assert "Where is my order" not in numbers.text
