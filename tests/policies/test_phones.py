"""Telephone numbers: found however they are set apart, and told from dates and references."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.phones import PhoneBook, phones


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("Call 415_555_0132", "4155550132"),
        ("Call 415 | 555 | 0132", "4155550132"),
        ("Call **415**-555-0132", "4155550132"),
        ("Call 415\n555\n0132", "4155550132"),
        ("Call 415·555·0132", "4155550132"),
        ("Call 1 8 0 0 1 2 3 4 5 6 7", "18001234567"),
        ("Appelez le 01 42 68 53 00", "0142685300"),
        ("0151 23 4567", "0151234567"),
        ("0800 11 4567", "0800114567"),
        ("Rufen Sie uns unter 030 12 3456 an", "030123456"),
        ("Call 13 11 14", "131114"),
        ("reach us on 4155550132", "4155550132"),
        ("contact us at 4155550132", "4155550132"),
        ("our number is 4155550132", "4155550132"),
        ("text 4155550132", "4155550132"),
        ("1-800-FLOWERS", "18003569377"),
        ("1-8OO-123-4567", "18001234567"),
        ("on 12.10.2025 0800 123 4567", "08001234567"),
        ("order 10023345 415-555-0132", "4155550132"),
        ("To order: 0800 123 4567", "08001234567"),
        ("for your booking: 0300 123 4567", "03001234567"),
        ("call eight hundred, five five five, zero one three two", "8005550132"),
        ("eight hundred five five five 0132", "8005550132"),
        ("double five triple zero one two three", "55000123"),
        ("one eight hundred twenty-five thirty one two three", "1800253123"),
        ("null acht hundert eins zwei drei vier", "08001234"),
        ("Call 611 for help", "611"),
        ("Text STOP to 12345.", "12345"),
        ("Customer service: 8005550132", "8005550132"),
        ("Contact: 4155550132", "4155550132"),
        ("reach us under 4155550132", "4155550132"),
        ("Ll\u00e1menos al 912 345 678", "912345678"),
        ("Zadzwo\u0144 pod 22 123 45 67", "221234567"),
        (
            "\u041f\u043e\u0437\u0432\u043e\u043d\u0438\u0442\u0435 8 (495) 123-45-67",
            "84951234567",
        ),
        ("Ligue para (11) 91234-5678", "11912345678"),
        ("Phone:\n- 415\n- 555\n- 0132", "4155550132"),
        ("Call 415\\-555\\-0132", "4155550132"),
    ],
)
def test_a_number_is_found_however_it_is_written(text: str, digits: str):
    """Bullets, strokes, emphasis, letters of a keypad; beside dates and other numbers."""
    assert [phone.digits for phone in phones(text)] == [digits]


@pytest.mark.parametrize(
    "text",
    [
        "We'll call you on 12.10.2025 or on 2025-10-12.",
        "Open 01.05.2025 10:00-18:00, 09.30-17.30 else",
        "from 05.10.2025-06.10.2025, 12 10 2025, 6/06/18",
        "Ref 0049 123 4567",
        "your order number is 4155550132",
        "Call us about order 10023345",
        "Please call me about 4155550132",
        "1-800 numbers are free of charge",
        "It costs 1,234,567.89 (version 1.2.3-4)",
        "Call 911 or dial 112.",
        "Call Samaritans on 116 123 or 116123, or 116 111.",
        "your service order: 10023345, contact customer 10023345",
        "Call 30 minutes before, ring 100 times",
        "I have one or two, maybe three ideas for the four of you",
    ],
)
def test_dates_hours_and_references_are_no_numbers_to_call(text: str):
    """They fill every answer, and the word before a reference says what it is."""
    assert list(phones(text)) == []


@pytest.mark.parametrize(
    ("known", "asked"),
    [("442079460958", "02079460958"), ("18005551234", "8005551234"), ("030901820", "4930901820")],
)
def test_one_number_is_known_with_and_without_its_prefixes(known: str, asked: str):
    """Country code, trunk zero, both ways round."""
    assert asked in PhoneBook([known])
    assert known in PhoneBook([asked])


def test_a_reference_grounds_no_longer_number():
    """The same digits in full are known, more of them are another number."""
    book = PhoneBook((), ["5550132", "4155550132"])
    assert "4155550132" in book
    assert "19005550132" not in book
    assert "14155550132" not in book
    assert "911" not in PhoneBook(["44911"])
    assert "" not in PhoneBook(["000000"], ["0"])


def test_of_very_many_runs_the_rest_is_one_number_that_nobody_knows():
    """It may hide one, and reading on would keep others waiting."""
    text = "12a " * 1500 + "415-555-0132"
    (rest,) = phones(text)
    assert (rest.start, rest.end, rest.digits) == (4 * 1000, len(text), "")


@given(st.text(st.sampled_from("0123456789 .-/()_|*·\n+aCall")))
def test_what_is_found_lies_in_the_text(text: str):
    """Also where a number stands among other digits."""
    assert all(0 <= p.start < p.end <= len(text) for p in phones(text))
