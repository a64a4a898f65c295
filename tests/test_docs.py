"""The examples in the docs work: they are run here against a live gateway."""

import contextlib
import io
import shlex
import subprocess
import sys
from collections.abc import Generator, Iterable
from pathlib import Path

import click
import pytest
import typer.main
from sybil import Document, Example, Region
from sybil.parsers.markdown import CodeBlockParser

from gateway.cli import app
from gateway.config import load_settings
from gateway.policy_sets import load_policy_set
from gateway.upstreams.scripted import Line
from tests.server.conftest import GOOD, Running, running

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
ADDRESS = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running]:
    """What `make run` starts, but for the model, whose answers are scripted."""
    with running(tmp_path_factory.mktemp("demo"), [Line(GOOD)]) as up:
        yield up


def examples(path: Path, *languages: str) -> list[Example]:
    """The fenced blocks of these languages, in their order."""

    def parse(document: Document) -> Iterable[Region]:
        for language in languages:
            yield from CodeBlockParser(language, evaluator=lambda _: None)(document)

    return list(Document.parse(str(path), parse).examples())


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_python_and_bash_examples_run(path: Path, demo: Running, tmp_path: Path):
    """Top to bottom, as a reader would paste them."""
    namespace: dict[str, object] = {}
    here = {
        ADDRESS: demo.url,
        "sqlite:////srv/winnow/winnow.db": demo.settings.ledger.url,
        'Path("data/': f'Path("{tmp_path}/',
    }
    for example in examples(path, "python", "bash"):
        code = str(example.parsed)
        if "from trl" in code:
            continue  # `make test-trl` trains so, in the environment that has TRL
        for shown, real in here.items():
            code = code.replace(shown, real)
        if example.region.start and path.read_text()[example.region.start :].startswith("```bash"):
            done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
            assert '"error"' not in done.stdout
            continue
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(code, str(path), "exec"), namespace)  # noqa: S102


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_configs_and_policy_sets_in_the_docs_are_valid(path: Path, tmp_path: Path):
    """A YAML block is a whole `winnow.yaml` or a whole policy set; others are marked `yml`."""
    for example in examples(path, "yaml"):
        file = tmp_path / "example.yaml"
        file.write_text(str(example.parsed))
        if "models:" in str(example.parsed):
            load_settings(file, {"VLLM_KEY": "x"})
        else:
            load_policy_set(file)


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda p: p.name)
def test_example_configs_are_valid(path: Path):
    """They are what people copy."""
    load_settings(path, {"VLLM_KEY": "x"})


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_in_the_docs_exist_with_their_options(path: Path):
    """Each line that begins with `winnow` is read by the real command line."""
    for example in examples(path, "sh"):
        for line in str(example.parsed).splitlines():
            words = shlex.split(line, comments=True)
            if words and Path(words[0]).name == "winnow":
                _parsed(words[1:])


def _parsed(words: list[str]) -> None:
    command: click.Command = typer.main.get_command(app)
    while isinstance(command, click.Group):
        assert words[0] in command.commands, f"no command {words[0]!r}"
        command, words = command.commands[words[0]], words[1:]
    command.make_context("winnow", words)


def test_the_schema_for_editors_is_that_of_this_version():
    """`winnow schema > docs/winnow.schema.json` refreshes it."""
    printed = subprocess.run(
        [sys.executable, "-m", "gateway", "schema"], capture_output=True, text=True, check=True
    )
    assert printed.stdout == (ROOT / "docs" / "winnow.schema.json").read_text()
