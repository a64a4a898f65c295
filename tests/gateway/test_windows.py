"""Windows: they cover a text, and follow from it alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.windows import sentences


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", [""]),
        ("One", ["One"]),
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ('He said "no." Then left.', ['He said "no."', "Then left."]),
        ("At 3.50 it is 1.299,00 or v2.0 now", ["At 3.50 it is 1.299,00 or v2.0 now"]),
        ("- one\n\n  - two", ["- one", "- two"]),
        ("一。二！三", ["一。", "二！", "三"]),  # noqa: RUF001
    ],
)
def test_a_text_falls_into_its_sentences(text: str, parts: list[str]):
    """At the marks that end one, and at new lines."""
    assert [text[start:end] for start, end in sentences(text)] == parts


@given(st.text(st.sampled_from("ab.!\n \u3002\"'"), max_size=60).map(lambda t: t * 60))
def test_every_letter_stands_in_a_window_and_none_is_too_long(text: str):
    """Whatever the text; windows are in order and not empty."""
    spans = sentences(text)
    covered = {i for start, end in spans for i in range(start, end)}
    assert all(text[i].isspace() for i in range(len(text)) if i not in covered)
    assert all(end - start <= 1000 for start, end in spans)
    assert spans == sorted(spans)
    assert all(start < end for start, end in spans) or text == ""


def test_what_is_short_is_not_lost_where_a_long_sentence_is_cut():
    """The pieces overlap."""
    text = "a" * 995 + "needle" + "b" * 2000
    assert any("needle" in text[start:end] for start, end in sentences(text))
