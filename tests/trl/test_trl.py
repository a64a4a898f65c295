"""Exports trained on by the real trainers of TRL, in `.venv-trl` (`make test-trl`)."""

import asyncio
import json
import math
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.alignment.export import export
from gateway.alignment.manifest import ExportOptions, Kind
from gateway.engines.catalogue import find
from gateway.engines.weights import cache_folder, pull
from gateway.ledger.schema import upgrade
from gateway.ledger.sql import SqlLedger
from tests.gateway.ledger.exchanges import exchange, vote

pytestmark = [pytest.mark.trl, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
TRL_PYTHON = ROOT / ".venv-trl/bin/python"
COLUMNS = {
    "sft": ["messages"],
    "dpo": ["prompt", "chosen", "rejected"],
    "kto": ["prompt", "completion", "label"],
    "reward": ["prompt", "chosen", "rejected"],
}


def _unseen(*_: object) -> None:
    """Nobody watches the progress."""


@pytest.fixture(scope="module")
def gguf() -> Path:
    """SmolLM2, whose tokenizer all models here have, and whose weights one has."""
    return pull(find("smollm2-135m-instruct"), cache_folder(), _unseen)


@pytest.fixture(scope="module")
def ledger_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A ledger of twelve exchanges with thumbs both ways and corrections."""
    url = f"sqlite:///{tmp_path_factory.mktemp('ledger')}/winnow.db"
    upgrade(url)
    asyncio.run(_fill(url))
    return url


async def _fill(url: str) -> None:
    async with SqlLedger(url) as ledger:
        for number in range(12):
            about = exchange(number, shown=number % 3)
            await ledger.record(about)
            said = {"rating": 1 if number % 2 else -1}
            await ledger.add_feedback(
                vote(about, **(said if number % 4 else {"correction": f"Better {number}."}))
            )


def _train(kind: str, data: Path, gguf: Path, out: Path, size: str) -> Mapping[str, Any]:
    done = subprocess.run(
        [TRL_PYTHON, ROOT / "tests/trl/train.py", kind, data, gguf, out, size],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(out / "hf")},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("kind", "size"),
    [("sft", "tiny"), ("dpo", "tiny"), ("kto", "tiny"), ("reward", "tiny"), ("dpo", "real")],
)
def test_a_trl_trainer_reads_an_export_unchanged(
    kind: Kind, size: str, ledger_url: str, gguf: Path, tmp_path: Path
) -> None:
    """Two real steps on the folder that `export` wrote, every row of it read."""
    data = tmp_path / "data"
    manifest = export(kind, ledger_url, data, _unseen, ExportOptions(test_fraction=0.2))

    trained = _train(kind, data, gguf, tmp_path / "out", size)

    assert trained["rows"] == manifest.rows["train"] > 0
    assert trained["columns"][: len(COLUMNS[kind])] == COLUMNS[kind]
    assert len(trained["losses"]) == 2
    assert all(math.isfinite(loss) and loss > 0 for loss in trained["losses"])
