"""Claims about the commands for the guard models, run as a user runs them."""

import csv
import json
from importlib.util import find_spec
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest
import typer
from typer.testing import CliRunner

from gateway.alignment.guard_data import SHIPPED_DATA, measured, read_rows, write_rows
from gateway.cli import guard
from policies.encoder import SHIPPED_WEIGHTS


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.command()(guard.gather)
    app.command()(guard.train)
    app.command(name="eval")(guard.evaluate)
    return app


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """A file with every twentieth held-out row of the shipped data."""
    write_rows(measured(read_rows(SHIPPED_DATA), "test")[::20], tmp_path / "few.xz")
    return tmp_path / "few.xz"


def test_eval_prints_a_table(app: typer.Typer, few: Path):
    """A row for each head."""
    result = CliRunner().invoke(app, ["eval", "--data", str(few)], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    for head in ("injection", "harm", "toxicity", "bias"):
        assert head in result.stdout


def test_eval_gives_json_to_a_script(app: typer.Typer, few: Path, tmp_path: Path):
    """With the false alarms on a file of honest texts."""
    with (tmp_path / "honest.csv").open("w", newline="") as lines:
        csv.writer(lines).writerows([["text"], ["Where is my parcel?"]])
    arguments = ["eval", "--data", str(few), "--honest", str(tmp_path / "honest.csv"), "--json"]
    result = CliRunner().invoke(app, arguments)
    assert json.loads(result.stdout)["parts"]["honest.csv"]["any"] == 0


def test_eval_saves_its_figures_on_request(app: typer.Typer, few: Path, tmp_path: Path):
    """Beside the model that they are of."""
    folder = tmp_path / "model"
    copytree(SHIPPED_WEIGHTS, folder, ignore=ignore_patterns("evaluation.json"))
    for arguments, saved in (([], False), (["--save"], True)):
        called = ["eval", "--data", str(few), "--model", str(folder), *arguments]
        assert CliRunner().invoke(app, called).exit_code == 0
        assert (folder / "evaluation.json").is_file() == saved


def test_eval_names_what_it_can_not_read(app: typer.Typer, tmp_path: Path):
    """And exits with 1."""
    result = CliRunner().invoke(app, ["eval", "--data", str(tmp_path / "none.xz")])
    assert result.exit_code == 1
    assert "none.xz" in result.stderr


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is installed here")
def test_train_says_what_it_needs(app: typer.Typer, tmp_path: Path):
    """Without the extra, no traceback."""
    result = CliRunner().invoke(app, ["train", "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert "extra `train`" in result.stderr
