"""Prices: recognised and compared, however they are written."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.prices import PriceList, prices


@pytest.mark.parametrize(
    ("written", "amount", "currency"),
    [
        ("$100", "100", "dollar"),
        ("100 USD", "100", "USD"),
        ("EUR 9,99", "9.99", "EUR"),
        ("9,99 €", "9.99", "EUR"),
        ("9.99eur", "9.99", "EUR"),
        ("£5", "5", "GBP"),
        ("1.299,00 Euro", "1299", "EUR"),
        ("1 299 €", "1299", "EUR"),
        ("CHF 1'299.50", "1299.5", "CHF"),
        ("$1,000,000", "1000000", "dollar"),
        ("1,299 dollars", "1299", "dollar"),
        ("$1.5k", "1500", "dollar"),
        ("2 million euros", "2000000", "EUR"),
        ("50 cents", "0.5", "cent"),
        ("20 bucks", "20", "dollar"),
        ("$0", "0", "dollar"),
        ("fifty dollars", "50", "dollar"),
        ("one hundred and twenty dollars", "120", "dollar"),
        ("fünfzig Euro", "50", "EUR"),
        ("cinquante euros", "50", "EUR"),
        ("USD49", "49", "USD"),
        ("49 U.S. dollars", "49", "dollar"),
        ("twelve US dollars", "12", "dollar"),
        ("50 TL", "50", "TRY"),
        ("50 lira", "50", "TRY"),
        ("50 reais", "50", "BRL"),
        ("50 K\u010d", "50", "CZK"),
        ("50 \u0440\u0443\u0431", "50", "RUB"),
        ("50\u5143", "50", "CNY"),
        ("50\u5186", "50", "JPY"),
    ],
)
def test_an_amount_is_found_in_its_comparable_form(written: str, amount: str, currency: str):
    """Exactly as far as it reaches."""
    text = f"That is {written}, please."
    assert [(text[p.start : p.end], p.amount, p.currency) for p in prices(text)] == [
        (written, Decimal(amount), currency)
    ]


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("Price: 49.99", "49.99"),
        ("Only 49.99!", "49.99"),
        ('{"price": 49, "currency": "EUR"}', "49"),
        ("You get it for half price.", "50"),
        ("Su descuento es del 20 por ciento", "20"),
    ],
)
def test_an_amount_is_found_behind_a_word_for_a_price(text: str, amount: str):
    """Without a currency too."""
    assert [price.amount for price in prices(text)] == [Decimal(amount)]


@pytest.mark.parametrize(
    "text",
    ["a 5 % discount", "5 % Rabatt", "a fee of 3%", "twenty-five percent off", "a 100% refund"],
)
def test_a_percentage_counts_where_it_is_about_money(text: str):
    """A discount is promised like an amount."""
    assert [p.currency for p in prices(text)] == ["%"]


@pytest.mark.parametrize(
    "text",
    [
        "It is 100% cotton, I am 100 % sure.",
        "Add 5 pounds of flour.",
        "I can exchange euros, dollars and pounds.",
        "in US dollars or on euros, no euros",
        "Order 10023345 of 2025-10-12 has 3 parts",
        "the price is right, and delivery is free",
        "only 2.10.25 or 10.50 m, the total of 12 parts, 6 ft long",
        "it takes only 3.50 m, for 1.25 kg",
        "half the people are halfway there",
    ],
)
def test_numbers_without_a_currency_and_currencies_without_a_number_pass(text: str):
    """They fill every answer about money."""
    assert prices(text) == []


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("it costs $20", "20.00 dollars"),
        ("it costs 20 CAD", "$20"),
        ("the fee is 20", "$20"),
        ("I paid 19.99 and was charged 25", "€25"),
        ("50 cents", "$0.50"),
        ("zwanzig Euro", "20 €"),
    ],
)
def test_the_same_amount_is_known_however_it_is_written(given: str, asked: str):
    """A bare number too, where it is of money."""
    (price,) = prices(asked)
    assert price in PriceList([given])


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("it costs $20", "€20"),
        ("it costs 20 USD", "20 CAD"),
        ("two of $20 each", "$40"),
        ("my order is 20", "$20"),
        ("a 20% discount", "$20"),
    ],
)
def test_another_currency_or_amount_is_another_price(given: str, asked: str):
    """Nothing is reckoned, and an order is no price."""
    (price,) = prices(asked)
    assert price not in PriceList([given])


def test_of_very_many_prices_the_rest_is_one_that_nobody_knows():
    """Reading on would keep others waiting."""
    text = "$5 " * 600
    rest = prices(text)[-1]
    assert (rest.end, rest.amount) == (len(text), None)
    assert rest not in PriceList([text])


@given(st.text(st.sampled_from("0123456789 .,'$€%kfivedolarsE\n")))
def test_what_is_found_lies_in_the_text_and_is_known_there(text: str):
    """A price is grounded by the very text that it stands in."""
    found = prices(text)
    assert all(0 <= p.start < p.end <= len(text) for p in found)
    known = PriceList([text])
    assert all(p in known for p in found if p.amount is not None)
