"""Dates: of the calendar always, other times where they are promised."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.dates import Calendar, dates


@pytest.mark.parametrize(
    "written",
    [
        "12 March",
        "March 12th",
        "12th of March, 2025",
        "March 12, 2025",
        "12.10.2025",
        "2025-10-12",
        "10/12/2025",
        "6/06/18",
        "12. Oktober 2025",
        "May 5th",
        "14.03.26",
    ],
)
def test_a_calendar_date_is_found_wherever_it_stands(written: str):
    """Nobody but the customer or the operator can know it."""
    text = f"See ({written})"
    assert [text[d.start : d.end] for d in dates(text)] == [written]


@pytest.mark.parametrize(
    ("promise", "time"),
    [
        ("You will receive it by Friday.", "Friday"),
        ("It'll be there tomorrow.", "tomorrow"),
        ("Your refund will arrive within 3-5 business days.", "3-5 business days"),
        ("You'll be refunded in twenty-four hours.", "twenty-four hours"),
        ("We will call you back within an hour.", "an hour"),
        ("Your order should arrive next week.", "next week"),
        ("Expect it by Friday.", "Friday"),
        ("The technician comes at 3 pm.", "3 pm"),
        ("You will get your money within 24 hours.", "24 hours"),
        ("Sie erhalten Ihr Geld innerhalb von 3 Werktagen.", "3 Werktagen"),
    ],
)
def test_a_promised_time_is_found(promise: str, time: str):
    """It is about what will happen, and says when."""
    assert [promise[d.start : d.end] for d in dates(promise)] == [time]


@pytest.mark.parametrize(
    "text",
    [
        "A transfer usually takes 1-2 business days.",
        "It can take up to a few days for a transfer to show.",
        "If it is not there by Monday, we will look into it.",
        "You will need to return it within 30 days.",
        "We are open from Monday to Friday, 24/7 online.",
        "I will be glad to assist you with your refund today.",
        "I'm sorry that it did not arrive today; you will hear from us.",
        "You may want to check again tomorrow.",
        "You may 5 times try; version 2.10.25, 12/10 of them, firmware 10.10.25",
        "We are open until 5 pm, and from 9:00 to 17:00.",
    ],
)
def test_what_is_usual_possible_or_asked_for_is_no_promise(text: str):
    """Good answers speak like that."""
    assert dates(text) == []


@pytest.mark.parametrize(
    ("given", "repeated"),
    [
        ("12.10.2025", "October 12th"),
        ("12 Oct", "12.10.2025"),
        ("10/12/2025", "12 October 2025"),
        ("I need it by friday", "It will arrive on Friday"),
        ("your terms say 24 hours", "We will reply within one day"),
        ("it takes 3 to 5 days", "You will receive it within 3-5 working days"),
        ("the technician comes at 15:00", "The technician comes at 3 pm"),
    ],
)
def test_a_time_that_was_given_is_known_however_it_is_written(given: str, repeated: str):
    """A day without its year too."""
    (date,) = dates(repeated)
    assert date in Calendar([given])


@pytest.mark.parametrize(
    ("given", "other"),
    [
        ("12.10.2025", "October 13th"),
        ("12.10.2025", "12 October 2026"),
        ("by friday", "It will arrive on Monday"),
        ("it takes 5 days", "You will receive it within 3-5 days"),
        ("open Monday to Friday", "It will arrive on Friday"),
        ("open from 9:00 to 17:00", "The technician comes at 5 pm"),
    ],
)
def test_another_time_is_not_known(given: str, other: str):
    """Half of a span is another one."""
    (date,) = dates(other)
    assert date not in Calendar([given])


def test_of_very_many_dates_the_rest_is_one_that_nobody_knows():
    """Reading on would keep others waiting."""
    text = "12 March, " * 600
    rest = dates(text)[-1]
    assert (rest.end, rest.readings) == (len(text), frozenset())
    assert rest not in Calendar([text])


@given(st.text(st.sampled_from("0123 ./-MarchyitwlbedaysnoO")))
def test_what_is_found_lies_in_the_text_and_is_known_there(text: str):
    """Impossible days included."""
    found = dates(text)
    assert all(0 <= d.start < d.end <= len(text) for d in found)
    assert all(d in Calendar([text]) for d in found if d.readings)
