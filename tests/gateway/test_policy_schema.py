"""The JSON Schema of policy files: an editor marks what the gateway would refuse."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic_core import to_json

from gateway.policy_schema import policy_file_schema, shipped_kinds

ROOT = Path(__file__).parents[2]
SHIPPED = [ROOT / "policies" / "default.yaml", *sorted((ROOT / "examples/policies").glob("*.yaml"))]
VALIDATOR = Draft202012Validator(policy_file_schema())
ENTRY: dict[str, Any] = {
    "name": "words",
    "use": "policies.terms:BlockedTerms",
    "stages": ["output"],
    "on_fail": "block",
    "options": {"terms": ["a"]},
}


def errors(policy_file: Any) -> list[tuple[str, str]]:
    """Where the schema finds fault, and what it says."""
    found = VALIDATOR.iter_errors(policy_file)  # pyright: ignore[reportUnknownMemberType]
    return [(error.json_path, error.message) for error in found]


def problems(**changed: Any) -> list[tuple[str, str]]:
    """The errors of a set with one policy, which has other keys."""
    return errors({"policies": [deepcopy(ENTRY) | changed]})


def test_it_is_a_valid_schema():
    """Of the draft that it names."""
    Draft202012Validator.check_schema(policy_file_schema())
    assert problems() == []


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_the_shipped_sets_are_valid(path: Path):
    """With every option of every kind that they use."""
    assert errors(yaml.safe_load(path.read_text())) == []


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"options": {"terms": ["a"], "whole_word": True}}, "$.policies[0].options"),
        ({"options": {"terms": "a"}}, "$.policies[0].options.terms"),
        ({"options": {}}, "$.policies[0].options"),
        ({"use": "policies.terms:BlockedTerm"}, "$.policies[0].use"),
        ({"use": "no class"}, "$.policies[0].use"),
        ({"on_fial": "block"}, "$.policies[0]"),
        ({"mode": "shadowed"}, "$.policies[0].mode"),
        ({"examples": [{"text": "a", "expects": "pass"}]}, "$.policies[0].examples[0]"),
    ],
)
def test_a_mistake_is_marked_where_it_stands(changed: dict[str, Any], where: str):
    """A misspelt option too, though options differ from kind to kind."""
    assert where in [path for path, _ in problems(**changed)]


def test_an_option_that_must_be_given_is_asked_for():
    """Also where the policy has no options at all."""
    entry = {key: value for key, value in ENTRY.items() if key != "options"}
    assert errors({"policies": [entry]}) == [("$.policies[0]", "'options' is a required property")]


def test_a_kind_from_elsewhere_may_have_any_options():
    """The gateway checks them."""
    assert problems(use="my_shop.policies:Tone", options={"anything": 1}) == []


def test_every_kind_that_ships_is_offered():
    """As a value of `use`, which an editor completes."""
    kinds = shipped_kinds()
    assert "policies.size:MaximumSize" in kinds
    assert all(f"{kind.__module__}:{kind.__name__}" == use for use, kind in kinds.items())
    offered = policy_file_schema()["$defs"]["EntryFile"]["properties"]["use"]["anyOf"][0]["enum"]
    assert offered == list(kinds)


def test_the_file_beside_the_docs_is_that_of_this_version():
    """`winnow policy schema > docs/policy.schema.json` refreshes it."""
    shipped = (ROOT / "docs" / "policy.schema.json").read_text()
    assert shipped == to_json(policy_file_schema(), indent=2).decode() + "\n"
