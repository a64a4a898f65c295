"""Signatures of webhooks, by the specification's own example."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.signatures import signature_headers, signing_key

# From the test suite of the specification's reference libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE = "msg_p5jXN8AQM9LWM0D4loKWxJek"
SECONDS = 1614265330
BODY = b'{"test": 2432232314}'


def test_a_message_is_signed_as_the_reference_libraries_sign_it():
    """To the last character."""
    assert signature_headers(SECRET, MESSAGE, SECONDS, BODY) == {
        "webhook-id": MESSAGE,
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_without_a_secret_nothing_is_signed():
    """There would be nothing to check it with."""
    assert signature_headers("", MESSAGE, SECONDS, BODY) == {}


def test_a_secret_in_plain_words_is_its_own_key():
    """And one that says it is base64 has to be."""
    assert signing_key("plain words") == b"plain words"
    with pytest.raises(ValueError):
        signing_key("whsec_not base64")


@given(st.text(min_size=1), st.binary(), st.binary())
def test_another_body_has_another_signature(secret: str, one: bytes, other: bytes):
    """The same one has the same."""
    secret = f"s{secret.encode('utf-8', 'replace').decode()}"
    headers = [signature_headers(secret, "id", 1, body) for body in (one, other)]
    assert (headers[0] == headers[1]) == (one == other)
