"""What every policy promises. A new file in policies/ is tested here as soon as it is there.

Its options and examples are those of the shipped sets, so it has to have a place in one of them:
in the default set, or, if it needs something that a user must bring, in the set of examples. What
that one needs runs here: a judge that looks for a word, and the example of a webhook's server.
"""

from collections.abc import AsyncGenerator, Generator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from copy import deepcopy
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from examples.policies.webhook_server import webhook_app
from gateway.guard import example_subject
from gateway.policy_examples import explained, run_examples
from gateway.policy_schema import shipped_kinds
from gateway.policy_sets import PolicyEntry, PolicySet, load_policy_set, opened
from gateway.protocols import Policy
from gateway.types import Conversation, Message, Stage, Subject
from tests.policies.servers import judge_app
from tests.server.conftest import served

ROOT = Path(__file__).parents[2]
SETS = (ROOT / "policies/default.yaml", *sorted((ROOT / "examples/policies").glob("*.yaml")))
# The whole of Unicode, lone surrogates and NUL included.
ANY_TEXT = st.text(st.characters()) | st.text(st.sampled_from("a1@.:/-<|>[ ]+()İ\n\x00\ud800é"))
STAGES: tuple[Stage, ...] = ("input", "output", "tool")
HOSTILE = ["", " ", "\x00", "\ud800", "\udfff\ud800", "İ", "\u200b", "e\u0301", "http://[", "@@@."]
LONG = ["a", "a ", "1", "1-", "1.", "a.", "a@", "@a.", "<|", "[", "sk-a", "http://", "ß", "\ud800"]


def class_of(use: str) -> Any:
    module, _, name = use.partition(":")
    return getattr(import_module(module), name)


def written() -> Mapping[tuple[str, str], type]:
    """Every entry of the shipped sets, by its set and its name, and its class."""
    return {
        (path.stem, entry["name"]): class_of(entry["use"])
        for path in SETS
        for entry in yaml.safe_load(path.read_text())["policies"]
    }


def entries(keys: Iterable[tuple[str, str]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("entry", sorted(keys), ids="-".join, indirect=True)


WRITTEN = written()
WAITING = {key for key, kind in WRITTEN.items() if hasattr(kind, "__aexit__")}


@pytest.fixture(scope="module")
def sets() -> Generator[Mapping[str, PolicySet]]:
    """The shipped sets by their names, and the servers that they ask."""
    with served(judge_app("lawsuit", "legal_advice", [])) as judge, served(webhook_app("x")) as web:
        environment = {
            "JUDGE_URL": f"{judge}/v1",
            "JUDGE_KEY": "key",
            "WEBHOOK_URL": web,
            "WEBHOOK_SECRET": "x",
        }
        yield {path.stem: load_policy_set(path, environment) for path in SETS}


@pytest.fixture
def entry(request: pytest.FixtureRequest, sets: Mapping[str, PolicySet]) -> PolicyEntry:
    """An entry by its set and its name."""
    of_set, name = request.param
    return next(entry for entry in sets[of_set].entries if entry.name == name)


@asynccontextmanager
async def in_service(entry: PolicyEntry) -> AsyncGenerator[Policy]:
    """The entry's policy, entered where it holds something open."""
    if isinstance(entry.policy, AbstractAsyncContextManager):
        async with entry.policy:
            yield entry.policy
    else:
        yield entry.policy


PROMPT = (
    "You are the assistant of a shop for stoves. Never tell the customer about the recall of the "
    "blue stove, and never speak of WINTER77. We are open from 9 to 17; a stove costs $499. "
    "Write to help@shop.example or call +1 202 555 0143."
)


def subject(text: str, stage: Stage = "output", said: str = "call 020 7946 0958") -> Subject:
    """A text where every policy has something to compare it with."""
    turns = (Message("user", said), Message("assistant", "Yes?"), Message("user", "Well?"))
    return example_subject(text, stage, Conversation(turns, PROMPT))


async def keeps_its_promises(policy: Policy, given: Subject) -> None:
    before = deepcopy(given)
    findings = await policy.judge(given)
    assert given == before
    for finding in findings:
        inside = 0 <= finding.start < finding.end <= len(given.text)
        assert inside or (given.text == "" and finding.start == finding.end == 0)
        assert finding.category
        assert finding.score is None or 0 <= finding.score <= 1
        if len(given.text) > 3:
            assert given.text not in finding.detail
    again = await policy.judge(given)
    assert set(again) == set(findings)


@pytest.mark.parametrize("plugin", shipped_kinds())
def test_every_policy_has_its_place_in_a_shipped_set(plugin: str):
    """There its examples are, and there a reader sees what it is for."""
    assert plugin in {f"{kind.__module__}:{kind.__name__}" for kind in WRITTEN.values()}


@entries(WRITTEN)
def test_every_entry_has_examples_of_both_kinds(entry: PolicyEntry):
    """What passes, and what does not."""
    expected = {example.expect for example in entry.examples}
    assert expected == {"pass", entry.on_fail}


async def test_the_examples_of_the_shipped_sets_hold(sets: Mapping[str, PolicySet]):
    """Each judged by its own policy alone."""
    async with opened(sets.values()):
        results = await run_examples(sets.values())
    assert [explained(result) for result in results if not result.passed] == []


@entries(WRITTEN)
async def test_hostile_characters_are_survived(entry: PolicyEntry):
    """Alone, and in the midst of a sentence, at every stage."""
    async with in_service(entry) as policy:
        for text in HOSTILE:
            for stage in STAGES:
                await keeps_its_promises(policy, subject(text, stage))
                await keeps_its_promises(policy, subject(f"Dear {text} you, {text}.", stage))


@entries(WRITTEN.keys() - WAITING)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=ANY_TEXT)
async def test_any_text_is_judged_by_the_contract(entry: PolicyEntry, text: str):
    """Findings lie in the text, the subject is left as it was, the verdict is stable."""
    await keeps_its_promises(entry.policy, subject(text))


@entries(WAITING)
@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(texts=st.lists(ANY_TEXT, min_size=3, max_size=6))
async def test_who_waits_judges_any_text_by_the_contract(entry: PolicyEntry, texts: list[str]):
    """As above; a few texts each, since to enter one may load a model."""
    async with in_service(entry) as policy:
        for text in texts:
            await keeps_its_promises(policy, subject(text))


@entries(WRITTEN)
@pytest.mark.parametrize("unit", LONG, ids=ascii)
async def test_a_long_text_is_no_way_to_stop_a_policy(entry: PolicyEntry, unit: str):
    """Fifty thousand characters of its own alphabet: quadratic work would not end in time."""
    text = (unit * 50_000)[:50_000]
    async with in_service(entry) as policy:
        await policy.judge(subject(text))
        # Others of the alphabet in the conversation, so that one is not merely found in the other.
        await policy.judge(subject(text, said=(f"{unit}b" * 25_000)[:50_000]))
