# ruff: noqa: RUF001 - disguises are made of ambiguous letters
"""Patterns of policy authors: found in every reading, and refused at start when they can't be."""

import pytest
from pydantic import ValidationError

from policies.blocked_patterns import BlockedPatterns
from tests.policies.disguises import LETTERS, TURNED, WHOLE, WORDS
from tests.policies.judging import found

POLICY = BlockedPatterns((r"\bproject (?:falcon|osprey)\b", r"\bXK-[0-9]{4}\b"))


@pytest.mark.parametrize("written", ["Project Falcon", "ｐroject  osprey", "XK‑1234", "xk-0000"])
async def test_a_pattern_is_found_as_written_and_folded(written: str):
    """Case, width, dashes and white space do not hide it."""
    assert await found(POLICY, f"It is {written}, I think.") == [written]


@pytest.mark.parametrize("name", {**LETTERS, **WORDS, **WHOLE})
async def test_a_pattern_is_found_in_every_disguise(name: str):
    """What `turned` texts say is known only by words that give them away."""
    disguise = {**LETTERS, **WORDS, **WHOLE}[name]
    assert await found(POLICY, f"It is {disguise('project falcon')} they think") != []


@pytest.mark.parametrize("name", TURNED)
async def test_a_turned_text_is_searched_where_its_words_show(name: str):
    """Two common words are enough."""
    assert await found(POLICY, TURNED[name]("what about project falcon then please")) != []


async def test_exact_case_tells_capitals_apart():
    """For codes and names."""
    policy = BlockedPatterns((r"\bACME\b",), exact_case=True)
    assert await found(policy, "ACME, acme, ＡＣＭＥ") == ["ACME", "ＡＣＭＥ"]


@pytest.mark.parametrize("text", ["the projector fell on us", "XK-12345", ""])
async def test_other_texts_pass(text: str):
    """A pattern says where its words end."""
    assert await found(POLICY, text) == []


async def test_a_pattern_that_matches_everywhere_ends():
    """What is left behind some hundred matches is found as one."""
    assert len(await found(BlockedPatterns(("[a-z]",)), "a" * 5000)) == 501


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("(?<=a)b", "no lookahead or lookbehind"),
        ("a(?!b)", "no lookahead or lookbehind"),
        (r"(a)\1", "no back-references"),
        ("[a", "missing ]"),
        ("(a{1000}){1000}", "repetition"),
        ("[0-9]{900}(?:abc){400}", "too large"),
        ("a*", "empty text"),
    ],
)
def test_a_wrong_pattern_is_refused_at_start(expression: str, why: str):
    """The message says which, and what is wrong with it."""
    with pytest.raises(ValidationError, match=why) as caught:
        BlockedPatterns(("fine", expression))
    assert "patterns.1" in str(caught.value)
