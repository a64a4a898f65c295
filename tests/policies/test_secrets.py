"""Secrets: keys are found, numbers of orders are not."""

import random
import string

import pytest

from policies.secrets import Secrets
from tests.policies.judging import found

ALNUM = string.ascii_letters + string.digits


def key(length: int, alphabet: str = ALNUM) -> str:
    return "".join(random.Random(7).choices(alphabet, k=length))


@pytest.mark.parametrize(
    "secret",
    [
        f"sk-proj-{key(40)}",
        f"AKIA{key(16, string.ascii_uppercase)}",
        f"ghp_{key(36)}",
        f"xoxb-{key(24)}",
        f"AIza{key(35)}",
        f"wn-{key(32)}",
        f"eyJ{key(20)}.eyJ{key(30)}.{key(30)}",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
    ],
)
async def test_a_key_of_a_known_format_is_found_whole(secret: str):
    """A part left over would still be of use to a thief."""
    assert secret in await found(Secrets(min_entropy_bits=0), f"It is {secret} you see")


async def test_a_key_broken_by_invisible_characters_is_found():
    """Copying it from a page drops them."""
    assert await found(Secrets(), "sk-\u200b" + key(30)) != []


async def test_a_random_run_is_found_without_a_known_format():
    """By its entropy."""
    assert await found(Secrets(), f"token {key(32)}.") == [key(32)]


@pytest.mark.parametrize(
    "text",
    [
        "Order 123e4567-e89b-12d3-a456-426614174000 has shipped.",
        "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "donaudampfschifffahrtsgesellschaftskapitaen",
        "https://shop.example/returns/how-to-return-your-order-in-3-steps",
        "ask-me-anything-you-like-about-orders",
        "1Z999AA10123456784",
    ],
)
async def test_identifiers_and_long_words_pass(text: str):
    """They are what customers and answers are full of."""
    assert await found(Secrets(), text) == []
