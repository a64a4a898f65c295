"""What every policy promises. A new file in policies/ is tested here as soon as it is there.

Its example options are those of the shipped default set, so it has to have a place there.
"""

from copy import deepcopy
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.guard import example_subject
from gateway.policy_examples import run_examples
from gateway.policy_sets import PolicyEntry, load_policy_set
from gateway.protocols import Policy
from gateway.types import Conversation, Message, Stage, Subject

FOLDER = Path(__file__).parents[2] / "policies"
DEFAULT = load_policy_set(FOLDER / "default.yaml")
# The whole of Unicode, lone surrogates and NUL included.
ANY_TEXT = st.text(st.characters()) | st.text(st.sampled_from("a1@.:/-<|>[ ]+()İ\n\x00\ud800é"))
STAGES: tuple[Stage, ...] = ("input", "output", "tool")
HOSTILE = ["", " ", "\x00", "\ud800", "\udfff\ud800", "İ", "\u200b", "e\u0301", "http://[", "@@@."]
LONG = ["a", "a ", "1", "1-", "1.", "a.", "a@", "@a.", "<|", "[", "sk-a", "http://", "ß", "\ud800"]
ENTRIES = pytest.mark.parametrize("entry", DEFAULT.entries, ids=lambda entry: entry.name)


def plugins() -> list[str]:
    """The policy classes in the folder's files."""
    return [
        f"{module.__name__}:{name}"
        for path in sorted(FOLDER.glob("[!_]*.py"))
        for module in [import_module(f"policies.{path.stem}")]
        for name, member in vars(module).items()
        if isinstance(member, type) and member.__module__ == module.__name__
        if issubclass(member, Policy) and not name.startswith("_")
    ]


def subject(text: str, stage: Stage = "output") -> Subject:
    return example_subject(text, stage, Conversation((Message("user", "call 020 7946 0958"),), "x"))


async def keeps_its_promises(policy: Policy, given: Subject) -> None:
    before = deepcopy(given)
    findings = await policy.judge(given)
    assert given == before
    for finding in findings:
        inside = 0 <= finding.start < finding.end <= len(given.text)
        assert inside or (given.text == "" and finding.start == finding.end == 0)
        assert finding.category
        if len(given.text) > 3:
            assert given.text not in finding.detail
    again = await policy.judge(given)
    assert set(again) == set(findings)


@pytest.mark.parametrize("plugin", plugins())
def test_every_policy_has_its_place_in_the_default_set(plugin: str):
    """There its examples are, and there a reader sees what it is for."""
    used = {f"{type(p).__module__}:{type(p).__name__}" for p in DEFAULT.policies}
    assert plugin in used


@ENTRIES
def test_every_entry_has_examples_of_both_kinds(entry: PolicyEntry):
    """What passes, and what does not."""
    expected = {example.expect for example in entry.examples}
    assert expected == {"pass", entry.on_fail}


async def test_the_examples_of_the_default_set_hold():
    """Each judged by its own policy alone."""
    assert [result for result in await run_examples(DEFAULT) if not result.passed] == []


@ENTRIES
@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
async def test_hostile_characters_are_survived(entry: PolicyEntry, text: str):
    """Alone, and in the midst of a sentence, at every stage."""
    for stage in STAGES:
        await keeps_its_promises(entry.policy, subject(text, stage))
        await keeps_its_promises(entry.policy, subject(f"Dear {text} you, {text}.", stage))


@ENTRIES
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=ANY_TEXT)
async def test_any_text_is_judged_by_the_contract(entry: PolicyEntry, text: str):
    """Findings lie in the text, the subject is left as it was, the verdict is stable."""
    await keeps_its_promises(entry.policy, subject(text))


@ENTRIES
@pytest.mark.parametrize("unit", LONG, ids=ascii)
async def test_a_long_text_is_no_way_to_stop_a_policy(entry: PolicyEntry, unit: str):
    """Fifty thousand characters of its own alphabet: quadratic work would not end in time."""
    text = (unit * 50_000)[:50_000]
    await entry.policy.judge(replace(subject(text), conversation=Conversation(())))
