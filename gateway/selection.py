"""Chooses what is shown: the selector's pick, and what stands in for it when nobody scored."""

import logging
from collections.abc import Sequence
from random import Random

from gateway.protocols import Selector
from gateway.types import ScoredCandidate, Selection

logger = logging.getLogger(__name__)


def choose(
    candidates: Sequence[ScoredCandidate], n: int, selector: Selector, rng: Random
) -> tuple[Selection, ...]:
    """Up to `n` different eligible candidates, the first pick first.

    Several picks are drawn one after the other without replacement, so a pick's probability is
    the one it had given those before it. Where a reward is missing (the reward model failed) the
    order is the candidates' own, with certainty: a customer still gets a policy-checked answer,
    and replay can tell that nothing was drawn. A score that others lack says nothing.
    """
    remaining = [c for c in candidates if c.eligible]
    picks: list[Selection] = []
    while remaining and len(picks) < n:
        all_scored = all(c.reward is not None for c in remaining)
        pick = _picked(remaining, selector, rng) if all_scored else _in_order(remaining)
        picks.append(pick)
        remaining = [c for c in remaining if c.candidate.index != pick.index]
    return tuple(picks)


def _picked(eligible: Sequence[ScoredCandidate], selector: Selector, rng: Random) -> Selection:
    try:
        pick = selector.select(eligible, rng)
    except Exception as failure:  # noqa: BLE001  a selector of whoever wrote it
        logger.warning("selector %s failed: %s", type(selector).__name__, type(failure).__name__)
        return _in_order(eligible)
    if all(c.candidate.index != pick.index for c in eligible):
        logger.warning("selector %s picked what was not there", type(selector).__name__)
        return _in_order(eligible)
    return pick


def _in_order(eligible: Sequence[ScoredCandidate]) -> Selection:
    first = min(c.candidate.index for c in eligible)
    return Selection(
        index=first,
        probability=1.0,
        strategy="unscored-in-order",
        probabilities={c.candidate.index: float(c.candidate.index == first) for c in eligible},
        draw=0.0,
    )
