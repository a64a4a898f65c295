"""Grounded facts: only contacts that somebody gave."""

import pytest

from policies.grounded_facts import GroundedFacts
from tests.policies.judging import found


@pytest.mark.parametrize(
    "made_up",
    [
        "1-800-123-4567",
        "support@yourcompany.com",
        "https://relay4utopia.com/support",
        "fraudsafe.com",
        "ｅvil.com",  # noqa: RUF001 - fullwidth
    ],
)
async def test_a_contact_that_nobody_gave_is_found(made_up: str):
    """From its first character to its last."""
    assert made_up in await found(GroundedFacts(), f"Please try {made_up} now")


@pytest.mark.parametrize(
    ("given", "repeated"),
    [
        ("+1 (202) 555-0143", "202-555-0143"),
        ("my number is 2025550143", "(202) 555-0143"),
        ("Help@Shop.example", "help@shop.example"),
        ("https://www.shop.example/a/", "http://shop.example/a"),
        ("https://shop.example/a", "www.shop.example"),
    ],
)
async def test_a_contact_that_was_given_passes_however_it_is_written(given: str, repeated: str):
    """By the customer or by the operator."""
    answer = f"Please use {repeated} for that."
    assert await found(GroundedFacts(), answer, prompt=given) == []
    assert await found(GroundedFacts(), answer, operator_prompt=given) == []


async def test_another_page_of_a_given_host_is_found():
    """Its path was made up."""
    given = "see https://shop.example/a"
    assert await found(GroundedFacts(), "https://shop.example/b", prompt=given) != []


@pytest.mark.parametrize(
    "answer",
    ["https://help.shop.com/any/page", "shop.com", "care@shop.com", "Dial 020 7946 0958"],
)
async def test_what_the_operator_allows_passes(answer: str):
    """A domain with all of its pages and subdomains, an address, a number."""
    policy = GroundedFacts(allow=("shop.com", "care@shop.com", "+44 20 7946 0958"))
    assert await found(policy, answer) == []


@pytest.mark.parametrize("answer", ["notshop.com", "shop.com.evil.net", "boss@shop.com"])
async def test_what_only_resembles_the_allowed_is_found(answer: str):
    """A domain that ends alike, an address nobody gave."""
    assert await found(GroundedFacts(allow=("shop.com",)), answer) == [answer]
