"""Normalisation: one reading for all the ways to write a text, and the way back to it."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.normalisation import encodable, normalise

ANY_TEXT = st.text(st.characters())
TRICKY = st.text(st.sampled_from("aA \n\t\u00a0\u200b\u0301\ufb03\ufdfaİßé한\ud800\x00\U000e0041"))
TAGS = "".join(chr(0xE0000 + ord(c)) for c in "kill")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Hello  \n\n You", "hello you"),
        ("ｆｕｌｌ 𝕱𝖔𝖔 ﬃ", "full foo ffi"),  # noqa: RUF001
        ("b\u200ba\u00add\x00!", "bad!"),
        (f"x{TAGS}", "xkill"),
        ("Ηello wоrld", "hello world"),  # noqa: RUF001
        ("İSTANBUL Straße über", "istanbul strasse uber"),
        ("e\u0301 a\ufe0f z\u0335a\u0338", "e a za"),
        ("٣٤ ４", "34 4"),  # noqa: RUF001
        ("ᴋɪʟʟ 🅺🅸🅻🅻 🇰🇮🇱🇱", "kill kill kill"),
        ("한국어", "한국어"),
        ("\ud800a\udfff", "a"),
        ("You’re `so` “here”", "you're 'so' \"here\""),  # noqa: RUF001
        ("1‑800–123—4567−8", "1-800-123-4567-8"),  # noqa: RUF001
        ("evil。com evil․com", "evil.com evil.com"),  # noqa: RUF001
        ("415•555∙0132", "415·555·0132"),
        ("a\u115f\u1160\u3164\uffa0\u2065\u2800\ufff0\U000e0fffb", "ab"),
        ("ꓲꓓꓲꓳꓔ ⲓⅾⲓⲟⲧ", "idiot idiot"),  # noqa: RUF001
        ("\ufdfa", "\ufdfa"),
        ("", ""),
    ],
)
def test_a_text_is_read_as_a_person_reads_it(written: str, read: str):
    """Whatever characters it is written with."""
    assert normalise(written)[0] == read


@given(ANY_TEXT | TRICKY)
def test_offsets_lead_back_into_the_text(text: str):
    """One more than there are characters, never decreasing, in range, the end last."""
    folded, offsets = normalise(text)
    assert len(offsets) == len(folded) + 1
    assert offsets[-1] == len(text)
    assert all(a <= b for a, b in pairwise(offsets))
    assert all(0 <= offset < len(text) for offset in offsets[:-1])


@given(ANY_TEXT | TRICKY)
def test_folding_twice_changes_nothing(text: str):
    """So that terms folded for matching match folded texts."""
    folded, _ = normalise(text)
    assert normalise(folded)[0] == folded


@given(ANY_TEXT | TRICKY, ANY_TEXT | TRICKY)
def test_each_character_leads_to_the_one_that_gave_it(before: str, after: str):
    """A marker set between two texts is found again at its place."""
    folded, offsets = normalise(f"{before} §§ {after}")
    places = [offsets[i] for i in range(len(folded) - 1) if folded[i : i + 2] == "§§"]
    assert len(before) + 1 in places


@given(ANY_TEXT)
def test_nothing_invisible_is_left(text: str):
    """No white space but single spaces, no unprintable ASCII."""
    folded, _ = normalise(text)
    assert "  " not in folded
    assert all(c.isprintable() for c in folded if c.isascii())


@given(ANY_TEXT | st.text(st.sampled_from("\ufdfa\ufdfb\u33af\u3300\U0001f14a")))
def test_folding_makes_no_text_much_longer(text: str):
    """One character stands for four at most, or else for itself."""
    assert len(normalise(text)[0]) <= 4 * len(text)


def test_half_a_surrogate_pair_is_encodable_as_a_question_mark():
    """Positions in the text stay what they are."""
    assert encodable("a\ud800é") == "a?é"
