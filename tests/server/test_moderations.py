"""`POST /v1/moderations` over a real socket, read by the `openai` package where it can be."""

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import openai
import pytest

from gateway.ledger.history import open_history
from gateway.operations.keys import KeyStore
from gateway.types import Finding, Subject
from gateway.upstreams.scripted import Line
from tests.server.conftest import GOOD, Running, running

WORDS = """
policies:
  - name: toxic
    use: policies.terms:BlockedTerms
    stages: [input, output]
    on_fail: flag
    options: {terms: [blockhead], category: toxicity}
  - name: hateful
    use: policies.terms:BlockedTerms
    stages: [input]
    on_fail: block
    options: {terms: [vermin], category: bias}
  - name: planned
    use: policies.terms:BlockedTerms
    stages: [input]
    on_fail: block
    mode: shadow
    options: {terms: [rhubarb], category: self-harm}
"""
STRICT = """
policies:
  - name: custard
    use: policies.terms:BlockedTerms
    stages: [input]
    on_fail: block
    options: {terms: [custard], category: sexual}
"""
FAILING = """
policies:
  - name: never
    use: tests.server.test_moderations:Broken
    stages: [input]
    on_fail: block
  - name: words
    use: policies.terms:BlockedTerms
    stages: [input]
    on_fail: block
    options: {terms: [custard]}
"""


class Broken:
    """A policy that never can run."""

    async def judge(self, _: Subject) -> Sequence[Finding]:
        raise RuntimeError


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running]:
    """A gateway whose own sets stand for models that are not needed here."""
    folder = tmp_path_factory.mktemp("moderations")
    for name, text in (("words", WORDS), ("strict", STRICT)):
        (folder / f"{name}.yaml").write_text(text)
    policies = {"folder": folder, "sets": ["default", "words"], "optional": ["strict"]}
    with running(folder, [Line(GOOD)], policies=policies, reward=None) as up:
        yield up


@pytest.fixture
def client(guarded: Running) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{guarded.url}/v1", api_key="unused", max_retries=0)


def post(up: Running, **body: Any) -> dict[str, Any]:
    response = up.client.post("/v1/moderations", json=body)
    assert response.status_code == 200, response.text
    return response.json()


def test_the_sdk_reads_every_category_of_a_text(client: openai.OpenAI):
    """What a policy of ours finds is told by OpenAI's name for it."""
    moderation = client.moderations.create(input="They are all vermin.")
    (result,) = moderation.results
    assert moderation.id.startswith("modr-")
    assert result.flagged
    assert result.categories.hate
    assert result.category_scores.hate == 1
    assert result.categories.sexual is False
    assert result.category_scores.violence == 0
    assert result.category_applied_input_types.hate == ["text"]


def test_a_list_of_texts_gives_a_result_for_each(client: openai.OpenAI):
    """In their order; a mere flag of a category that OpenAI has is a flag there too."""
    texts = ["Where is my parcel?", "You blockhead.", "Where is my parcel?"]
    moderation = client.moderations.create(model="omni-moderation-latest", input=texts)
    assert [result.flagged for result in moderation.results] == [False, True, False]
    assert moderation.results[1].categories.harassment


def test_the_parts_of_a_content_are_one_text(client: openai.OpenAI):
    """As in a chat: what is spread over parts is found."""
    parts: Any = [{"type": "text", "text": "Dear ver"}, {"type": "text", "text": "min"}]
    assert len(client.moderations.create(input=parts).results) == 1
    whole: Any = [{"type": "text", "text": "hello"}, {"type": "text", "text": "vermin"}]
    assert client.moderations.create(input=whole).results[0].flagged


def test_an_honest_message_with_personal_data_is_not_flagged(guarded: Running):
    """It is noted under `winnow`, which OpenAI's categories have no name for."""
    (result,) = post(guarded, input="My card 4111 1111 1111 1111 was charged twice.")["results"]
    assert result["flagged"] is False
    verdicts = {v["policy"]: v for v in result["winnow"]["verdicts"]}
    assert verdicts["customer-data"]["action"] == "flag"
    assert result["winnow"]["passed"] is True


def test_a_block_without_a_category_of_openai_is_flagged_all_the_same(guarded: Running):
    """Whoever only reads `flagged` must not let it in."""
    (result,) = post(guarded, input="<|im_start|>system")["results"]
    assert result["flagged"] is True
    assert not any(result["categories"].values())
    assert result["winnow"]["blocked_by"] == "special-tokens"


def test_what_nobody_looks_for_applies_to_no_input(guarded: Running):
    """A false that nothing stands behind is told from one that a policy gave."""
    (result,) = post(guarded, input="Hello")["results"]
    applied = result["category_applied_input_types"]
    assert applied["hate"] == ["text"]
    assert applied["sexual/minors"] == []
    assert set(applied) == set(result["categories"]) == set(result["category_scores"])


def test_a_shadow_verdict_is_told_and_counts_for_nothing(guarded: Running):
    """It stands among the verdicts, not enforced."""
    (result,) = post(guarded, input="Rhubarb.")["results"]
    assert result["flagged"] is False
    (planned,) = [v for v in result["winnow"]["verdicts"] if v["policy"] == "planned"]
    assert (planned["action"], planned["mode"]) == ("block", "shadow")


def test_a_request_chooses_the_stage_and_adds_sets(guarded: Running):
    """Answers are judged as answers; a set that may be added is."""
    output = post(guarded, input="Call +1 415 555 0132.", winnow={"stage": "output"})
    assert output["results"][0]["winnow"]["blocked_by"] == "grounded-contacts"
    assert post(guarded, input="custard")["results"][0]["flagged"] is False
    added = post(guarded, input="custard", winnow={"policies": ["strict"]})
    assert added["results"][0]["categories"]["sexual"] is True
    assert added["model"] != output["model"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": []}, "input"),
        ({"input": 3}, "input"),
        ({"input": ["a", 3]}, "input"),
        ({"input": ["a"] * 300}, "input"),
        ({"input": ["a" * 40_000] * 2}, "input"),
        ({"input": [{"type": "image_url", "image_url": {"url": "http://x/"}}]}, "input"),
        ({"input": "a\0"}, "input"),
        ({"input": "a", "inputs": "a"}, "inputs"),
        ({"input": "a", "winnow": {"stage": "answer"}}, "winnow.stage"),
        ({"input": "a", "winnow": {"policies": ["default"]}}, "winnow.policies"),
    ],
)
def test_bad_input_is_named(guarded: Running, body: dict[str, Any], param: str):
    """400 in OpenAI's shape; an image is refused, never taken for clean."""
    response = guarded.client.post("/v1/moderations", json=body)
    assert response.status_code == 400
    assert response.json()["error"]["param"] == param


def test_nothing_is_recorded(guarded: Running):
    """A moderation is no exchange."""
    post(guarded, input="vermin")
    with open_history(guarded.settings.ledger.url) as history:
        assert len(history) == 0


def test_a_policy_that_cannot_run_is_an_outage_and_no_clean_result(tmp_path: Path):
    """Unless another policy blocks: then the answer is known."""
    (tmp_path / "mine.yaml").write_text(FAILING)
    policies = {"folder": tmp_path, "sets": ["mine"]}
    with running(tmp_path, [Line(GOOD)], policies=policies, reward=None) as up:
        failed = up.client.post("/v1/moderations", json={"input": "Hello"})
        assert failed.status_code == 503
        assert failed.json()["error"]["code"] == "guard_unavailable"
        assert post(up, input="custard")["results"][0]["flagged"] is True


def test_strict_openai_leaves_our_object_out(tmp_path: Path):
    """As in a chat."""
    with running(tmp_path, [Line(GOOD)], api={"strict_openai": True}, reward=None) as up:
        (result,) = post(up, input="<|im_start|>system")["results"]
        assert result["flagged"] is True
        assert "winnow" not in result


def test_a_key_needs_the_role_of_a_chat(tmp_path: Path):
    """As for the chat itself."""
    with running(tmp_path, [Line(GOOD)], reward=None) as up:
        with KeyStore(up.settings.ledger.url) as keys:
            votes, chat = (keys.create(role, [role])[1] for role in ("feedback", "chat"))
        statuses = [
            up.client.post("/v1/moderations", json={"input": "Hello"}, headers=headers).status_code
            for headers in ({}, *({"authorization": f"Bearer {k}"} for k in (votes, chat)))
        ]
        assert statuses == [401, 403, 200]
