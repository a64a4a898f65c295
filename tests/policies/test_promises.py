"""Promises: told from reports, questions and refusals by the words of their sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.promises import is_promised, sentence_around


@pytest.mark.parametrize(
    "sentence",
    [
        "You get $5.",
        "You will receive $5 from us.",
        "That's a deal: a stove for $5.",
        "We can offer a discount of $5.",
        "I'll refund you $5.",
        "It will arrive by $5.",
        "Sie erhalten $5.",
    ],
)
def test_what_somebody_will_get_is_promised(sentence: str):
    """Whatever it is."""
    at = sentence.index("$5")
    assert is_promised(f"No way. {sentence} If so?", 8 + at, 10 + at)


@pytest.mark.parametrize(
    "sentence",
    [
        "You were charged $5.",
        "Will you get $5?",
        "You won't get $5.",
        "If it is late, you get $5.",
        "You asked for a refund of $5.",
        "I understand that you would like to get $5.",
        "The fee is $5.",
        "Those $5 were charged by PayPal.",
        "Your $5 will be released by your bank.",
    ],
)
def test_reports_questions_and_conditions_promise_nothing(sentence: str):
    """Nor does what the customer wants."""
    at = sentence.index("$5")
    assert not is_promised(f"You get it. {sentence} You get it.", 12 + at, 14 + at)


@given(st.text(st.sampled_from("ab .?!\n")), st.integers(0, 50), st.integers(1, 9))
def test_a_sentence_holds_what_it_is_around(text: str, start: int, length: int):
    """And nothing that is not in the text."""
    part = text[start : start + length]
    around = sentence_around(text, start, min(len(text), start + length))
    assert part in around
    assert around in text
