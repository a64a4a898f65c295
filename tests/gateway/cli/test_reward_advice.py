"""`winnow reward eval --config`, from a real ledger with simulated exchanges and votes."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.alignment.votes import Vote
from gateway.cli import app
from gateway.ledger.schema import upgrade
from gateway.ledger.sql import SqlLedger
from gateway.types import Exchange
from reward_filters.cross_encoder import CrossEncoder
from tests.gateway.alignment.simulated_votes import falling, rising, votes
from tests.gateway.ledger.exchanges import candidate, exchange, vote

CONFIG = """
models:
  support:
    upstreams: [{base_url: "http://127.0.0.1:9/v1", model: sft}]
candidates: {n: 4, max_n: 8}
"""
SHIPPED = CrossEncoder().revision


def run(*arguments: str | Path, code: int = 0) -> str:
    words = ["reward", "eval", *map(str, arguments)]
    result = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "winnow.yaml"
    path.write_text(CONFIG)
    upgrade(f"sqlite:///{tmp_path}/winnow.db")
    return path


def served(number: int, cast: Vote) -> Exchange:
    """The exchange that the vote was on, as the gateway would have recorded it."""
    drawn = tuple(candidate(i, f"Answer {i}.", r) for i, r in enumerate(cast.rewards))
    about = exchange(number, candidates=drawn, shown=cast.shown)
    choice = about.choices[0]
    assert choice.selection is not None
    selection = replace(
        choice.selection,
        probability=cast.probabilities[cast.shown],
        probabilities=dict(enumerate(cast.probabilities)),
    )
    return replace(
        about,
        choices=(replace(choice, selection=selection),),
        stopped_by="limit",
        reward_revision=SHIPPED,
    )


def record(config: Path, cast: Sequence[Vote], unvoted: int = 0) -> None:
    """All of it into the config's ledger, and exchanges that nobody voted on."""

    async def fill() -> None:
        voted = [served(n, v) for n, v in enumerate(cast)]
        others = [served(len(cast) + n, cast[0]) for n in range(unvoted)]
        async with SqlLedger(f"sqlite:///{config.parent}/winnow.db") as ledger:
            await asyncio.gather(*(ledger.record(e) for e in (*voted, *others)))
            thumbs = (vote(e, rating=1 if v.good else -1) for e, v in zip(voted, cast, strict=True))
            await asyncio.gather(*(ledger.add_feedback(event) for event in thumbs))

    asyncio.run(fill())


def test_a_reward_that_misleads_is_found_in_the_ledger(config: Path):
    """In words, and in JSON for a script."""
    record(config, votes(400, falling), unvoted=100)
    told = run("--config", config)
    assert "400 votes of customers (80.00% of 500 exchanges)" in told
    assert "At n = 4 the reward is over-optimised: serve n = 1" in told
    assert "best of n" in told
    found: dict[str, Any] = json.loads(run("--config", config, "--json"))
    assert found["comparisons"] is None
    customers = found["votes"]["by_voter"]["customer"]
    assert customers["recommendation"] == {"finding": "over-optimised", "n": 1}
    assert customers["estimates"]["halving"]["low"] > 0
    assert found["votes"]["by_voter"]["reviewer"]["refusal"]["missing_votes"] == 200


def test_too_few_votes_are_refused_with_what_is_missing(config: Path):
    """In votes, and in exchanges at the rate of voting so far."""
    record(config, votes(40, rising, exploration=0.5), unvoted=160)
    told = run("-c", config)
    assert "Nothing is recommended: the 40 votes" in told
    assert "more votes; at 20.00% of exchanges voted that is" in " ".join(told.split())


def test_argmax_is_refused_for_what_it_is(config: Path):
    """With the reason, not with a number of votes."""
    cast = [replace(v, probabilities=(1.0, 0.0, 0.0, 0.0), shown=0) for v in votes(5, rising)]
    record(config, cast)
    told = run("-c", config)
    assert "certainty in all 5 voted exchanges" in told
    assert "5 voted exchanges say nothing: the choice was certain" in told
    assert "more votes" not in told


def test_votes_on_what_another_model_chose_are_left_out(config: Path):
    """A model in a folder of its own is another one, even beside the config."""
    record(config, votes(3, rising))
    path = "reward_filters/weights"
    assert "3 votes of customers" in run("-c", config, "--model", path)
    config.write_text(f"{CONFIG}reward: {{max_tokens: 32}}\n")
    assert "another reward model scored it" in run("-c", config)


def test_both_ways_of_measuring_go_together(config: Path, tmp_path: Path):
    """What people compared, and what they thought of the choices."""
    record(config, votes(3, rising))
    data = tmp_path / "pairs.jsonl"
    said = [{"role": "assistant", "content": text} for text in ("Up to five working days.", "Hm.")]
    asked = [{"role": "user", "content": "How long does a refund take?"}]
    line = {"prompt": asked, "chosen": said[:1], "rejected": said[1:], "split": "test"}
    data.write_text(f"{json.dumps(line)}\n")
    told = run(data, "-c", config)
    assert "held out" in told
    assert "3 votes of customers" in told
    assert json.loads(run(data, "-c", config, "--json"))["comparisons"]["slices"]["all"]
    assert "slices" in json.loads(run(data, "--json"))


def test_what_is_wrong_is_named(config: Path):
    """Nothing to measure on, no reward, no ledger, no span of time."""
    assert "name DATA, --config or both" in run(code=1)
    assert "--since" in run("-c", config, "--since", "soon", code=1)
    (config.parent / "winnow.db").unlink()
    assert "winnow.db" in run("-c", config, code=1)
    config.write_text(f"{CONFIG}reward: null\n")
    assert "reward is off" in run("-c", config, code=1)
