"""Degenerate text: empty, looping, or in another's name."""

import pytest

from policies.degenerate import DegenerateText
from tests.policies.judging import found

POLICY = DegenerateText()


@pytest.mark.parametrize("text", ["", " \n\t", "\u200b\u00a0"])
async def test_an_answer_of_nothing_is_found(text: str):
    """Invisible characters are nothing to a customer."""
    assert await found(POLICY, text) == [text]


@pytest.mark.parametrize(
    "text",
    ["no " * 60, "Please wait for us to call you back. " * 5, "ab" * 300, "1. Yes\n" * 40],
)
async def test_a_loop_is_found_whole(text: str):
    """No part of it is worth keeping."""
    assert text in await found(POLICY, text)


@pytest.mark.parametrize(
    "blank",
    ["[Your Name]", "[Driver's phone number]", "[Company\u2019s Name]", "[insert link here]"],
)
async def test_a_form_letter_that_nobody_filled_in_is_found(blank: str):
    """A customer can do nothing with it."""
    assert await found(POLICY, f"Write to {blank}, please.") == [blank]
    assert await found(POLICY, f"Write to {blank}") == [blank]


@pytest.mark.parametrize(
    "turn", ["User: hi", "Customer: and now?", "**Human:** x", "### Instruction:"]
)
async def test_a_turn_in_another_name_is_found(turn: str):
    """The model went on past its own turn."""
    assert await found(POLICY, f"Sure, I can do that.\n{turn}") != []


@pytest.mark.parametrize(
    "text",
    [
        "Yes.",
        "It is on [your page](https://shop.example/me), see note [2] and [no. 5].",
        "You can return it within 30 days. Keep the receipt, and print the label.",
        "Open Settings, choose Customer: Details, then save.",
        "1. Open the app.\n2. Open the order.\n3. Choose Return.\n4. Print the label.",
    ],
)
async def test_ordinary_answers_pass(text: str):
    """Lists and labels included."""
    assert await found(POLICY, text) == []


async def test_very_many_blanks_are_a_bounded_number_of_findings():
    """An answer with a hundred of them is lost anyway."""
    quoted = await found(DegenerateText(), "[Your Name] and\nUser: x " * 2000)
    assert 100 < len(quoted) <= 202
