"""Plug-ins are built from a config entry, or the entry is explained."""

from pathlib import Path

import pytest

from gateway.errors import ConfigurationError
from gateway.plugins import build_plugin
from gateway.protocols import Selector
from reward_filters.soft_best_of_n import SoftBestOfN

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
