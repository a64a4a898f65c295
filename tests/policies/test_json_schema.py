"""Answers for programs: JSON of one form."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.guard import example_subject
from gateway.types import Conversation
from policies.json_schema import JsonSchema

ORDER = {
    "type": "object",
    "properties": {
        "order": {"type": "string", "pattern": "^[0-9]{8}$"},
        "items": {"type": "array", "items": {"type": "number"}},
    },
    "required": ["order"],
    "additionalProperties": False,
}
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    # A lone surrogate has no place in JSON.
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
)


async def reasons(policy: JsonSchema, text: str) -> list[str]:
    findings = await policy.judge(example_subject(text, "output", Conversation(())))
    assert all((f.start, f.end) == (0, len(text)) for f in findings)
    return [f.detail for f in findings]


async def test_what_fits_passes():
    """In any layout."""
    policy = JsonSchema(schema=ORDER)
    assert await reasons(policy, ' {"order": "10023345",\n "items": [1, 2.5]} ') == []


async def test_a_finding_names_the_place_in_the_schema():
    """And never what the text says: a property's name may be a person's."""
    policy = JsonSchema(schema=ORDER)
    text = '{"order": "x", "items": ["Jane Doe"], "Jane": 1}'
    told = await reasons(policy, text)
    assert set(told) == {
        "fails properties/order/pattern",
        "fails properties/items/items/type",
        "fails additionalProperties",
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no JSON: line 1, column 1"),
        ("Here it is: {}", "no JSON: line 1, column 1"),
        ('{"order": "10023345"} Anything else?', "no JSON: line 1, column 23"),
        ('{"order": "10023345", "order": "99999999"}', "an object has a key twice"),
        ('{"order": "10023345", "items": [NaN]}', "NaN or an infinity"),
        ('{"order": "10023345", "items": [-Infinity]}', "NaN or an infinity"),
        ('{"order": "10023345", "items": [1e999]}', "a number too large"),
        (f'{{"order": {"9" * 5000}}}', "no JSON that could be read"),
        ("[" * 100_000, "no JSON that could be read"),
        ("[" * 40 + "]" * 40, "nested deeper than 32"),
        ('{"\\ud800": 1}', "a key with half a surrogate pair"),
    ],
    ids=range(11),
)
async def test_what_programs_read_differently_is_found(text: str, reason: str):
    """One reason each, and no exception."""
    assert await reasons(JsonSchema(schema=ORDER), text) == [reason]


async def test_a_fence_is_taken_off_where_it_is_allowed():
    """It alone: words before or after it are no JSON."""
    fenced = '```json\n{"order": "10023345"}\n```'
    assert await reasons(JsonSchema(schema=ORDER, fenced=True), f"\n{fenced}\n") == []
    assert await reasons(JsonSchema(schema=ORDER, fenced=True), '{"order": "10023345"}') == []
    assert await reasons(JsonSchema(schema=ORDER), fenced) != []
    assert await reasons(JsonSchema(schema=ORDER, fenced=True), f"Sure!\n{fenced}") != []
    assert await reasons(JsonSchema(schema=ORDER, fenced=True), f"{fenced}\nBye!\n```") != []


async def test_a_schema_may_stand_in_a_file(tmp_path: Path):
    """The policy's digest then says what the file holds."""
    file = tmp_path / "order.json"
    file.write_text(json.dumps(ORDER))
    policy = JsonSchema(file=file)
    assert await reasons(policy, "[]") == ["fails type"]
    assert policy.digest == JsonSchema(schema=ORDER).digest
    file.write_text("{}")
    assert JsonSchema(file=file).digest != policy.digest


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"schema": {}, "file": "x.json"},
        {"file": "/nowhere/x.json"},
        {"schema": {"type": "strin"}},
        {"schema": {"$ref": "http://127.0.0.1:9/x.json"}},
        {"schema": {"$ref": "file:///etc/passwd"}},
        {"schema": {"pattern": "(?=a)b"}},
        {"schema": {"pattern": r"(a)\1"}},
    ],
    ids=str,
)
def test_a_schema_that_can_not_be_used_is_refused_when_made(options: dict[str, Any]):
    """A misspelt one, one that needs another document, one whose patterns are not linear."""
    with pytest.raises(ValidationError):
        JsonSchema(**options)


async def test_a_pattern_that_would_backtrack_is_matched_in_linear_time():
    """This one takes Python's `re` longer than the universe is old."""
    policy = JsonSchema(schema={"type": "string", "pattern": "^(a+)+$"})
    assert await reasons(policy, json.dumps("a" * 50_000 + "!")) == ["fails pattern"]


@given(JSON)
async def test_everything_json_can_say_fits_the_schema_that_asks_nothing(value: Any):
    """Whatever it is, up to the depth that is allowed."""
    policy = JsonSchema(schema=True, max_depth=100)
    assert await reasons(policy, json.dumps(value)) == []
