"""Rules of thumb: each thing that is wrong with an answer costs what its weight says."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.types import Conversation, Message
from reward_filters.heuristics import Heuristics

QUESTION = Conversation((Message("user", "Where is my parcel?"),))
GOOD = "I'm sorry that it is late. Please send us your order number, and we will look for it."
NAMES = ("length", "repetition", "refusal", "question", "unfinished")


def only(**options: Any) -> Heuristics:
    """With these weights alone."""
    given: dict[str, Any] = dict.fromkeys(NAMES, 0) | options
    return Heuristics(**given)


async def penalties(
    name: str, answers: Sequence[str], asked: Conversation = QUESTION, **options: int
) -> list[float]:
    """What one of the five takes off at a weight of one."""
    return [-score for score in await only(**{name: 1}, **options).score(asked, answers)]


async def test_a_good_answer_loses_nothing():
    """It is as good as an answer's form can be."""
    assert await Heuristics(question=1).score(QUESTION, [GOOD]) == [0.0]


async def test_each_thing_costs_its_weight():
    """They add up."""
    answer = "Sorry, I can't help"
    [refusal] = await only(refusal=2).score(QUESTION, [answer])
    [both] = await only(refusal=2, unfinished=3).score(QUESTION, [answer])
    assert (refusal, both) == (-2, -5)


async def test_length_costs_outside_of_the_band_alone():
    """What is missing in proportion; what is too much by doublings, up to one."""
    lengths = [0, 5, 10, 20, 30, 40, 4000]
    found = await penalties("length", ["x" * n for n in lengths], shortest=10, longest=20)
    assert found == pytest.approx([1, 0.5, 0, 0, 0.585, 1, 1], abs=1e-3)


async def test_repetition_is_the_share_of_sequences_that_stood_there_before():
    """Case and marks make no difference; Chinese, which has no spaces, is read sign by sign."""
    found = await penalties(
        "repetition", ["a b c d e", "a b c a B, c", "no no no no no no", "好的好的好的", "a b", ""]
    )
    assert found == pytest.approx([0, 1 / 4, 3 / 4, 2 / 4, 0, 0])


@pytest.mark.parametrize(
    ("answer", "refuses"),
    [
        ("I'm sorry, but I can\u2019t assist with that.", True),
        ("As an AI language model, I have no parcels.", True),
        ("Leider kann ich nicht helfen.", True),
        ("I can't see your order from here, but the tracking page shows where it is.", False),
        (GOOD, False),
    ],
)
async def test_a_refusal_is_known_by_its_phrases(answer: str, refuses: bool):
    """What one honestly can't see is no refusal to help."""
    assert await penalties("refusal", [answer]) == [refuses]


async def test_the_phrases_of_refusals_are_an_option():
    """They take the place of the shipped ones."""
    model = Heuristics(refusals=("non possumus",))
    refused, helped = await model.score(QUESTION, ["Non possumus " + GOOD, "I can't help. " + GOOD])
    assert refused < helped == 0


async def test_nothing_but_questions_is_no_answer_to_a_question():
    """A question beside a statement is fine, and so is one where nothing was asked."""
    answers = ["What is your name? And your number?", "I see. What is your number?", "你好吗?", ""]
    assert await penalties("question", answers) == [1, 0, 1, 0]
    told = Conversation((Message("user", "My parcel is late."),))
    assert await penalties("question", answers, told) == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("answer", "unfinished"),
    [
        ("Please send us your order number.", False),
        ('It says "delivered."', False),
        ("**Thank you!**", False),
        ("请告诉我您的订单号。", False),
        ("Have a nice day \U0001f600", False),
        ("See https://shop.example/help", False),
        ("Write to help@shop.example", False),
        ("Please send us your order", True),
        ("We will look for it,", True),
        ("1. Open the app\n2.", False),
        ("You can (", True),
        ("", True),
    ],
)
async def test_an_answer_that_ends_within_a_sentence_is_unfinished(answer: str, unfinished: bool):
    """As one that was cut off does; addresses, emoji and quotes may stand at the end."""
    assert await penalties("unfinished", [answer]) == [unfinished]


@given(st.text(st.characters(), max_size=300), st.text(st.characters(), max_size=50))
async def test_every_penalty_lies_between_nought_and_one(answer: str, question: str):
    """So that a weight is the most that its thing can cost."""
    asked = Conversation((Message("user", question),))
    for name in NAMES:
        [penalty] = await penalties(name, [answer], asked)
        assert 0 <= penalty <= 1


def test_options_that_make_no_sense_fail_at_start():
    """A band that is turned round, a weight below nought, a misspelt name."""
    with pytest.raises(ValidationError, match="shortest"):
        Heuristics(shortest=20, longest=10)
    with pytest.raises(ValidationError, match="refusal"):
        Heuristics(refusal=-1)
    with pytest.raises(ValidationError, match="lenght"):
        Heuristics(lenght=1)  # pyright: ignore[reportCallIssue]
