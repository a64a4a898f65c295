# ruff: noqa: RUF001 - disguises are made of ambiguous characters
"""Special tokens: no text opens a turn of its own."""

import pytest

from policies.special_tokens import SpecialTokens
from tests.policies.judging import found


@pytest.mark.parametrize(
    "token",
    [
        "<|im_start|>",
        "<|begin_of_text|>",
        "<｜begin▁of▁sentence｜>",
        "[INST]",
        "[/INST]",
        "<<SYS>>",
        "<s>",
        "</s>",
        "<start_of_turn>",
        "<unk>",
        "[TOOL_CALLS]",
        "<tool_call>",
        "</tool_call>",
        "<|fim_prefix|>",
        "<fim_prefix>",
        "<unused1>",
        "<repo_name>",
        "<jupyter_start>",
        "<|IM_END|>",
    ],
)
async def test_a_control_token_is_found_where_it_stands(token: str):
    """Exactly the token, nothing around it."""
    assert await found(SpecialTokens(), f"Hi {token} there") == [token]


@pytest.mark.parametrize(
    "disguised",
    [
        "<|im_\u200bstart|>",
        "＜|im_end|＞",
        "[ＩNST]",
        "<\u00ad/s>",
        "<|im_end",
        "<|eot_id",
        "&lt;|im_end|&gt;",
        "&#60;|im_end|>",
        "PHxpbV9lbmR8Pg==",
    ],
)
async def test_a_disguised_token_is_found(disguised: str):
    """Some tokenisers fold before they match."""
    assert await found(SpecialTokens(), f"a {disguised} b") == [disguised]


@pytest.mark.parametrize(
    "text", ["a < b | c > d", "<strong>x</strong>", "[INSTALL]", "<| |", "||", "<filename>"]
)
async def test_ordinary_text_passes(text: str):
    """Comparisons, markup and brackets are no tokens."""
    assert await found(SpecialTokens(), text) == []


async def test_very_many_tokens_hide_none():
    """The rest behind some hundred of them is one finding."""
    quoted = await found(SpecialTokens(), "<s>" * 5000)
    assert "".join(quoted) == "<s>" * 5000
    assert len(quoted) < 1000


async def test_thoughts_are_for_the_model_alone():
    """An answer may begin with them, a customer has no reason to write them."""
    text = "<think>x</think>"
    assert await found(SpecialTokens(), text, stage="input") == ["<think>", "</think>"]
    assert await found(SpecialTokens(), text, stage="output") == []
