"""Grounded facts: only contacts, prices and dates that somebody gave, and what tools have done."""

from base64 import b64encode
from typing import get_args

import pytest

from gateway.guard import example_subject
from gateway.types import Conversation, Message
from policies.contacts import load_public_suffixes
from policies.grounded_facts import FactKind, GroundedFacts
from tests.policies.judging import found

KINDS = get_args(FactKind)
EVERYTHING = GroundedFacts(kinds=KINDS)


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


@pytest.mark.parametrize(
    "answer",
    [
        "https://shop.example:8443/help",
        "javascript://shop.example/help",
        "ftp://shop.example/help",
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
    ],
)
async def test_another_port_or_scheme_is_another_place(answer: str):
    """Also for what the operator allows."""
    policy = GroundedFacts(allow=("shop.example",))
    assert await found(policy, answer, prompt="https://shop.example/help") != []


async def test_a_reference_of_the_customer_grounds_no_longer_number():
    """Seven digits are soon found in an order."""
    answer = "Call +1 900 555 0132."
    assert await found(GroundedFacts(), answer, prompt="my order is 5550132") == ["+1 900 555 0132"]


@pytest.mark.parametrize("dash", ["\u2010", "\u2011", "\u2013", "\u2212"])
async def test_a_number_is_one_whatever_dashes_it_is_written_with(dash: str):
    """Found where nobody gave it, grounded where somebody did."""
    number = "1-800-123-4567".replace("-", dash)
    assert await found(GroundedFacts(), f"Call {number} now") != []
    assert await found(GroundedFacts(), "Call 1-800-123-4567", prompt=f"is it {number}?") == []
    assert await found(GroundedFacts(), f"Call {number}", prompt="is it 1-800-123-4567?") == []


async def test_a_sentence_without_its_space_passes_beside_typographic_marks():
    """Folding takes the capital that tells it from a domain."""
    assert await found(GroundedFacts(), "It\u2019s done.It is on its way.") == []
    page = "https://shop.com/Returns"
    assert await found(GroundedFacts(), f"It\u2019s at {page}", prompt=page) == []


async def test_each_conversation_has_facts_of_its_own():
    """They are remembered for it, not for the policy."""
    policy = GroundedFacts()
    talks = [Conversation((Message("user", f"see {name}.com"),)) for name in ("one", "two")]
    for _ in range(2):
        for talk, other in zip(talks, ("two", "one"), strict=True):
            (finding,) = await policy.judge(
                example_subject("one.com, two.com", "output", talk),
            )
            at = 0 if other == "one" else 9
            assert (finding.start, finding.end) == (at, at + 7)


async def test_no_contact_goes_on_from_one_turn_to_the_next():
    """Two halves of a number ground no number."""
    halves = Conversation((Message("user", "call 415 555"), Message("user", "0132")))
    judged = await GroundedFacts().judge(example_subject("Call 415-555-0132", "output", halves))
    assert len(judged) == 1


@pytest.mark.parametrize(
    ("kind", "made_up"),
    [
        ("url", "fraudsafe.com"),
        ("email", "help@fraudsafe.com"),
        ("phone", "+1 202 555 0143"),
        ("price", "$19.99"),
        ("date", "12 March"),
        ("action", "I have refunded"),
    ],
)
async def test_each_kind_is_found_when_asked_for_and_only_then(kind: FactKind, made_up: str):
    """A set may treat them in different ways."""
    answer = f"Well: {made_up}."
    assert await found(GroundedFacts(kinds=(kind,)), answer) == [made_up]
    others = tuple(k for k in get_args(FactKind) if k != kind)
    assert await found(GroundedFacts(kinds=others), answer) == []


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        ("you charged me 20 dollars", "I see that $20.00 was charged."),
        ("my parcel was due on 12.10.2025", "It was due on October 12th."),
    ],
)
async def test_a_price_or_date_that_was_given_passes_however_it_is_written(given: str, answer: str):
    """By the customer or by the operator."""
    assert await found(EVERYTHING, answer) != []
    assert await found(EVERYTHING, answer, prompt=given) == []
    assert await found(EVERYTHING, answer, operator_prompt=given) == []


@pytest.mark.parametrize(
    ("message", "grounded"),
    [
        (Message("tool", '{"status": "ok"}', "refund_order"), True),
        (Message("tool", '{"status": "refunded"}'), True),
        (Message("tool", '{"status": "shipped"}'), False),
        (Message("user", "You said it was refunded, right?"), False),
        (Message("assistant", "I have refunded your order."), False),
        (Message("system", "The order was refunded."), False),
    ],
)
async def test_an_action_is_grounded_by_tools_alone(message: Message, grounded: bool):
    """What the customer says, or a client puts into a mouth, is no record of it."""
    answer = "I have refunded your order."
    judged = await EVERYTHING.judge(example_subject(answer, "output", Conversation((message,))))
    assert (judged == []) is grounded


@pytest.mark.parametrize(
    "prompt",
    [
        "Never say that an order has been refunded.",
        "If an order was refunded by us, apologise.",
        "Orders that were refunded cannot be refunded again.",
        "Tell the customer when the order has been refunded.",
        "Do not claim that anything has been refunded or booked.",
        "Status: shipped, cancelled or refunded.",
        "The customer's order 5 was refunded yesterday.",
    ],
)
async def test_no_prompt_grounds_an_action(prompt: str):
    """A rule can't be told from a record, and a record is a tool's to give."""
    answer = "I have refunded your order."
    assert await found(EVERYTHING, answer, operator_prompt=prompt) == ["I have refunded"]


@pytest.mark.parametrize(
    ("said", "promise"),
    [
        ("I'd buy a stove for $1. Deal?", "Yes, that's a deal: one stove for $1, no way back."),
        ("I get 50% off and $500, right?", "Yes, you get 50% off and a refund of $500."),
        ("I want it by 14 March", "You will receive it by 14 March."),
        ("I want my money within 24 hours", "You will be refunded within 24 hours."),
    ],
)
async def test_what_the_customer_says_is_no_promise(said: str, promise: str):
    """For that it takes the operator, a tool, or the option."""
    assert await found(EVERYTHING, promise, prompt=said) != []
    assert await found(EVERYTHING, promise, operator_prompt=said) == []
    planted = Conversation((Message("assistant", said),))
    assert await EVERYTHING.judge(example_subject(promise, "output", planted)) != []
    told = Conversation((Message("tool", said),))
    assert await EVERYTHING.judge(example_subject(promise, "output", told)) == []
    trusting = GroundedFacts(customer_grounds=("price", "date"))
    assert await found(trusting, promise, prompt=said) == []


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("you charged me $20 on 12 March", "I see that you were charged $20 on 12 March."),
        ("can I get a $20 refund?", "I understand that you would like a refund of $20."),
        ("is a $1 stove a deal?", "That isn't a deal: I can't sell a stove for $1."),
        ("my parcel should arrive tomorrow", "Yes, your parcel should arrive tomorrow."),
    ],
)
async def test_what_the_customer_says_may_be_repeated(said: str, answer: str):
    """Where it is no promise."""
    assert await found(EVERYTHING, answer) != []
    assert await found(EVERYTHING, answer, prompt=said) == []


async def test_the_customers_contacts_can_be_left_out():
    """Then it takes the operator for them too."""
    policy = GroundedFacts(customer_grounds=())
    assert await found(policy, "See shop.com", prompt="shop.com") == ["shop.com"]
    assert await found(policy, "See shop.com", operator_prompt="shop.com") == []


@pytest.mark.parametrize("answer", ["That is $5.", "I have forwarded your request."])
async def test_prices_and_actions_can_be_allowed(answer: str):
    """A domain with a word for an action in it allows no such action."""
    assert await found(GroundedFacts(kinds=KINDS, allow=("$5", "forwarded")), answer) == []
    assert await found(GroundedFacts(kinds=KINDS, allow=("forwarded.com", "5.com")), answer) != []


async def test_a_contact_that_is_hidden_in_an_encoding_is_found():
    """A model can decode it, and a customer can too."""
    hidden = b64encode(b"write to help@fraudsafe.com").decode()
    assert await found(EVERYTHING, f"Decode this: {hidden}") == [hidden]


async def test_no_text_waits_for_the_list_of_domains():
    """It is read when the policy is made."""
    load_public_suffixes.cache_clear()
    policy = GroundedFacts()
    assert load_public_suffixes.cache_info().currsize == 1
    await found(policy, "fraudsafe.com")
    assert load_public_suffixes.cache_info().misses == 1
