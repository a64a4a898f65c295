"""Claims about what the beginnings of answers foretell."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from gateway.alignment.reward_data import Answer, Comparison
from gateway.alignment.reward_prefix import (
    CUTS,
    Cut,
    PrefixScores,
    prefix_correlations,
    prefixes,
)
from gateway.types import Conversation, Message
from reward_filters.cross_encoder import SHIPPED_WEIGHTS, TOKENIZER_FILE, load_tokenizer

AT_16 = Cut(tokens=16)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return load_tokenizer(Path(SHIPPED_WEIGHTS) / TOKENIZER_FILE)


def comparison(*answers: Answer) -> Comparison:
    return Comparison(Conversation((Message("user", "?"),)), answers, ())


def scores(
    whole: Sequence[float], beginnings: Sequence[float], models: str, shift: float = 0.0
) -> PrefixScores:
    answers = [Answer(f"{i}", float(i), model=m) for i, m in enumerate(models)]
    found = {(AT_16, i): b + shift for i, b in enumerate(beginnings)}
    return PrefixScores(comparison(*answers), [w + shift for w in whole], found)


def test_answers_that_are_not_longer_than_the_cut_do_not_count(tokenizer: Tokenizer) -> None:
    """The score of a whole answer foretells itself: that says nothing."""
    found = prefixes(tokenizer, comparison(Answer("word " * 20), Answer("word " * 16)))
    assert found[AT_16, 0] == ("word " * 16).rstrip()
    assert (AT_16, 1) not in found


@given(st.text(max_size=300))
def test_a_prefix_is_where_the_answer_begins(tokenizer: Tokenizer, text: str) -> None:
    """Cut in the text itself, never in a text that the tokenizer made of it."""
    for prefix in prefixes(tokenizer, comparison(Answer(text))).values():
        assert text.startswith(prefix)
        assert len(prefix) < len(text)


def test_a_share_is_of_the_answers_own_tokens(tokenizer: Tokenizer) -> None:
    """Rounded up, so that there is something to score."""
    assert Cut(share=0.25).prefix(tokenizer, "one two three four five") == "one two"


def test_what_all_answers_of_a_conversation_share_is_no_correlation() -> None:
    """Hard questions lower all scores alike; a choice is between answers to one question."""
    first = scores([1.0, -1.0], [-1.0, 1.0], "aa", shift=100.0)
    second = scores([1.0, -1.0], [-1.0, 1.0], "aa")
    [found] = prefix_correlations([first, second])
    assert found.correlation == pytest.approx(-1)
    assert (found.tokens, found.answers) == (16, 4)


def test_answers_of_another_model_are_no_competition() -> None:
    """That one model is worse than another shows early, and is nothing to choose by."""
    mixed = scores([5.0, 5.0, -5.0, -4.0], [5.0, 4.0, -5.0, -5.0], "aabb")
    [found] = prefix_correlations([mixed, scores([2.0, 1.0], [1.0, 0.0], "aa")])
    assert found.correlation == pytest.approx(0.5)


def test_the_rating_is_compared_where_there_is_one() -> None:
    """Beginnings may foretell the score and not what people think of the answer."""
    [found] = prefix_correlations([scores([2.0, 1.0, 3.0], [2.0, 1.0, 3.0], "aaa")] * 2)
    assert found.rubric is not None
    assert found.correlation == pytest.approx(1)
    assert found.rubric.value == pytest.approx(0.5)


def test_nothing_to_compare_gives_no_figure() -> None:
    """A single long answer has no competitor."""
    assert prefix_correlations([scores([1.0, 2.0], [0.5], "ab")]) == ()
    assert prefix_correlations([]) == ()
    assert len(CUTS) == 6
