"""Asks the reward model, and survives it: a failure degrades the choice, never the answer."""

import asyncio
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.protocols import Calibrated, RewardFailure, RewardModel
from gateway.types import Conversation

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scores:
    """One reward per answer, all of them None where there was a `failure`.

    It is "timeout", "malformed" (a wrong number of scores, or one that is not finite) or "failed".
    """

    rewards: Sequence[float | None]
    failure: str | None = None


async def score(
    reward: RewardModel | None,
    conversation: Conversation,
    answers: Sequence[str],
    timeout_s: float,
) -> Scores:
    """One reward per answer; None for each of them when the reward model cannot say.

    A batch counts as a whole: an exception, a time-out, a wrong number of scores or one that is
    not finite makes all of it None, since scores of half a batch can't be compared fairly.
    """
    unscored: list[float | None] = [None] * len(answers)
    if reward is None or not answers:
        return Scores(unscored)
    failure = "failed"
    try:
        async with asyncio.timeout(timeout_s):
            given = await reward.score(conversation, answers)
        failure = "malformed"
        return Scores(_checked(given, len(answers)))
    except asyncio.CancelledError:
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise
        logger.warning("reward model %s failed: it cancels its own call", reward.revision)
    except TimeoutError:
        failure = "timeout"
        logger.warning("reward model %s gave no scores in time", reward.revision)
    except RewardFailure as reason:
        logger.warning("reward model %s failed: %s", reward.revision, reason)
    except Exception as error:  # noqa: BLE001  whatever it is, the customer still gets an answer
        logger.warning("reward model %s failed: %s", reward.revision, type(error).__name__)
    return Scores(unscored, failure)


def acceptable(reward: RewardModel | None, score: float | None) -> float | None:
    """P(ok) of that score, where the reward model is calibrated and gives a probability."""
    if score is None or not isinstance(reward, Calibrated):
        return None
    try:
        p_ok = reward.p_ok(score)
        known = p_ok is not None and 0 <= p_ok <= 1
    except Exception as error:  # noqa: BLE001  without it there is an answer all the same
        logger.warning("reward model %s has no P(ok): %s", reward.revision, type(error).__name__)
        return None
    return p_ok if known else None


def _checked(given: Sequence[float], expected: int) -> Sequence[float]:
    """The scores as floats; ValueError or TypeError when they can't be what was asked for."""
    rewards = [float(reward) for reward in given]
    if len(rewards) != expected or not all(map(math.isfinite, rewards)):
        raise ValueError(f"{len(rewards)} scores for {expected} answers, or one not finite")
    return rewards
