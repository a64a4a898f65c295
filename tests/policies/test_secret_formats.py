"""Formats of keys: whatever has one is found, and nothing that a sentence holds."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.secret_formats import SECRET_FORMATS
from policies.secrets import Secrets
from tests.policies.judging import found


@pytest.mark.parametrize("kind", SECRET_FORMATS)
@settings(max_examples=20)
@given(data=st.data())
async def test_whatever_has_a_format_is_found(kind: str, data: st.DataObject):
    """All but a last character or two."""
    secret = data.draw(
        st.from_regex(
            rf"\A{SECRET_FORMATS[kind]}\Z",
            alphabet=st.characters(codec="ascii", exclude_characters="\n\r"),
        )
    )
    text = f"It is {secret} you see"
    spans = await found(Secrets(min_entropy_bits=0), text)
    assert any(len(span) >= 0.9 * len(secret) for span in spans)


@pytest.mark.parametrize(
    "text",
    [
        "Risk-free: ask-me-anything, task-force, sk-3 and pk_live are words.",
        "The bearer of this voucher, npm_install, hf_hub, SG. 5 and key-value pairs.",
        "https://shop.example:8443/a@b and mailto:jane@shop.example",
    ],
)
async def test_words_that_begin_like_a_key_pass(text: str):
    """Its length and its alphabet tell a key."""
    assert await found(Secrets(), text) == []
