"""What a tokeniser would read as a control token is gone from a text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reward_filters.control_tokens import ControlTokens

KNOWN = ["<think>", "</think>", "<|im_end|>", "<eot>", "ab", "aba"]
PIECES = st.sampled_from(["<", "|", ">", "<|", "|>", "im_end", "a", "b", "[INST]", "<eot>", " "])


@pytest.mark.parametrize(
    "token",
    [
        "<|im_start|>",
        "<\uff5cUser\uff5c>",
        "[/INST]",
        "<<SYS>>",
        "<start_of_turn>",
        "</s>",
        "[SEP]",
    ],
)
def test_the_well_known_ones_are_removed_without_being_told(token: str):
    """As of ChatML, DeepSeek, Llama 2, Gemma and BERT."""
    assert ControlTokens().removed(f"a{token}b") == "a\ufffdb"


def test_those_of_the_tokeniser_are_removed_too():
    """And what is only like them stays, as do a tokeniser's tokens for runs of spaces."""
    tokens = ControlTokens(["<think>", "   "])
    assert tokens.removed("a   <think>b</thinking>") == "a   \ufffdb</thinking>"


@given(st.lists(PIECES).map("".join))
@settings(deadline=None)
def test_no_control_token_is_left_however_they_are_nested(text: str):
    """One pass is enough: what closes up around a removed one is none."""
    tokens = ControlTokens(KNOWN)
    clean = tokens.removed(text)
    assert not any(token in clean for token in KNOWN)
    assert tokens.removed(clean) == clean


@given(st.text())
@settings(deadline=None)
def test_a_text_without_marks_is_left_alone(text: str):
    """To the last character."""
    if not any(sign in text for sign in "<["):
        assert ControlTokens().removed(text) == text
