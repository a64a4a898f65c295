"""Plug-ins are built from a config entry, or the entry is explained."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import ConfigurationError
from gateway.plugins import build_plugin
from gateway.protocols import Policy, RewardModel, Selector, StopRule
from policies.json_schema import JsonSchema
from reward_filters.deadline import Deadline
from reward_filters.pandora import SHIPPED_PRIOR, Pandora
from reward_filters.soft_best_of_n import SoftBestOfN
from reward_filters.transformers_model import TransformersModel

DEADLINE = "reward_filters.deadline:Deadline"
ENSEMBLE = "reward_filters.ensemble:Ensemble"
SOFT = "reward_filters.soft_best_of_n:SoftBestOfN"


def test_a_class_is_built_with_its_options():
    """`use` names it; the rest are its own fields."""
    built = build_plugin(SOFT, {"exploration": 0.1}, "x", Selector)
    assert built == SoftBestOfN(exploration=0.1)


@pytest.mark.parametrize(
    ("use", "options", "told"),
    [
        ("no.such:Thing", {}, "no.such:Thing"),
        ("reward_filters.soft_best_of_n:Nothing", {}, "Nothing"),
        ("reward_filters.soft_best_of_n:SoftBestOfN", {"lambda": 1}, "lambda"),
        ("reward_filters.soft_best_of_n:SoftBestOfN", {"temperature": -1}, "temperature"),
        ("math:pi", {}, "math:pi"),
        ("..terms:X", {}, "..terms:X"),
        ("policies.terms:BlockedTerm", {}, "did you mean 'BlockedTerms'?"),
        ("policies.term:BlockedTerms", {}, "did you mean 'terms'?"),
        ("reward_filters.soft_best_of_n:SoftBestOfN", {"temprature": 1}, "'temperature'?"),
        (
            "policies.size:MaximumSize",
            {"max_characters": 1},
            "a Selector: it has no select()",
        ),
    ],
)
def test_a_mistake_names_the_place_and_what_is_wrong(use: str, options: dict[str, int], told: str):
    """It fails at start, not at the first request."""
    with pytest.raises(ConfigurationError) as caught:
        build_plugin(use, options, "candidates.selection", Selector)
    assert "candidates.selection" in str(caught.value)
    assert told in str(caught.value)


def test_what_is_no_such_plug_in_is_never_called(tmp_path: Path):
    """A config names what is built: to call anything else would be to run commands from a file."""
    trace = tmp_path / "trace"
    with pytest.raises(ConfigurationError, match="no class of a Selector"):
        build_plugin("subprocess:Popen", {"args": ["touch", str(trace)]}, "here", Selector)
    assert not trace.exists()


def test_a_module_that_fails_when_imported_is_named():
    """By the kind of its failure."""
    with pytest.raises(ConfigurationError, match=r"here: .*failing_plugin.* ZeroDivisionError"):
        build_plugin("tests.gateway.failing_plugin:Thing", {}, "here", Selector)


def test_a_nested_entry_that_is_no_plug_in_is_never_called(tmp_path: Path):
    """Refused before it is built, with its place; its holder would be too late."""
    trace = tmp_path / "trace"
    popen = {"use": "subprocess:Popen", "args": ["touch", str(trace)]}
    for options in ({"rule": popen}, {"rule": {"use": DEADLINE, "after_s": 1, "rule": popen}}):
        with pytest.raises(ConfigurationError, match=r"here\.rule.*'subprocess:Popen' is no class"):
            build_plugin(DEADLINE, {"after_s": 1, **options}, "here", StopRule)
    with pytest.raises(ConfigurationError, match=r"here\.members\.0\.model.*is no class of any"):
        build_plugin(ENSEMBLE, {"members": [{"model": popen}]}, "here", RewardModel)
    assert not trace.exists()


def test_an_option_that_is_no_entry_stays_as_it_is():
    """`use` may be a word of the plug-in's own."""
    options = {"schema": {"use": "see: docs", "const": {"use": "https://shop.example"}}}
    policy = build_plugin("policies.json_schema:JsonSchema", options, "here", Policy)
    assert isinstance(policy, JsonSchema)
    assert policy.schema == options["schema"]


def test_options_without_end_are_refused():
    """As a list that holds itself."""
    endless: list[Any] = []
    endless.append(endless)
    cyclic: dict[str, Any] = {"use": DEADLINE, "after_s": 1}
    cyclic["rule"] = cyclic
    for rule in (endless, cyclic):
        with pytest.raises(ConfigurationError, match=r"here\.rule.*nested deeper than"):
            build_plugin(DEADLINE, {"after_s": 1, "rule": rule}, "here", StopRule)


def test_relative_paths_are_taken_from_the_folder(tmp_path: Path):
    """Whatever the type of the field says is a path, nested too; absolute ones stay."""
    prior = json.loads(SHIPPED_PRIOR.read_text()) | {"revision": "mine"}
    (tmp_path / "prior.json").write_text(json.dumps(prior))
    pandora = "reward_filters.pandora:Pandora"
    nested = {"after_s": 1, "rule": {"use": pandora, "prior": "prior.json"}}
    rule = build_plugin(DEADLINE, nested, "here", StopRule, tmp_path)
    assert isinstance(rule, Deadline)
    assert isinstance(rule.rule, Pandora)
    assert rule.rule.fitted_for == "mine"
    absolute = {"prior": str(tmp_path / "prior.json")}
    built = build_plugin(pandora, absolute, "here", StopRule, Path("/nowhere"))
    assert isinstance(built, Pandora)
    with pytest.raises(ConfigurationError, match=r"/nowhere/prior\.json"):
        build_plugin(pandora, {"prior": "prior.json"}, "here", StopRule, Path("/nowhere"))


def test_a_name_that_may_be_a_path_is_one_where_something_lies(tmp_path: Path):
    """A name on the hub stays a name."""
    use = "reward_filters.transformers_model:TransformersModel"
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    local = build_plugin(use, {"path": "model"}, "here", RewardModel, tmp_path)
    hub = build_plugin(use, {"path": "acme/rm", "commit": "c0"}, "here", RewardModel, tmp_path)
    assert isinstance(local, TransformersModel)
    assert isinstance(hub, TransformersModel)
    assert (str(local.path), str(hub.path)) == (str(tmp_path / "model"), "acme/rm")
