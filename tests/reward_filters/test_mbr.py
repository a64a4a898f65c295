"""Best-of-n regularised by agreement."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.types import Screening
from reward_filters.mbr import MBRBestOfN, agreements
from reward_filters.soft_best_of_n import SoftBestOfN
from tests.reward_filters.candidates import scored

ALIKE = ["send me your order number", "please send me your order number", "send your order number"]
ODD = "I refunded you"


def test_agreement_is_rouge_l_over_words():
    """Twice the longest common subsequence over the words of both, summed over the others, by n."""
    first, second, third = agreements(["a b c d", "a x c", "q"])
    assert first == second == pytest.approx(2 * 2 / 7 / 3)
    assert third == 0


def test_case_and_white_space_say_nothing():
    """Nobody reads them."""
    assert agreements(["Hello  there\n", "hello THERE"]) == [0.5, 0.5]


def test_where_words_have_no_spaces_characters_are_compared():
    """Chinese answers would otherwise agree on nothing, or on everything."""
    first, second = agreements(["请发送您的订单号。", "请把您的订单号发给我"])
    assert first == second == pytest.approx(2 * 6 / (9 + 10) / 2)
    mixed = agreements(["请发送 order number", "请发送order number"])
    assert mixed == [0.5, 0.5]


@given(answers=st.lists(st.text(max_size=60), min_size=1, max_size=6), data=st.data())
def test_agreement_is_bounded_and_does_not_depend_on_the_order(
    answers: list[str], data: st.DataObject
):
    """From 0 to below 1, each answer's own."""
    found = agreements(answers)
    assert all(0 <= a < 1 for a in found)
    order = data.draw(st.permutations(range(len(answers))))
    again = agreements([answers[i] for i in order])
    assert again == pytest.approx([found[i] for i in order])


def test_later_words_than_the_first_2000_characters_are_not_compared():
    """The cost of a huge answer is bounded."""
    long = "word " * 400
    assert agreements([long + "one two three", long + "four"]) == [0.5, 0.5]


def test_an_answer_that_stands_alone_needs_a_higher_reward():
    """Its reward is more likely to be the reward model's mistake."""
    candidates = scored([1.0, 1.0, 1.0, 1.4], [*ALIKE, ODD])
    argmax = {"temperature": 0.0, "exploration": 0.0}
    assert SoftBestOfN(**argmax).select(candidates, Random(0)).index == 9
    assert MBRBestOfN(beta=0.1, **argmax).select(candidates, Random(0)).index == 9
    assert MBRBestOfN(beta=2, **argmax).select(candidates, Random(0)).index < 9


@given(rewards=st.lists(st.floats(-10, 10), min_size=4, max_size=4))
def test_without_beta_it_is_soft_best_of_n(rewards: list[float]):
    """Agreement is an addition to the reward, and nothing else."""
    candidates = scored(rewards, [*ALIKE, ODD])
    here, there = (s.select(candidates, Random(3)) for s in (MBRBestOfN(beta=0), SoftBestOfN()))
    assert dict(here.probabilities) == pytest.approx(dict(there.probabilities))


def test_what_would_be_shown_is_what_is_compared():
    """Not what a redaction took out."""
    candidates = scored([1.0, 1.0, 1.0], ["call me now", "call me now", "ring me at seven"])
    redacted = [
        replace(c, screening=Screening(c.candidate.text, text))
        for c, text in zip(
            candidates, ["[removed]", "ring me at eight", "ring me at seven"], strict=True
        )
    ]
    rule = MBRBestOfN(beta=5, temperature=0, exploration=0)
    assert rule.select(candidates, Random(0)).probabilities[6] == 0
    assert rule.select(redacted, Random(0)).probabilities[0] == 0


@pytest.mark.parametrize("options", [{"beta": -1}, {"temperature": -1}, {"betas": 1}])
def test_options_that_make_no_sense_are_refused(options: dict[str, float]):
    """At start, not in production."""
    with pytest.raises(ValidationError):
        MBRBestOfN(**options)
