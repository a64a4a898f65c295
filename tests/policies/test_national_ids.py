"""Identity numbers: found by form or by the word before them, and told from orders."""

import pytest

from policies.national_ids import documents, national_ids


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("536-22-1234", "US social security number"),
        ("12345678Z", "Spanish DNI"),
        ("X2482300W", "Spanish NIE"),
        ("RSSMRA85T10A562S", "Italian codice fiscale"),
        ("2 95 10 99 126 111 93", "French NIR"),
        ("36 574 261 809", "German tax id"),
        ("390.533.447-05", "Brazilian CPF"),
        ("2341 2341 2346", "Indian Aadhaar"),
        ("131052-308T", "Finnish personal number"),
        ("756.9217.0769.85", "Swiss AHV number"),
    ],
)
def test_a_number_of_a_telling_form_is_found_anywhere(number: str, name: str):
    """Where its check digits are right."""
    text = f"Mine is {number}, thanks"
    found, unread = national_ids(text, 128)
    assert [(text[i.start : i.end], i.name) for i in found] == [(number, name)]
    assert unread == len(text)


@pytest.mark.parametrize(
    ("cue", "number"),
    [
        ("My SSN is", "536 22 1234"),
        ("NINO:", "AB 12 34 56 C"),
        ("NHS number", "943 476 5919"),
        ("BSN", "111222333"),
        ("PESEL:", "44051401359"),
        ("CPF", "39053344705"),
        ("my PAN is", "ACUPA7085R"),
        ("personnummer", "880320-0016"),
        ("CPR", "211062-5629"),
        ("fødselsnummer", "15108695088"),
        ("Steuer-ID", "36574261809"),
        ("social insurance number", "123 456 782"),
    ],
)
def test_a_number_like_others_is_found_behind_its_word_only(cue: str, number: str):
    """One in ten orders has such check digits."""
    text = f"{cue} {number} thanks"
    found, _ = national_ids(text, 128)
    assert [text[i.start : i.end] for i in found] == [number]
    assert national_ids(f"My order is {number} thanks", 128)[0] == []


@pytest.mark.parametrize(
    "text",
    ["SSN 000-12-3456", "BSN 111222334", "NINO: QQ 12 34 56 C", "PESEL: 44051401358", "12345678A"],
)
def test_a_number_that_fails_its_check_is_none(text: str):
    """Whatever stands before it."""
    assert national_ids(text, 128)[0] == []


@pytest.mark.parametrize(
    ("text", "number"),
    [("passport no. C01X00T47", "C01X00T47"), ("driver's license: D1234567", "D1234567")],
)
def test_papers_are_found_behind_their_word(text: str, number: str):
    """They have no check digits."""
    assert [text[i.start : i.end] for i in documents(text, 128)[0]] == [number]
    assert documents(f"order {number}", 128)[0] == []


def test_where_very_many_begin_to_be_unread_is_said():
    """Reading on would keep others waiting."""
    _, unread = national_ids("536-22-1234 " * 9, 5)
    assert unread == 5 * len("536-22-1234 ")
