"""Tries a reward model on a few answers of which one is plainly better, before it serves.

It finds what a wrong address, a turned sign or a forgotten option does to the scores: it is no
measure of quality (`winnow reward eval` is one).
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.protocols import RewardFailure, RewardModel
from gateway.types import Conversation, Message

_SAME = 0.02
"""Scores that differ by no more than this share of their whole range count as the same."""


@dataclass(frozen=True, slots=True)
class FixedPair:
    """A customer's message, an answer that deserves to win, and one that deserves to lose."""

    question: str
    good: str
    bad: str

    @property
    def conversation(self) -> Conversation:
        return Conversation((Message("user", self.question),))


PAIRS = (
    FixedPair(
        "My parcel should have arrived on Monday and it is still not here. What can I do?",
        "I'm sorry that your parcel is late. Please open the tracking link in your confirmation "
        "e-mail first; if it shows no movement since Monday, send us your order number and we will "
        "ask the courier where it is.",
        "Parcels are nice. I like parcels, parcels, parcels, parcels, parcels, parcels and",
    ),
    FixedPair(
        "I forgot my password. How do I get back into my account?",
        'Please choose "Forgot password?" on the login page and enter your e-mail address. You '
        "will get a link with which you can set a new password. If no e-mail arrives, look into "
        "your spam folder, and write to us again if it is not there either.",
        "That is your own fault, you idiot. Stop wasting my time.",
    ),
    FixedPair(
        "Was my last invoice charged twice? I see two payments on my bank statement.",
        "I'm sorry about the worry. I can't see your payments from here. Please send us the "
        "invoice number and the dates of both payments, and our billing team will check them and "
        "refund a payment that was made twice.",
        "Bananas are rich in potassium and taste best when they are ripe.",
    ),
    FixedPair(
        "Can I still change the delivery address of the order I placed an hour ago?",
        "That is often possible as long as the order has not been packed. Please send us your "
        "order number and the new address now, and we will tell you whether it could be changed.",
        "no",
    ),
    FixedPair(
        "The lamp that you sent me is broken. I would like a new one.",
        "I'm sorry that the lamp arrived broken. Please send us your order number and a photo of "
        "the damage. As soon as we have them, we will arrange a replacement and tell you how to "
        "return the broken lamp.",
        "Hello, I am a customer and my lamp is broken. When will you send me a new lamp? I want a "
        "new lamp lamp the the the of of of",
    ),
    FixedPair(
        "How do I cancel my subscription?",
        'You can cancel it in your account under "Subscription". If you can\'t find it there, '
        "tell us the e-mail address of your account, and we will explain the next step.",
        "asdf qwer ;;; 0x00 undefined undefined undefined",
    ),
)


async def trial(reward: RewardModel, timeout_s: float = 60.0) -> Sequence[str]:
    """What is wrong with an open reward model, in plain words; empty if nothing was found.

    Nothing is raised: a reward model that fails serves too, degraded. All of it takes at most
    `timeout_s`: a judge with a large model scores twenty-one answers in eight calls.
    """
    try:
        async with asyncio.timeout(timeout_s):
            pairs = [await _scores(reward, p.conversation, (p.good, p.bad)) for p in PAIRS]
            return [*_as_numbers(pairs), *_ranking(pairs), *await _stability(reward, pairs)]
    except RewardFailure as failure:
        return [f"it fails: {failure}"]
    except TimeoutError:
        return [f"it fails: no score within {timeout_s:g} s"]
    except Exception as failure:  # noqa: BLE001 - whatever a plug-in raises is what is looked for
        return [f"it fails: it raises {type(failure).__name__}"]


async def _scores(
    reward: RewardModel, conversation: Conversation, answers: Sequence[str]
) -> Sequence[float]:
    scores = [float(score) for score in await reward.score(conversation, answers)]
    if len(scores) != len(answers):
        raise RewardFailure(f"it gives {len(scores)} scores for {len(answers)} answers")
    if not all(map(math.isfinite, scores)):
        raise RewardFailure("it gives scores that are not finite numbers")
    return scores


def _as_numbers(pairs: Sequence[Sequence[float]]) -> Sequence[str]:
    every = [score for scores in pairs for score in scores]
    # A saturated sigmoid is exactly 1. Noughts and ones alone are a rule's marks, or a constant.
    if all(0 <= score <= 1 for score in every) and any(0 < score < 1 for score in every):
        return ["all its scores look like probabilities (0 to 1): raw scores (logits) are wanted"]
    return []


def _ranking(pairs: Sequence[Sequence[float]]) -> Sequence[str]:
    wrong = [pair for pair, (good, bad) in zip(PAIRS, pairs, strict=True) if good <= bad]
    if not wrong:
        return []
    found = f"it ranks {len(wrong)} of {len(pairs)} plain pairs wrongly"
    example = f"asked {wrong[0].question!r}, {wrong[0].bad!r} is no worse than a good answer"
    if 2 * len(wrong) < len(pairs):
        return [f"{found}: {example}"]
    return [f"{found}, so that bad answers win (is the sign of its scores right?): {example}"]


async def _stability(reward: RewardModel, pairs: Sequence[Sequence[float]]) -> Sequence[str]:
    """What the first pair's scores depend on beside the conversation and the answer."""
    everything = [score for scores in pairs for score in scores]
    tolerance = _SAME * (max(everything) - min(everything))
    first, before = PAIRS[0], pairs[0]
    again = await _scores(reward, first.conversation, (first.good, first.bad))
    if _apart(again, before) > tolerance:
        return ["the same answers get other scores when they are scored again"]
    mates = [pair.bad for pair in PAIRS[1:]]
    *_, bad, good = await _scores(reward, first.conversation, (*mates, first.bad, first.good))
    if _apart((good, bad), before) > tolerance:
        return ["an answer's score depends on the other answers that are scored with it"]
    return []


def _apart(some: Sequence[float], others: Sequence[float]) -> float:
    return max(abs(a - b) for a, b in zip(some, others, strict=True))
