"""`winnow reward fit-length`, as a shell runs it, on a ledger."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
import typer
from typer.testing import CliRunner

from gateway.cli.reward_fit import fit_length
from gateway.ledger.schema import upgrade
from gateway.ledger.sql import SqlLedger
from gateway.types import Exchange
from reward_filters.heuristics import Heuristics
from reward_filters.length_debiased import LengthDebiased
from tests.gateway.ledger.exchanges import candidate, exchange

CONFIG = """
models:
  support:
    upstreams: [{base_url: "http://127.0.0.1:9/v1", model: sft}]
ledger: {url: "%s"}
reward: %s
"""
RULES = "{use: reward_filters.heuristics:Heuristics%s}"
DEBIASED = "{use: reward_filters.length_debiased:LengthDebiased, model: %s, trend: %s}"

app = typer.Typer()
app.command()(fit_length)


def run(*arguments: str | Path, code: int = 0) -> str:
    result = CliRunner().invoke(app, [*map(str, arguments)], env={"COLUMNS": "120"})
    assert result.exit_code == code, result.output
    return result.output


def scored(number: int) -> Exchange:
    """An exchange of four answers of which the longer one has the higher reward."""
    texts = ["no " * (1 + (number * 7 + 5 * i) % 40) for i in range(4)]
    candidates = tuple(candidate(i, text, len(text) / 10) for i, text in enumerate(texts))
    one = exchange(number, candidates=candidates)
    return replace(one, reward_revision=Heuristics().revision)


@pytest_asyncio.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    address = f"sqlite:///{tmp_path}/winnow.db"
    upgrade(address)
    async with SqlLedger(address) as ledger:
        for number in range(60):
            await ledger.record(scored(number))
    yield address


@pytest.fixture
def config(tmp_path: Path, url: str) -> Path:
    path = tmp_path / "winnow.yaml"
    path.write_text(CONFIG % (url, RULES % ""))
    return path


def test_the_trend_is_written_and_told(config: Path, tmp_path: Path):
    """The file can be served with at once."""
    out = tmp_path / "trend.json"
    told = run("--out", out, "--config", config)
    assert "240 (60)" in told
    assert "standard deviation" in told
    assert LengthDebiased(Heuristics(), out).revision.startswith("length-debiased(heuristics@")


def test_as_json_for_a_script(config: Path, tmp_path: Path):
    """Nothing else is printed."""
    told = json.loads(run("--out", tmp_path / "trend.json", "-c", config, "--json"))
    assert told["spearman_before"] > 0.9 > abs(told["spearman_after"]) + 0.5
    assert told["trend"]["revision"] == Heuristics().revision


def test_the_config_may_name_the_trend_that_is_to_be_made(tmp_path: Path, url: str):
    """What is fitted is the model inside, whether the file is not there yet or of another model."""
    config, out = tmp_path / "winnow.yaml", tmp_path / "trend.json"
    config.write_text(CONFIG % (url, DEBIASED % (RULES % "", out)))
    run("--out", out, "-c", config)
    first = out.read_text()
    out.write_text(first.replace("heuristics@", "older@"))
    run("--out", out, "-c", config)
    assert out.read_text() == first


def test_too_little_data_is_told_with_what_is_missing(tmp_path: Path, config: Path, url: str):
    """Of this reward model's scores, from `--since` on."""
    other = tmp_path / "other.yaml"
    other.write_text(CONFIG % (url, RULES % ", shortest: 7"))
    told = run("--out", tmp_path / "trend.json", "-c", other, code=1)
    assert "has 0 candidates" in " ".join(told.split())
    assert "200 more are needed" in " ".join(told.split())
    late = run("--out", tmp_path / "trend.json", "-c", config, "--since", "2100-01-01", code=1)
    assert "has 0 candidates" in " ".join(late.split())
    assert not (tmp_path / "trend.json").exists()


def test_what_can_not_be_done_is_told(tmp_path: Path, config: Path, url: str):
    """No reward model, no folder to write to."""
    off = tmp_path / "off.yaml"
    off.write_text(CONFIG % (url, "null"))
    assert "nothing is scored" in run("--out", tmp_path / "trend.json", "-c", off, code=1)
    assert "No such file" in run("--out", tmp_path / "none" / "trend.json", "-c", config, code=1)
