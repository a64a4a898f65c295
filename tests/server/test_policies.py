"""`/admin/policies` over a real socket: what judges, and changed files put in force."""

from pathlib import Path
from typing import Any

from gateway.operations.keys import KeyStore
from gateway.upstreams.scripted import Line
from tests.server.conftest import GOOD, Running, running

SET = """
policies:
  - name: words
    use: policies.terms:BlockedTerms
    stages: [output]
    on_fail: block
    on_error: allow
    mode: %s
    options: {terms: [nonsense]}
    examples:
      - {text: "This is nonsense.", expect: %s}
"""


def listed(up: Running) -> dict[str, Any]:
    return up.client.get("/admin/policies").json()


def reloaded(up: Running) -> tuple[int, dict[str, Any]]:
    response = up.client.post("/admin/policies/reload", json={})
    return response.status_code, response.json()


def test_the_sets_in_force_are_listed_with_their_digests_and_policies(tmp_path: Path):
    """Always-on ones first; what a policy looks for is not told."""
    (tmp_path / "mine.yaml").write_text(SET % ("shadow", "block"))
    policies = {"folder": tmp_path, "sets": ["default"], "optional": ["mine"]}
    with running(tmp_path, [Line(GOOD)], policies=policies, reward=None) as up:
        default, mine = listed(up)["data"]
        check = up.client.post("/v1/checks", json={"text": "a"}).json()
        assert (default["name"], default["optional"]) == ("default", False)
        assert (mine["name"], mine["optional"]) == ("mine", True)
        assert len(mine["digest"]) == 64
        assert listed(up)["digest"] == check["digest"]
        (words,) = mine["policies"]
        assert words["name"] == "words"
        assert words["stages"] == ["output"]
        assert (words["mode"], words["on_fail"], words["on_error"]) == ("shadow", "block", "allow")
        assert "nonsense" not in up.client.get("/admin/policies").text


def test_a_changed_file_is_in_force_after_a_reload(tmp_path: Path):
    """And nothing has changed at the next one."""
    file = tmp_path / "mine.yaml"
    file.write_text(SET % ("shadow", "block"))
    policies = {"folder": tmp_path, "sets": ["mine"], "reload_s": 0}
    with running(tmp_path, [Line("That is nonsense.")], policies=policies, reward=None) as up:
        before = listed(up)["digest"]
        assert up.chat().json()["choices"][0]["finish_reason"] == "stop"
        file.write_text(SET % ("enforce", "block"))
        status, told = reloaded(up)
        assert (status, told["changed"], told["refused"]) == (200, True, None)
        assert told["digest"] not in (before, None)
        assert up.chat().json()["choices"][0]["finish_reason"] == "content_filter"
        assert reloaded(up)[1]["changed"] is False


def test_a_file_that_is_wrong_is_refused_and_the_old_set_stays(tmp_path: Path):
    """It is said why, then and afterwards: here an example does not hold."""
    file = tmp_path / "mine.yaml"
    file.write_text(SET % ("shadow", "block"))
    policies = {"folder": tmp_path, "sets": ["mine"], "reload_s": 0}
    with running(tmp_path, [Line(GOOD)], policies=policies, reward=None) as up:
        before = listed(up)["digest"]
        file.write_text(SET % ("enforce", "pass"))
        status, told = reloaded(up)
        assert status == 409
        assert told["error"]["code"] == "policies_refused"
        assert "expected 'pass', got 'block'" in told["error"]["message"]
        assert "nonsense" not in told["error"]["message"]
        assert listed(up)["digest"] == before
        assert "expected 'pass'" in listed(up)["refused"]
        file.write_text(SET % ("shadow", "block"))
        assert reloaded(up)[0] == 200
        assert listed(up)["refused"] is None


def test_only_an_admin_sees_and_reloads_the_policies(tmp_path: Path):
    """And no page of another site can make his browser do it."""
    with running(tmp_path, [Line(GOOD)], reward=None) as up:
        with KeyStore(up.settings.ledger.url) as keys:
            chat, admin = (
                {"authorization": f"Bearer {keys.create(role, [role])[1]}"}
                for role in ("chat", "admin")
            )
        for headers, status in (({}, 401), (chat, 403), (admin, 200)):
            seen = up.client.get("/admin/policies", headers=headers)
            changed = up.client.post("/admin/policies/reload", json={}, headers=headers)
            assert (seen.status_code, changed.status_code) == (status, status)
        form = up.client.post("/admin/policies/reload", data={"a": "b"}, headers=admin)
        assert form.status_code == 415
