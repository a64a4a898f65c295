"""Contacts: recognised and compared, however they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.contacts import contacts


@pytest.mark.parametrize(
    ("written", "kind", "value"),
    [
        ("Jane.Doe+x@Example.org", "email", "jane.doe+x@example.org"),
        ("https://www.Shop.example/Returns/?a=1#top", "url", "shop.example/Returns?a=1"),
        ("www.shop.example", "url", "shop.example"),
        ("shop.co.uk/help", "url", "shop.co.uk/help"),
        ("https://good.example@evil.example/x", "url", "evil.example/x"),
        ("http://evil.example\\@good.example", "url", "evil.example/@good.example"),
        ("bücher.de", "url", "bücher.de"),
        ("+44 20 7946 0958", "phone", "442079460958"),
        ("(202) 555-0143", "phone", "2025550143"),
        ("1-800-123-4567", "phone", "18001234567"),
        ("030/1234567", "phone", "0301234567"),
        ("https://shop.example:443/a", "url", "shop.example/a"),
        ("https://shop.example:8443/a", "url", "shop.example:8443/a"),
        ("javascript://shop.example/a", "link", "javascript://shop.example/a"),
        ("data:text/html;base64,PHN", "link", "data:text/html;base64,phn"),
        ("file:///etc/passwd", "link", "file:///etc/passwd"),
        ("bit.Ly/abc", "url", "bit.ly/abc"),
        ("evil[.]com", "url", "evil.com"),
        ("evil (dot) com/pay", "url", "evil.com/pay"),
        ("evil dot com", "url", "evil.com"),
        ("93.184.216.34/pay", "url", "93.184.216.34/pay"),
        ("localhost:8080", "url", "localhost:8080"),
        ("support@localhost", "email", "support@localhost"),
        ("evil.test", "url", "evil.test"),
        ("intranet/reset", "url", "intranet/reset"),
        ("support@evil", "email", "support@evil"),
        ("support@[93.184.216.34]", "email", "support@[93.184.216.34]"),
        ("refunds @ evil . com", "email", "refunds@evil.com"),
        ("http://[::1]/", "url", "::1"),
        ("evil .com", "url", "evil.com"),
        ("evil\n.com", "url", "evil.com"),
        ("www . evil . com", "url", "evil.com"),
        ("evil-dot-com", "url", "evil.com"),
        ("8.8.8.8:8080", "url", "8.8.8.8:8080"),
    ],
)
def test_a_contact_is_found_in_its_comparable_form(written: str, kind: str, value: str):
    """Exactly as far as it reaches."""
    text = f"Try {written}, please."
    assert [(c.kind, text[c.start : c.end], c.value) for c in contacts(text)] == [
        (kind, written, value)
    ]


@pytest.mark.parametrize("lead", ["Call us at ", "our hotline is ", "Tel. "])
def test_bare_digits_are_a_number_after_a_word_that_says_so(lead: str):
    """Without one they may be an order."""
    assert [c.value for c in contacts(f"{lead}8099194628")] == ["8099194628"]
    assert contacts("Order 8099194628") == []


@pytest.mark.parametrize(
    "text",
    [
        "It was sent on 2025-10-12, 12.10.2025 or 6/06/2018.",
        "That is $1,234.50 or 3.50 a month, 10-15 days.",
        "Your order 10023345 and your card 4111 1111 1111 1111.",
        "Done.It is on its way.We hope it helps. node.js e.g. this, U.S. too",
        "version 2.0.13 or 1.2.3.4",
        "ASP.NET, README.md and main.py, at 9.am",
        "a red dot in the corner, the polka dot it has",
        "and/or, he/she, 24/7; 2@5 each, @shop on our page; done.Test it",
        "Data: your name. Filed under file: old.",
        "Open http://192.168.0.1 or 10.0.0.1:8080 in your browser.",
        "Take the .com ending, your .com name, such as .NET; 2 @ 5.99 each, one @ a time",
    ],
)
def test_dates_prices_and_sentences_are_no_contacts(text: str):
    """They fill every answer."""
    assert contacts(text) == []


def test_of_very_many_contacts_the_rest_is_a_link_to_nowhere():
    """Nothing grounds it, so that nothing hides there."""
    text = "a@b.co " * 600
    rest = contacts(text)[-1]
    assert (rest.kind, rest.end, rest.value) == ("link", len(text), "")
    assert len(contacts(text)) <= 510


@given(st.text(st.characters()))
def test_any_text_is_taken(text: str):
    """Malformed addresses included; what is found lies in the text."""
    assert all(0 <= c.start < c.end <= len(text) for c in contacts(text))
