"""The shape of the house: files small, tests mirrored, plug-ins documented, releases pinned."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("gateway", "policies", "reward_filters")
SOURCES = [
    path.relative_to(ROOT)
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
    if path.name != "__init__.py" and "migrations" not in path.parts
]

# Where a file's claims are tested, if not in the test that mirrors it: by something more real.
TESTED_ELSEWHERE = {
    "gateway/alignment/reward_augmentation.py": "tests/train/test_reward_augmentation.py",
    "gateway/__main__.py": "tests/test_docs.py",
    "gateway/alignment/card.py": "tests/gateway/alignment/test_export.py",
    "gateway/alignment/dataset.py": "tests/gateway/alignment/test_export.py",
    "gateway/alignment/manifest.py": "tests/gateway/alignment/test_export.py",
    "gateway/alignment/guard_network.py": "tests/train/test_guard_training.py",
    "gateway/alignment/guard_training.py": "tests/train/test_guard_training.py",
    "gateway/alignment/replay_report.py": "tests/gateway/alignment/test_policy_replay.py",
    "gateway/alignment/reward_network.py": "tests/train/test_reward_training.py",
    "gateway/alignment/reward_objective.py": "tests/train/test_reward_training.py",
    "gateway/alignment/reward_training.py": "tests/train/test_reward_training.py",
    "gateway/alignment/rows.py": "tests/gateway/alignment/test_export.py",
    "gateway/app.py": "tests/server/test_chat.py",
    "gateway/cli/alignment.py": "tests/gateway/test_cli.py",
    "gateway/cli/keys.py": "tests/gateway/test_cli.py",
    "gateway/cli/ledger.py": "tests/gateway/test_cli.py",
    "gateway/cli/models.py": "tests/gateway/test_cli.py",
    "gateway/cli/output.py": "tests/gateway/test_cli.py",
    "gateway/cli/policy_tables.py": "tests/gateway/cli/test_policies.py",
    "gateway/cli/reward.py": "tests/gateway/test_cli.py",
    "gateway/cli/serving.py": "tests/server/test_serve.py",
    "gateway/conclusion.py": "tests/gateway/test_pipeline.py",
    "gateway/errors.py": "tests/server/test_chat.py",
    "gateway/judgement.py": "tests/gateway/test_guard.py",
    "gateway/ledger/tables.py": "tests/gateway/ledger/test_schema.py",
    "gateway/openai/errors.py": "tests/server/test_chat.py",
    "gateway/openai/fields.py": "tests/gateway/openai/test_requests.py",
    "gateway/openai/responses.py": "tests/server/test_chat.py",
    "gateway/operations/request_ids.py": "tests/server/test_chat.py",
    "gateway/policy_files.py": "tests/gateway/test_policy_sets.py",
    "gateway/policy_store.py": "tests/gateway/test_guards.py",
    "gateway/protocols.py": "tests/policies/test_contract.py",
    "gateway/routes/chat.py": "tests/server/test_chat.py",
    "gateway/routes/checks.py": "tests/server/test_checks.py",
    "gateway/routes/context.py": "tests/server/test_chat.py",
    "gateway/routes/feedback.py": "tests/server/test_feedback.py",
    "gateway/routes/health.py": "tests/server/test_chat.py",
    "gateway/routes/judging.py": "tests/server/test_checks.py",
    "gateway/routes/metrics.py": "tests/server/test_metrics.py",
    "gateway/routes/models.py": "tests/server/test_chat.py",
    "gateway/routes/moderations.py": "tests/server/test_moderations.py",
    "gateway/routes/policies.py": "tests/server/test_policies.py",
    "gateway/routes/welcome.py": "tests/server/test_chat.py",
    "gateway/scoring.py": "tests/gateway/test_pipeline.py",
    "gateway/serving.py": "tests/server/test_serve.py",
    "gateway/upstreams/dialects.py": "tests/gateway/upstreams/test_openai_compatible.py",
    "gateway/upstreams/scripted.py": "tests/gateway/test_sampling.py",
    "gateway/upstreams/scripted_server.py": "tests/server/test_chat.py",
    "gateway/wiring.py": "tests/server/test_chat.py",
    "policies/network.py": "tests/policies/test_encoder.py",
    "policies/injection_rules.py": "tests/policies/test_injection.py",
    "reward_filters/best_of_n.py": "tests/reward_filters/test_selectors.py",
    "reward_filters/soft_best_of_n.py": "tests/reward_filters/test_selectors.py",
    "reward_filters/fixed_n.py": "tests/reward_filters/test_stop_rules.py",
}


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_every_file_has_its_test(source: Path):
    """In the file that mirrors it, or in one that is named above."""
    if (other := TESTED_ELSEWHERE.get(source.as_posix())) is not None:
        tested = Path(other)
    else:
        tested = Path("tests", *source.parts[:-1], f"test_{source.name}")
    assert (ROOT / tested).is_file(), f"{source} is tested nowhere: {tested} is missing"


def test_the_list_of_exceptions_names_only_what_exists():
    """A file that went away takes its line along."""
    assert set(TESTED_ELSEWHERE) <= {source.as_posix() for source in SOURCES}


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_no_file_outgrows_its_subject(source: Path):
    """Past 400 lines it hides something that wants a name of its own."""
    assert len((ROOT / source).read_text().splitlines()) <= 400


@pytest.mark.parametrize("name", ["utils", "helpers", "common", "misc"])
def test_no_module_is_named_for_nothing(name: str):
    """A noun per module."""
    assert not any(source.stem == name for source in SOURCES)


@pytest.mark.parametrize("lock", ["run", "dev"])
def test_the_lock_is_hashed_and_free_of_the_known_trojans(lock: str):
    """Litellm 1.82.7 and 1.82.8 and guardrails-ai 0.10.1 carried malware."""
    text = (ROOT / "locks" / f"{lock}.txt").read_text()
    pins = {line.split(" ")[0] for line in text.splitlines() if "==" in line}
    assert not pins & {"litellm==1.82.7", "litellm==1.82.8", "guardrails-ai==0.10.1"}
    assert len(pins) <= text.count("--hash=sha256:")
    assert not any(heavy in pin for pin in pins for heavy in ("torch==", "vllm==", "trl=="))
    assert "://" not in text
