"""YAML as people write it: what it says, where it says so, and what is refused."""

from pathlib import Path

import pytest

from gateway.errors import ConfigurationError
from gateway.yaml_files import parse_yaml

FILE = Path("shop.yaml")


def test_content_and_lines_come_from_one_reading():
    """A place that the file does not have gets the line of what is above it."""
    file = parse_yaml("a: 1\nb:\n  - x\n  - c: [1, 2]\n", FILE)
    assert file.content == {"a": 1, "b": ["x", {"c": [1, 2]}]}
    places = [("a",), ("b", 1, "c"), ("b", 7), ("b", 1, "z"), ("zz",), ()]
    assert [file.line(place) for place in places] == [1, 4, 2, 4, 1, 1]
    assert parse_yaml("", FILE).content is None


BOMB = "\n".join(
    ["a0: &a0 [x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: [", r"shop.yaml:\d: not valid YAML"),
        ("a: !!python/object/apply:os.system [ls]", r"shop.yaml:1: not valid YAML"),
        ("a:\n\tb: 1", r"shop.yaml:2: not valid YAML"),
        ("a: " + "[" * 20_000, r"shop.yaml.*: not valid YAML"),
        ("a: \0", r"shop.yaml.*: not valid YAML"),
        ("mode: shadow\non_fail: block\nmode: off", r"shop.yaml:3: the key 'mode' is given twice"),
        ("a: {b: 1, c: {d: 1, d: 2}}", r"shop.yaml:1: the key 'd' is given twice"),
        ("a: &a\n  b: *a", r"shop.yaml:1: refers to itself"),
        (BOMB, r"shop.yaml: its aliases make it larger than 500000 values"),
    ],
)
def test_what_can_not_be_meant_is_refused_with_its_line(text: str, complaint: str):
    """Of a key that is given twice YAML would let the last one win, and nobody would be told."""
    with pytest.raises(ConfigurationError, match=complaint):
        parse_yaml(text, FILE)


def test_an_alias_that_is_used_again_is_no_fault():
    """Nor is one anchor under several keys."""
    file = parse_yaml("a: &a [1]\nb: *a\nc: {<<: {d: *a}}", FILE)
    assert file.content == {"a": [1], "b": [1], "c": {"d": [1]}}
