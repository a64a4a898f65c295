# ruff: noqa: RUF001 - disguises are made of ambiguous letters
"""Terms: found in every disguise, and not inside other words."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from policies.terms import BlockedTerms
from tests.policies.disguises import LETTERS, TURNED, WHOLE, WORDS
from tests.policies.judging import found

TERMS = BlockedTerms(("ass", "go to hell", "Müll", "über-idiot"))


@pytest.mark.parametrize(
    "written",
    ["ass", "ASS", "aｓs", "a\u200bss", "аss", "go\n to  hell", "mull", "MÜLL", "ÜBER-Idiot"],
)
async def test_a_term_is_found_however_it_is_written(written: str):
    """Case, width, look-alikes, invisible characters and white space do not hide it."""
    assert await found(TERMS, f"Well, {written}!") == [written]


@pytest.mark.parametrize("text", ["a class of its own", "assistant", "bass"])
async def test_a_term_inside_a_word_passes(text: str):
    """Scunthorpe is a town."""
    assert await found(TERMS, text) == []


@pytest.mark.parametrize(
    "written",
    [
        "i d i o t",
        "i.d.i.o.t",
        "idi-ot",
        "1d10t",
        "**id**iot",
        "idi\u3164ot",
        "idi\u2065ot",
        "idi\u115fot",
        "idi\u2800ot",
        "ꓲꓓꓲꓳꓔ",
        "ⲓⅾⲓⲟⲧ",
        "shut-up",
        "**shut** up",
        "you’re stupid",
        "you`re stupid",
    ],
)
async def test_a_term_broken_up_is_found(written: str):
    """By spaces, marks, emphasis, digits for letters, fillers that no font draws."""
    terms = BlockedTerms(("idiot", "shut up", "you're stupid"))
    (quoted,) = await found(terms, f"Well, {written}!")
    assert quoted.strip("*") == written.strip("*")


async def test_a_term_spelled_among_other_letters_is_found():
    """Nothing says where the word begins."""
    assert await found(BlockedTerms(("idiot",)), "you r a n i d i o t") == ["r a n i d i o t"]


@pytest.mark.parametrize("text", ["A55", "a.s.s.", "U.S.S.", "a-s s", "is it shut? Up to you"])
async def test_codes_and_abbreviations_are_no_broken_terms(text: str):
    """Those of fewer than four letters are left alone, and so is the end of a sentence."""
    assert await found(BlockedTerms(("ass", "uss", "shut up")), text) == []


async def test_very_many_broken_words_hide_none():
    """The rest is found unread."""
    quoted = await found(BlockedTerms(("idiot",)), "a-b " * 1500 + "idi-ot")
    assert quoted
    assert all(rest.endswith("idi-ot") for rest in quoted)


async def test_terms_inside_words_are_found_on_request():
    """For languages that join their words."""
    assert await found(BlockedTerms(("ass",), whole_words=False), "class") == ["ass"]


async def test_overlapping_terms_are_all_found():
    """A redaction of one alone would leave the rest of the other."""
    terms = BlockedTerms(("no way", "way out"))
    assert await found(terms, "no way out") == ["no way", "way out"]


@pytest.mark.parametrize("terms", [(), ("",), ("\u200b",)])
def test_a_term_of_nothing_is_refused(terms: tuple[str, ...]):
    """It would be found everywhere, or nowhere."""
    with pytest.raises(ValidationError):
        BlockedTerms(terms)


@pytest.mark.parametrize("disguise", {**LETTERS, **WORDS, **WHOLE, **TURNED}.values())
async def test_a_term_is_found_in_every_disguise(disguise: Callable[[str], str]):
    """Encoded, turned, in characters that nobody sees."""
    assert await found(BlockedTerms(("idiot",)), f"Well, {disguise('idiot')} there.") != []


@given(
    letters=st.sampled_from(sorted(LETTERS)),
    inner=st.sampled_from(sorted({**WORDS, **WHOLE, **TURNED})),
    outer=st.sampled_from(sorted(WHOLE)),
)
async def test_a_term_is_found_under_two_disguises(letters: str, inner: str, outer: str):
    """Whatever is written in one encoding may be disguised itself; so may its letters."""
    written = {**WORDS, **WHOLE, **TURNED}[inner]("you idiot")
    terms = BlockedTerms(("idiot",))
    assert await found(terms, f"Well, {WHOLE[outer](written)} there.") != []
    assert await found(terms, f"Well, {WHOLE[outer](LETTERS[letters]('you idiot'))}.") != []


@pytest.mark.parametrize("text", ["tang", "desserts"])
async def test_a_term_backwards_or_turned_is_left_alone_on_request(text: str):
    """Some make another word: gnat by thirteen letters, stressed read backwards."""
    terms = ("gnat", "stressed")
    assert await found(BlockedTerms(terms, turned=False), f"nice {text} here") == []


@given(before=st.text(), after=st.text())
async def test_a_term_set_apart_by_spaces_is_always_found(before: str, after: str):
    """Whatever stands around it."""
    assert "go to hell" in await found(TERMS, f"{before} . go to hell . {after}")
