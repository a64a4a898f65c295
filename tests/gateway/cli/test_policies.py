"""`winnow policy`, as a shell or a script runs it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.cli.policy_tables import printable
from gateway.upstreams.scripted import Line
from tests.server.conftest import GOOD, INVENTED, running

CONFIG = """
models:
  support:
    upstreams: [{base_url: "http://127.0.0.1:9/v1", model: sft}]
policies: {folder: ., sets: [%s]}
"""
WORDS = """
policies:
  - name: words
    use: policies.terms:BlockedTerms
    stages: [output]
    on_fail: block
    options: {terms: [%s]}
    examples:
      - {text: "This is \\e[31m[b]%s[/b]", repeat: 2, expect: %s}
      - {text: "This is fine.", expect: pass}
"""


def run(*arguments: str | Path, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["policy", *map(str, arguments)], env={"COLUMNS": "120"})
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "mine.yaml").write_text(WORDS % ("nonsense", "nonsense", "block"))
    (tmp_path / "other.yaml").write_text(WORDS % ("rubbish", "rubbish", "block"))
    path = tmp_path / "winnow.yaml"
    path.write_text(CONFIG % "mine, other")
    return path


def test_the_examples_are_told_in_a_table_with_a_row_for_each_policy(config: Path):
    """Of all sets, or of one."""
    told = run("test", "-c", config)
    assert "other" in told
    assert "4 examples hold, 0 fail" in told
    own = run("test", "-c", config, "--set", "mine")
    assert "other" not in own
    assert "2 examples hold, 0 fail" in own
    assert "there are mine, other" in run("test", "-c", config, "--set", "yours", code=1)


def test_a_file_is_tested_before_any_config_names_it(tmp_path: Path):
    """And a failing example is told with its text, which a terminal does not obey."""
    file = tmp_path / "new.yaml"
    file.write_text(WORDS % ("nonsense", "nonsense", "pass"))
    told = run("test", file, code=1)
    assert "new: words, example 0: expected pass, got block" in told
    assert r"This is \x1b[31m[b]nonsense[/b] (2 times)" in told
    assert "1 examples hold, 1 fail" in told
    results = json.loads(run("test", file, "--json", code=1))
    assert [r["actual"] for r in results] == ["block", "pass"]
    assert results[0]["policy_set"] == "new"


def test_a_file_that_is_wrong_is_named(tmp_path: Path):
    """Its line and key too."""
    file = tmp_path / "new.yaml"
    file.write_text("policies:\n  - nam: words\n")
    assert "new.yaml:2" in run("test", file, code=1)
    assert "cannot be read" in run("test", tmp_path / "none.yaml", code=1).replace(
        "can't", "cannot"
    )


def test_a_changed_set_is_replayed_over_a_ledger_while_its_gateway_runs(tmp_path: Path):
    """What would be newly blocked, with examples and votes; as JSON without any text."""
    (tmp_path / "more.yaml").write_text(WORDS % ("sorry", "sorry", "block"))
    config = tmp_path / "winnow.yaml"
    config.write_text(CONFIG % "default")
    with running(tmp_path, [Line(GOOD), Line(INVENTED)], reward=None) as up:
        answer = up.chat().json()["winnow"]
        body = {"exchange_id": answer["exchange_id"], "rating": "up"}
        assert up.client.post("/v1/feedback", json=body).status_code == 200
        told = run("replay", tmp_path / "more.yaml", "-c", config, "--since", "1h")
        report = json.loads(run("replay", tmp_path / "more.yaml", "-c", config, "--json"))
    assert "added to the other sets" in told
    assert "words: newly blocked 2 (voted up 1, down 0)" in told
    assert f"{answer['exchange_id']} candidate 0 (voted up 1, down 0): I am sorry" in told
    assert "the answer shown is blocked, and no other one is left" in told
    blocked = {"before": "passed", "after": "blocked", "texts": 2, "votes": {"up": 1, "down": 0}}
    assert blocked in report["outcomes"]
    assert "sorry" not in json.dumps(report)


def test_a_replay_fails_where_it_would_block_too_much(tmp_path: Path):
    """For a pipeline that guards a repository of policies."""
    (tmp_path / "more.yaml").write_text(WORDS % ("sorry", "sorry", "block"))
    config = tmp_path / "winnow.yaml"
    config.write_text(CONFIG % "default")
    with running(tmp_path, [Line(GOOD)], reward=None) as up:
        up.chat(winnow={"n_candidates": 1})
    replay = ("replay", tmp_path / "more.yaml", "-c", config, "--max-newly-blocked")
    run(*replay, "1")
    run(*replay, "0", code=1)


def test_a_replay_says_what_it_cannot_use(config: Path, tmp_path: Path):
    """A span of time, a set that is not there, a ledger that is not there."""
    file = tmp_path / "mine.yaml"
    assert "neither a span" in run("replay", file, "-c", config, "--since", "soon", code=1)
    assert "'yours'" in run("replay", file, "-c", config, "--in-place-of", "yours", code=1)
    assert "winnow db upgrade" in " ".join(run("replay", file, "-c", config, code=1).split())


def test_a_ledger_without_exchanges_says_so(tmp_path: Path):
    """It is no table of nothing."""
    config = tmp_path / "winnow.yaml"
    config.write_text(CONFIG % "default")
    (tmp_path / "mine.yaml").write_text(WORDS % ("sorry", "sorry", "block"))
    CliRunner().invoke(app, ["db", "upgrade", "-c", str(config)])
    assert "no such exchange" in run("replay", tmp_path / "mine.yaml", "-c", config)


def test_the_schema_is_printed():
    """JSON and nothing else."""
    assert json.loads(run("schema"))["title"] == "PolicyFile"


def test_a_terminal_obeys_no_text():
    """Controls, direction marks and lone surrogates are shown as what they are."""
    assert printable("a\x1b[2Jb\u202ec\ud800\n") == r"a\x1b[2Jb\u202ec\ud800\n"
    assert printable("é日") == "é日"
    assert printable("x" * 1000) == "x" * 200 + "…"
