# The environment that is type-checked has no torch.
# pyright: reportMissingImports=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Claims about what training makes of its conversations."""

from random import Random

import pytest
import torch

from gateway.alignment.reward_augmentation import Introduction, Strangers, introduced
from gateway.alignment.reward_data import Answer, Comparison
from gateway.alignment.reward_objective import Item, item
from gateway.types import Conversation, Message

pytestmark = pytest.mark.train

NEAR, ALIKE, FAR = (0.7, 0.714, 0.0), (0.99, 0.141, 0.0), (0.0, 0.0, 1.0)


def made(question: str, *scores: float) -> Item:
    answers = tuple(Answer(f"{question} answer {i}", s) for i, s in enumerate(scores))
    pairs = tuple(
        (i, j, a - b) for i, a in enumerate(scores) for j, b in enumerate(scores) if a > b
    )
    conversation = Conversation((Message("user", "hello"), Message("user", question)))
    return item(Comparison(conversation, answers, pairs), "")


def test_a_twin_differs_in_who_asks_alone() -> None:
    """Same question, same answer, another name or group; the operator's view is not touched."""
    whole = made("where is it?", 8.0, 2.0)
    for seed in range(40):
        told = introduced(whole, Random(seed))
        [(index, twin)] = told.twins
        (conversation, answer), (other, same) = told.readings[index], told.readings[twin]
        assert twin == 2
        assert conversation != other
        assert conversation.messages[0] == other.messages[0]
        assert conversation.last_user_text.endswith("where is it?")
        assert whole.readings[index][1] in answer
        assert whole.readings[index][1] in same


def test_an_introduction_fills_the_question_and_the_answer() -> None:
    """An answer may take up what the customer said of themselves."""
    reading = Conversation((Message("user", "Where is it?"),)), "It is on its way."
    conversation, answer = Introduction("I am {}.", "Dear {}, ", " Bye, {}.").read(reading, "Ann")
    assert conversation.last_user_text == "I am Ann. Where is it?"
    assert answer == "Dear Ann, It is on its way. Bye, Ann."


def test_strangers_come_from_other_conversations() -> None:
    """Similar ones where asked for, and those do not ask the same."""
    items = [made(q, 9.0, 1.0) for q in ("mine", "near", "alike", "far")]
    vectors = torch.nn.functional.normalize(
        torch.tensor([(1.0, 0.0, 0.0), NEAR, ALIKE, FAR]), dim=1
    )
    strangers = Strangers(items, vectors, Random(1))
    anyone = [strangers.join(items[0], similar=False).readings[-1] for _ in range(100)]
    similar = [strangers.join(items[0], similar=True).readings[-1] for _ in range(100)]
    assert {text.split()[0] for _, text in anyone} == {"near", "alike", "far"}
    assert {text.split()[0] for _, text in similar} == {"near", "far"}
    texts = [*anyone, *similar]
    assert all(text.endswith("answer 0") for _, text in texts)
    assert all(conversation.last_user_text == "mine" for conversation, _ in texts)


def test_without_good_answers_nobody_is_invited() -> None:
    """A stranger has to lose, and here it might be the best answer."""
    bad = [made("one", 2.0, 1.0), made("two", 9.0, 1.0)]
    strangers = Strangers(bad, torch.eye(2), Random(1))
    assert all(strangers.join(bad[0], similar=False) is bad[0] for _ in range(20))


def test_pairs_alone_make_no_strangers() -> None:
    """Of an answer that nobody rated nobody knows that it is good."""
    pair = Comparison(
        Conversation((Message("user", "?"),)), (Answer("a"), Answer("b")), ((0, 1, 2.0),)
    )
    only = item(pair, "")
    assert Strangers([only], torch.ones(1, 1), Random(1)).join(only, similar=True) is only
