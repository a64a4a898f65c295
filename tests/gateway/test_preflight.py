"""What a check says of rewards, stop rules and pruning before anything is served."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.config import GatewaySettings
from gateway.preflight import Preflight, on_a_throw_away_ledger, preflight
from gateway.pruning import Pruning
from gateway.types import Conversation
from reward_filters.cross_encoder import CrossEncoder

MODELS = {"support": {"upstreams": [{"base_url": "http://127.0.0.1:9/v1", "model": "sft"}]}}
HERE = "tests.gateway.test_preflight"


async def checked(folder: Path, *, probe: bool = False, **sections: Any) -> Preflight:
    settings = GatewaySettings.model_validate({"models": MODELS, **sections})
    return await preflight(on_a_throw_away_ledger(settings, str(folder)), probe=probe)


@dataclass
class Upside:
    """The shipped model with its sign turned: the mistake that a trial is there to find."""

    inner: CrossEncoder | None = None
    revision: str = "upside-down"

    async def score(self, conversation: Conversation, answers: Sequence[str]) -> Sequence[float]:
        async with CrossEncoder() as right:
            return [-score for score in await right.score(conversation, answers)]


@dataclass
class Away:
    """A reward server that nobody may ask unless told so."""

    remote: bool = True
    revision: str = "away"

    async def score(self, conversation: Conversation, answers: Sequence[str]) -> Sequence[float]:
        raise ConnectionError(conversation, answers)


async def test_the_shipped_parts_leave_nothing_to_remark(tmp_path: Path):
    """A remark that is always there is read by nobody."""
    assert (await checked(tmp_path)).remarks == []


async def test_a_reward_model_that_likes_bad_answers_is_told_of(tmp_path: Path):
    """It would be served otherwise, and choose the worst."""
    found = await checked(tmp_path, reward={"use": f"{HERE}:Upside"})
    assert any("wrongly" in remark for remark in found.remarks)


@pytest.mark.parametrize("probe", [False, True])
async def test_a_reward_server_is_asked_only_when_that_was_asked_for(tmp_path: Path, probe: bool):
    """A check without `--probe` needs no network."""
    reward = {"use": f"{HERE}:Away"}
    models = {"support": {"engine": {"kind": "llamacpp", "weights": "smollm2-135m-instruct"}}}
    found = await checked(tmp_path, probe=probe, reward=reward, models=models)
    assert any("it fails" in remark for remark in found.remarks) == probe


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"use": "reward_filters.threshold:Threshold"}, "waits for a P(ok)"),
        (
            {
                "use": "reward_filters.deadline:Deadline",
                "after_s": 2,
                "rule": {"use": "reward_filters.threshold:Threshold"},
            },
            "waits for a P(ok)",
        ),
        ({"use": "reward_filters.pandora:Pandora"}, "fit-prior fits it anew"),
    ],
)
async def test_a_rule_that_lacks_what_it_decides_by_is_named(
    tmp_path: Path, rule: dict[str, Any], told: str
):
    """It would sample too much, or too little, and nobody would know why."""
    reward = {"use": "reward_filters.heuristics:Heuristics"}
    found = await checked(tmp_path, reward=reward, candidates={"stop_rule": rule})
    assert any(told in remark for remark in found.remarks)


async def test_pruning_that_no_measurement_allows_is_off_and_says_so(tmp_path: Path):
    """Heuristics of a beginning say nothing about the end."""
    reward = {"use": "reward_filters.heuristics:Heuristics"}
    found = await checked(tmp_path, reward=reward, candidates={"prune": {}})
    assert any(r.startswith("candidates.prune is off: nobody measured") for r in found.remarks)
    assert found.pruning is None


async def test_pruning_that_a_measurement_allows_is_on(tmp_path: Path):
    """The shipped model's card says how beginnings of 32 tokens go with whole answers."""
    found = await checked(tmp_path, candidates={"prune": {"at_tokens": 32, "keep": 2}})
    assert found.pruning == Pruning(32, 2)
    assert found.remarks == []


async def test_a_reward_server_that_is_started_later_is_not_missed(tmp_path: Path):
    """`engine` under `reward`: the address is known when it runs."""
    reward = {
        "use": "reward_filters.llm_judge:LlmJudge",
        "engine": {"kind": "llamacpp", "weights": "smollm2-135m-instruct"},
    }
    found = await checked(tmp_path, reward=reward)
    assert found.reward_revision
