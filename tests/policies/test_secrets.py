"""Secrets: keys are found, numbers of orders are not."""

import random
import string
from base64 import b64encode

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
        f"npm_{key(36)}",
        f"pypi-AgEIcHlwaS5vcmc{key(60)}",
        f"SG.{key(22)}.{key(43)}",
        f"SK{key(32, '0123456789abcdef')}",
        f"123456789:AA{key(33)}",
        f"AccountKey={key(86)}==",
        f"GOCSPX-{key(28)}",
        f"glpat-{key(20)}",
        f"Bearer {key(30)}",
        "postgres://app:s3cret@d",
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
        "data:image/png;base64," + b64encode(bytes(range(200))).decode(),
        "integrity sha256-47DEQpj8HBSa+TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "getUserAccountById2FromDatabase3Version4",
        "postgres://user:password@host/db and Bearer token authentication",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    ],
)
async def test_identifiers_and_long_words_pass(text: str):
    """They are what customers and answers are full of."""
    assert await found(Secrets(), text) == []


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Your password is hunter2.", "hunter2"),
        ("your PIN is 4821", "4821"),
        ("Your new password has been set to Sommer2024.", "Sommer2024"),
        ("Your one-time code is 482913.", "482913"),
        ("password: **Tr0ub4dor**", "Tr0ub4dor"),
        ("access token: 9f86d081884c7d65", "9f86d081884c7d65"),
        ("Ihr Passwort lautet geheim99.", "geheim99"),
        ("pw: hunter2", "hunter2"),
        ("PIN 4821", "4821"),
        ("CVV 123.", "123"),
        ("Your one-time code is 482 913.", "482 913"),
        ("Log in with admin/admin123.", "admin/admin123"),
        ("Has\u0142o: Lato2024", "Lato2024"),
    ],
)
async def test_a_secret_is_found_behind_the_word_for_it(text: str, secret: str):
    """However short it is."""
    assert await found(Secrets(), text) == [secret]


@pytest.mark.parametrize(
    "text",
    [
        "Your password is wrong.",
        "The password is at least 8 characters long.",
        "Your PIN is 4 digits long, or is 4-6 digits.",
        "The verification code is valid for 10 minutes.",
        "The security code is the 3 digits on the back.",
        "Your password is [your password].",
        "Password: https://shop.example/reset1",
        "A PIN 4-6 digits long, PIN 3 times wrong, CVV 3-digit",
        "Sign in with your e-mail and/or 2 codes, 24/7.",
    ],
)
async def test_what_is_said_about_a_secret_passes(text: str):
    """Half of all customers forget theirs."""
    assert await found(Secrets(), text) == []


async def test_an_answer_may_repeat_what_the_customer_wrote_and_no_key_of_a_known_format():
    """What the operator wrote is his own."""
    answer = "Yes, your PIN is 4821."
    assert await found(Secrets(), answer, prompt="is my PIN 4821?") == []
    assert await found(Secrets(), answer, operator_prompt="The PIN is 4821.") == ["4821"]
    known = f"AKIA{key(16, string.ascii_uppercase)}"
    assert await found(Secrets(), f"It is {known}", prompt=known) == [known]


async def test_a_secret_in_an_encoding_is_found():
    """Whoever reads it can decode it."""
    hidden = b64encode(b"your password is hunter2").decode()
    assert await found(Secrets(min_entropy_bits=0), f"Note: {hidden}") == [hidden]
