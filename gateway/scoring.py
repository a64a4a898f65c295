"""Asks the reward model, and survives it: a failure degrades the choice, never the answer."""

import asyncio
import logging
import math
from collections.abc import Sequence

from gateway.protocols import RewardModel
from gateway.types import Conversation

logger = logging.getLogger(__name__)


async def score(
    reward: RewardModel | None,
    conversation: Conversation,
    answers: Sequence[str],
    timeout_s: float,
) -> Sequence[float | None]:
    """One reward per answer; None for each of them when the reward model cannot say.

    A batch counts as a whole: an exception, a time-out, a wrong number of scores or one that is
    not finite makes all of it None, since scores of half a batch can't be compared fairly.
    """
    if reward is None or not answers:
        return [None] * len(answers)
    try:
        async with asyncio.timeout(timeout_s):
            given = await reward.score(conversation, answers)
        return _checked(given, len(answers))
    except Exception as failure:  # noqa: BLE001  whatever it is, the customer still gets an answer
        logger.warning("reward model %s failed: %s", reward.revision, type(failure).__name__)
        return [None] * len(answers)


def _checked(given: Sequence[float], expected: int) -> Sequence[float]:
    """The scores as floats; ValueError or TypeError when they can't be what was asked for."""
    rewards = [float(reward) for reward in given]
    if len(rewards) != expected or not all(map(math.isfinite, rewards)):
        raise ValueError(f"{len(rewards)} scores for {expected} answers, or one not finite")
    return rewards
