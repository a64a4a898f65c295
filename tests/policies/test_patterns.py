"""Patterns: RE2 over any str, and the readings it is tried on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.guard import example_subject
from gateway.types import Conversation
from policies.patterns import (
    Pattern,
    PatternError,
    Reading,
    cased_readings,
    readings,
    texts_read,
)

ANY_TEXT = st.text(st.characters())


@given(text=ANY_TEXT, rest=ANY_TEXT)
def test_spans_are_positions_in_the_str(text: str, rest: str):
    """Also behind characters that take several bytes, or that UTF-8 can't hold."""
    whole = f"{text}#+7#{rest}"
    assert (len(text), len(text) + 4) in list(Pattern(r"#\+7#").spans(whole))


def test_case_counts_only_on_request():
    """Keys of machines differ by case, words do not."""
    assert Pattern("abc").matches("ABC")
    assert not Pattern("abc", exact_case=True).matches("ABC")


def test_a_group_that_took_no_part_has_no_span():
    """It is left out, not given as minus one."""
    assert list(Pattern("a(b)?").spans("a ab", group=1)) == [(3, 4)]


@given(ANY_TEXT)
def test_every_reading_leads_back_into_the_text(text: str):
    """A match in any of them can be marked in the original."""
    for reading in readings(example_subject(text, "input", Conversation(()))):
        for i in range(len(reading.text)):
            start, end = reading.origin(i, i + 1)
            assert 0 <= start < end <= len(text)


def test_plain_ascii_is_read_once():
    """Folding it would show nothing new."""
    assert len(readings(example_subject("Hello,\nyou", "input", Conversation(())))) == 1
    assert len(readings(example_subject("H\x00llo", "input", Conversation(())))) == 2


def test_a_limit_of_matches_says_where_it_stopped():
    """The text's end, if all was searched."""
    assert Pattern("a").first_spans("a.a.a", 2) == ([(0, 1), (2, 3)], 4)
    assert Pattern("a").first_spans("a.a", 2) == ([(0, 1), (2, 3)], 3)


@given(ANY_TEXT)
def test_a_cased_reading_differs_from_the_folded_one_in_case_alone(text: str):
    """Position for position; a text of its own is read in the same way."""
    subject = example_subject(text, "input", Conversation(()))
    for plain, cased in zip(readings(subject), cased_readings(subject), strict=True):
        assert len(plain.text) == len(cased.text)
        assert plain.text.casefold() == cased.text.casefold()
    assert texts_read(text) == tuple(reading.text for reading in cased_readings(subject))


def test_a_cased_reading_keeps_capitals():
    """A sentence without its space is told from a domain by them."""
    subject = example_subject("It\u2019s Done.It", "input", Conversation(()))
    assert [r.text for r in cased_readings(subject)][1] == "It's Done.It"


@pytest.mark.parametrize(
    ("expression", "why"), [("(?!a)", "lookahead"), (r"(a)\1", "back-references"), ("(", "missing")]
)
def test_a_wrong_expression_says_what_is_wrong(expression: str, why: str):
    """In words of its own where RE2 leaves something out on purpose."""
    with pytest.raises(PatternError, match=why):
        Pattern(expression)


def test_a_decoded_reading_leads_back_to_what_was_decoded():
    """Also where its order is another one."""
    assert Reading("ab", [4, 4], [9, 9], "hex").origin(0, 1) == (4, 9)
    assert Reading("ba", [1, 0], [2, 1], "reversed").origin(0, 2) == (0, 2)
