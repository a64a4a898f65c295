"""The commands, as a shell or a script runs them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway import __version__
from gateway.cli import app

CONFIG = """
models:
  support:
    upstreams: [{base_url: "http://127.0.0.1:9/v1", model: sft}]
"""
POLICY = """
policies:
  - name: words
    use: policies.terms:BlockedTerms
    stages: [output]
    on_fail: block
    options: {terms: [nonsense]}
    examples:
      - {text: "This is nonsense.", expect: %s}
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "winnow.yaml"
    path.write_text(CONFIG)
    return str(path)


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, [*arguments])
    assert result.exit_code == code, result.output
    return result.output


def test_version_and_help_are_told():
    """Every command is in the help."""
    assert __version__ in run("--version")
    told = run("--help")
    commands = ("serve", "check", "export", "models", "keys", "db", "policy", "reward", "schema")
    assert all(command in told for command in commands)


def test_check_says_what_holds(config: str):
    """Config, examples, reward model."""
    told = run("check", "-c", config)
    assert "is valid" in told
    assert "examples of the policies hold" in told


def test_check_touches_no_ledger(config: str, tmp_path: Path):
    """It may run beside a gateway of another version."""
    run("check", "-c", config)
    assert [path.name for path in tmp_path.iterdir()] == ["winnow.yaml"]
    assert "winnow db upgrade" in " ".join(run("keys", "list", "-c", config, code=1).split())


@pytest.mark.parametrize(
    "section",
    [
        "policies: {sets: []}",
        "candidates: {selection: {use: 'reward_filters.fixed_n:FixedN'}}",
        "candidates: {stop_rule: {use: 'policies.size:MaximumSize'}}",
        "reward: {use: 'reward_filters.fixed_n:FixedN'}",
    ],
)
def test_check_refuses_what_would_fail_at_the_first_request(tmp_path: Path, section: str):
    """A plug-in must be what its place is for."""
    path = tmp_path / "winnow.yaml"
    path.write_text(f"{CONFIG}{section}\n")
    assert "error" in run("check", "-c", str(path), code=1)


def test_check_probes_the_servers_when_asked(config: str):
    """Nobody listens on port 9, so it fails."""
    assert "model support" in run("check", "-c", config, "--probe", code=1)


def test_check_says_what_no_exploration_costs(tmp_path: Path):
    """It is allowed, and it has a price."""
    path = tmp_path / "winnow.yaml"
    selection = "{use: 'reward_filters.soft_best_of_n:SoftBestOfN', exploration: 0}"
    path.write_text(f"{CONFIG}candidates: {{selection: {selection}}}\nreward: null\n")
    told = run("check", "-c", str(path))
    assert "explores nothing" in told
    assert "reward is off" in told


def test_check_names_policies_that_only_watch_or_were_never_tried(tmp_path: Path):
    """Nobody finds out otherwise that they hold nothing back."""
    policy = (POLICY % "block").split("    examples")[0]
    (tmp_path / "mine.yaml").write_text(f"{policy}    mode: shadow\n")
    path = tmp_path / "winnow.yaml"
    path.write_text(CONFIG + "policies: {folder: ., sets: [mine]}\n")
    told = run("check", "-c", str(path))
    assert "in shadow mode, recorded and without effect: mine/words" in told
    assert "without an example that would show a mistake: mine/words" in told


def test_check_names_what_a_set_in_place_of_the_shipped_one_leaves_out(tmp_path: Path):
    """A copy of an older version has none of the policies that came since."""
    (tmp_path / "default.yaml").write_text((POLICY % "block").replace("output", "tool"))
    path = tmp_path / "winnow.yaml"
    path.write_text(CONFIG + "policies: {folder: .}\n")
    told = run("check", "-c", str(path))
    assert "not in your set" in told
    assert "default/injection-rules, " in told
    assert "no chat is judged by it: default/words" in told


@pytest.mark.parametrize(("expect", "code"), [("block", 0), ("pass", 1)])
def test_policy_test_runs_the_examples_of_ones_own_set(tmp_path: Path, expect: str, code: int):
    """And fails when one of them fails."""
    (tmp_path / "mine.yaml").write_text(POLICY % expect)
    path = tmp_path / "winnow.yaml"
    path.write_text(CONFIG + "policies: {folder: ., sets: [mine]}\n")
    told = run("policy", "test", "-c", str(path), code=code)
    assert ("0 fail" in told) == (code == 0)
    results = json.loads(run("policy", "test", "-c", str(path), "--json", code=code))
    assert results[0]["policy"] == "words"


def test_a_policy_set_that_is_not_there_is_named(tmp_path: Path):
    """With the places that were looked at."""
    path = tmp_path / "winnow.yaml"
    path.write_text(CONFIG + "policies: {folder: ., sets: [mine]}\n")
    assert "'mine'" in run("check", "-c", str(path), code=1)


def test_keys_are_made_listed_and_revoked(config: str):
    """The secret is shown once and never listed."""
    made = json.loads(run("keys", "create", "shop", "--role", "chat", "-c", config, "--json"))
    assert made["key"].startswith("wn-")
    listed = run("keys", "list", "-c", config, "--json")
    assert made["key"] not in listed
    assert json.loads(listed)[0]["roles"] == ["chat"]
    run("keys", "revoke", made["id"], "-c", config)
    assert json.loads(run("keys", "list", "-c", config, "--json"))[0]["revoked_at"]
    assert "there is no key" in run("keys", "revoke", "key-none", "-c", config, code=1)


def test_a_role_that_does_not_exist_is_named(config: str):
    """With those that do."""
    told = run("keys", "create", "shop", "--role", "owner", "-c", config, code=1)
    assert "'owner'" in told
    assert "reviewer" in told


def test_an_export_of_nothing_says_so(config: str, tmp_path: Path):
    """It is no error, and it is no silence."""
    run("db", "upgrade", "-c", config)
    told = run("export", "dpo", "--out", str(tmp_path / "out"), "-c", config)
    assert "no exchange in the ledger has feedback yet" in " ".join(told.split())


def test_a_reward_model_is_measured(tmp_path: Path):
    """On the held-out lines of a file, with the shipped model."""
    held_out = [
        line
        for line in Path("reward_filters/data/preferences.jsonl").read_text().splitlines()
        if json.loads(line)["split"] == "test"
    ]
    data = tmp_path / "few.jsonl"
    data.write_text("\n".join(held_out[:4]))
    report = json.loads(run("reward", "eval", str(data), "--json"))
    assert report["slices"]["all"]["conversations"] == 4
    assert "held out" in run("reward", "eval", str(data))


def test_training_without_its_extra_names_it(tmp_path: Path):
    """The default install stays small."""
    told = run("reward", "train", "x.jsonl", "--out", str(tmp_path / "out"), code=1)
    assert "extra `train`" in " ".join(told.split())


def test_the_catalogue_is_listed():
    """With the names that a config can use."""
    told = run("models", "list")
    assert "smollm2-135m-instruct" in told
    assert "Apache-2.0" in told


def test_weights_that_nobody_knows_are_named():
    """With the nearest that are known."""
    assert "smollm2-135m-instruct" in run("models", "pull", "smollm2-135m", code=1)
