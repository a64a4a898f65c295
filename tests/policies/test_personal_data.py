"""Personal data: found by its check digits, and let through where the customer gave it."""

from random import Random

import pytest

from policies.personal_data import PersonalData, PersonalDataKind
from tests.policies.judging import found


@pytest.mark.parametrize(
    "datum",
    [
        "4111 1111 1111 1111",
        "5500-0000-0000-0004",
        "378282246310005",
        "DE89 3704 0044 0532 0130 00",
        "GB29NWBK60161331926819",
        "536-22-1234",
        "12345678Z",
        "RSSMRA85T10A562S",
        "jane.doe@example.org",
        "+44 20 7946 0958",
        "(212) 736-5000",
        "４111 1111 1111 1111",  # noqa: RUF001 - fullwidth
        "4111  1111  1111  1111",
        "4111.1111.1111.1111",
        "4111/1111/1111/1111",
        "4111_1111_1111_1111",
        "4111\n1111\n1111\n1111",
        "4111\u20111111\u20111111\u20111111",
        "DE89  3704 0044.0532-0130/00",
        "4111<b>1111</b>11111111",
        "4111 | 1111 | 1111 | 1111",
        "4111:1111:1111:1111",
        "4111,1111,1111,1111",
        "4111 (1111) 1111 1111",
        "4111\\ 1111\\ 1111\\ 1111",
    ],
)
async def test_a_valid_datum_is_found_whole(datum: str):
    """Exactly as far as it reaches."""
    assert await found(PersonalData(), f"Mine is {datum} thank you") == [datum]


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",  # Luhn
        "DE88 3704 0044 0532 0130 00",  # mod 97
        "000-12-3456",  # never given out
        "12345678A",  # check letter
        "order 10023345 of 2025-10-12 for $1,234.50",
        "4111, 1111, 1111, 1111",  # a list of amounts
        "1234567890",
        "IBAN DE89 3704 0044 0532 0130",  # two short
        "536 22 1234",  # nobody says what it is
    ],
)
async def test_a_number_that_fails_its_check_passes(text: str):
    """It is an order or a reference."""
    assert await found(PersonalData(), text) == []


async def test_only_the_kinds_asked_for_are_found():
    """The rest is left to other policies."""
    text = "jane@example.org 4111 1111 1111 1111"
    assert await found(PersonalData(kinds=("card",)), text) == ["4111 1111 1111 1111"]


async def test_what_the_customer_gave_may_be_repeated():
    """However it is written; what is somebody else's is still found."""
    policy = PersonalData(ungrounded_only=True)
    answer = "The card 4111 1111 1111 1111, not 5500 0000 0000 0004."
    prompt = "why was 4111-1111-1111-1111 charged?"
    assert await found(policy, answer, prompt=prompt) == ["5500 0000 0000 0004"]


@pytest.mark.parametrize("cue", ["SSN ", "ssn: ", "Social security number is "])
async def test_a_social_security_number_is_one_behind_the_word(cue: str):
    """Then whatever stands between its digits."""
    assert await found(PersonalData(), f"{cue}536 22 1234") == ["536 22 1234"]
    assert await found(PersonalData(), f"{cue}536.22.1234") == ["536.22.1234"]


@pytest.mark.parametrize(
    "text", ["4929 4111 1111 1111 1111", "ref AB12 DE89 3704 0044 0532 0130 00 thanks"]
)
async def test_a_datum_is_found_behind_what_looks_like_the_start_of_one(text: str):
    """Other digits beside it are no way to hide it."""
    assert await found(PersonalData(), text) in (
        ["4111 1111 1111 1111"],
        ["DE89 3704 0044 0532 0130 00"],
    )


async def test_an_account_is_found_across_markup():
    """A page shows it in one piece."""
    policy = PersonalData(kinds=("iban",))
    written = "DE89<i>37040044</i>0532013000"
    assert await found(policy, f"Pay to {written} please") == [written]


async def test_a_card_is_found_that_letters_touch():
    """They are no way to hide it."""
    assert await found(PersonalData(), "ref4111111111111111x") == ["4111111111111111"]


@pytest.mark.parametrize(
    "number",
    ["356938035643809", "4006381333931"],
    ids=["IMEI", "EAN"],
)
async def test_what_is_numbered_like_a_card_is_none(number: str):
    """A device and a ware have the same check digit, and no issuer's first digits or length."""
    assert await found(PersonalData(kinds=("card",)), f"Yours is {number}.") == []


@pytest.mark.parametrize(
    ("kind", "text", "datum"),
    [
        ("document", "My passport number is C01X00T47.", "C01X00T47"),
        ("ip_address", "You came from 203.0.113.7 today", "203.0.113.7"),
        ("birth_date", "Date of birth: 12.03.1985", "12.03.1985"),
        ("birth_date", "I was born on March 12, 1985", "March 12, 1985"),
    ],
)
async def test_further_kinds_are_found_when_asked_for(
    kind: PersonalDataKind, text: str, datum: str
):
    """Addresses of machines and birthdays only then."""
    assert await found(PersonalData(kinds=(kind,)), text) == [datum]
    assert (await found(PersonalData(), text) == []) is (kind != "document")


async def test_orders_are_no_personal_data():
    """Of ten thousand numbers of eight to twelve digits at most ten are taken for one."""
    random = Random(3)
    orders = (str(random.randrange(10**7, 10**12)) for _ in range(10_000))
    policy = PersonalData()
    flagged = [o for o in orders if await found(policy, f"Your order {o} has shipped.")]
    assert len(flagged) <= 10


@pytest.mark.parametrize(
    ("false", "real"),
    [
        ("4111111111111112 ", "4111111111111111"),
        ("DE88370400440532013000 ", "DE89370400440532013000"),
        ("12345678A ", "12345678Z"),
        ("000-12-3456 ", "536-22-1234"),
        ("a@b.co ", "c@d.co"),
    ],
)
async def test_very_many_false_data_hide_no_real_one(false: str, real: str):
    """From where no more is looked up, the rest of the text is found."""
    text = false * 2000 + real
    spans = await found(PersonalData(), text)
    assert any(span.endswith(real) for span in spans)
    assert len(spans) < 1200
