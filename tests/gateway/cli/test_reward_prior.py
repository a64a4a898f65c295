"""`winnow reward fit-prior`, on a ledger that holds scored exchanges."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import typer
from typer.testing import CliRunner

from gateway.cli.reward_prior import fit_prior
from gateway.ledger.schema import upgrade
from gateway.ledger.sql import SqlLedger
from gateway.types import Exchange
from reward_filters.cross_encoder import CrossEncoder
from reward_filters.pandora import Pandora
from tests.gateway.ledger.exchanges import blocked, candidate, exchange

CONFIG = """
models: {support: {upstreams: [{base_url: "http://127.0.0.1:9/v1", model: sft}]}}
ledger: {url: "%s"}
"""

app = typer.Typer()
app.command()(fit_prior)


def scored(number: int, rng: Random) -> Exchange:
    """Three answers around a mean of 1, one of them blocked."""
    rewards = [rng.gauss(1, 1), rng.gauss(1, 1)]
    answers = tuple(candidate(i, "a", reward) for i, reward in enumerate(rewards))
    one = exchange(number, candidates=(*answers, blocked(2, "b")))
    return replace(one, reward_revision=CrossEncoder().revision)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "winnow.yaml"
    path.write_text(CONFIG % f"sqlite:///{tmp_path}/winnow.db")
    return path


def keep(config: Path, exchanges: Sequence[Exchange]) -> None:
    url = f"sqlite:///{config.parent}/winnow.db"
    upgrade(url)

    async def record() -> None:
        async with SqlLedger(url) as ledger, asyncio.TaskGroup() as group:
            for one in exchanges:
                group.create_task(ledger.record(one))

    asyncio.run(record())


def run(*arguments: str | Path, code: int = 0) -> str:
    result = CliRunner().invoke(app, [*map(str, arguments)], env={"COLUMNS": "120"})
    assert result.exit_code == code, result.output
    return result.output


def test_the_prior_of_the_served_model_is_written_for_the_rule(config: Path, tmp_path: Path):
    """Exchanges that another model scored are not in it."""
    rng, out = Random(0), tmp_path / "prior.json"
    others = [replace(exchange(200 + i), reward_revision="another") for i in range(50)]
    keep(config, [*(scored(i, rng) for i in range(150)), *others])
    told = run("--config", config, "--out", out, "--since", "2026-01-01")
    assert "300 (150)" in told
    assert "66.6%" in told
    served = Pandora(prior=json.loads(out.read_text()))
    assert served.fitted_for == CrossEncoder().revision
    assert served.prior.mean == pytest.approx(1, abs=0.3)
    assert served.prior.within == pytest.approx(1, abs=0.2)
    assert served.prior.source == "the ledger from 2026-01-01 on"
    as_json = json.loads(run("--config", config, "--out", out, "--json"))
    assert as_json["exchanges"] == 150


def test_too_little_is_refused_and_nothing_written(config: Path, tmp_path: Path):
    """With what is missing."""
    rng, out = Random(0), tmp_path / "prior.json"
    keep(config, [scored(i, rng) for i in range(40)])
    told = run("--config", config, "--out", out, code=1)
    assert "60 exchanges are missing" in told
    assert not out.exists()


def test_without_a_reward_model_there_is_nothing_to_fit(config: Path, tmp_path: Path):
    """It says so."""
    config.write_text(config.read_text() + "reward: null\n")
    told = run("--config", config, "--out", tmp_path / "prior.json", code=1)
    assert "nothing is scored" in told
