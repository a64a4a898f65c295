"""`winnow reward eval` on the beginnings of answers."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from reward_filters.cross_encoder import SHIPPED_WEIGHTS

PREFERENCES = SHIPPED_WEIGHTS.parent / "data" / "preferences.jsonl"


@pytest.fixture
def few(tmp_path: Path) -> str:
    """Eight conversations of the training part, as if they were held out."""
    lines = [json.loads(line) for line in PREFERENCES.read_text(encoding="utf-8").splitlines()]
    kept = [line | {"split": "test"} for line in lines if line["split"] == "train"][:8]
    file = tmp_path / "few.jsonl"
    file.write_text("\n".join(map(json.dumps, kept)), encoding="utf-8")
    return str(file)


def run(*words: str) -> str:
    result = CliRunner().invoke(app, ["reward", "eval", *words], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_report_says_what_beginnings_foretell(few: str) -> None:
    """One entry a cut, by tokens and by shares of the answer; the longer, the more it tells."""
    found = json.loads(run(few, "--json"))["prefix_correlation"]
    by_tokens = {f["tokens"]: f for f in found if f["tokens"] is not None}
    assert {f["share"] for f in found if f["tokens"] is None} == {0.25, 0.5}
    assert by_tokens[64]["correlation"] > by_tokens[16]["correlation"]
    assert by_tokens[16]["answers"] > by_tokens[64]["answers"]
    assert all(-1 <= f["low"] <= f["correlation"] <= f["high"] <= 1 for f in found)


def test_the_table_names_each_cut(few: str) -> None:
    """For people."""
    told = run(few)
    assert "32 tokens" in told
    assert "50%" in told
