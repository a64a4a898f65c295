"""Plug-ins are built from a config entry, or the entry is explained."""

import pytest

from gateway.errors import ConfigurationError
from gateway.plugins import build_plugin
from reward_filters.soft_best_of_n import SoftBestOfN


def test_a_class_is_built_with_its_options():
    """`use` names it; the rest are its own fields."""
    built = build_plugin("reward_filters.soft_best_of_n:SoftBestOfN", {"exploration": 0.1}, "x")
    assert built == SoftBestOfN(exploration=0.1)


@pytest.mark.parametrize(
    ("use", "options", "told"),
    [
        ("no.such:Thing", {}, "no.such:Thing"),
        ("reward_filters.soft_best_of_n:Nothing", {}, "Nothing"),
        ("reward_filters.soft_best_of_n:SoftBestOfN", {"lambda": 1}, "lambda"),
        ("reward_filters.soft_best_of_n:SoftBestOfN", {"temperature": -1}, "temperature"),
        ("math:pi", {}, "math:pi"),
    ],
)
def test_a_mistake_names_the_place_and_what_is_wrong(use: str, options: dict[str, int], told: str):
    """It fails at start, not at the first request."""
    with pytest.raises(ConfigurationError) as caught:
        build_plugin(use, options, "candidates.selection")
    assert "candidates.selection" in str(caught.value)
    assert told in str(caught.value)
