"""Variables of the environment in a file's values."""

import pytest

from gateway.environment import substituted
from gateway.errors import ConfigurationError


def test_variables_are_replaced_at_any_depth():
    """In strings; everything else is left as it is."""
    given = {"a": ["x-${ONE}-${TWO}", 3, None], "b": {"c": "$ONE ${}"}}
    expected = {"a": ["x-1-2", 3, None], "b": {"c": "$ONE ${}"}}
    assert substituted(given, {"ONE": "1", "TWO": "2"}, "file") == expected


def test_a_variable_that_is_not_set_is_named_with_its_place():
    """And never what the others hold."""
    with pytest.raises(ConfigurationError, match=r"file: a: .* TWO is not set") as raised:
        substituted({"a": "${ONE}${TWO}"}, {"ONE": "s3cret"}, "file")
    assert "s3cret" not in str(raised.value)
