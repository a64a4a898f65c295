"""A random choice that prefers high values, with the probabilities that it really had.

With values v_i, temperature λ and exploration floor ε over n candidates,

    p_i = (1 - ε) · softmax(v_i / λ) + ε / n

A small λ makes it sharp; at 0 the highest value takes it all, equal ones in equal shares. The floor
keeps every p_i at ε / n or more, so that what another reward model or selector would have earned
can be estimated from the log (inverse propensity).
"""

from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import Annotated

import numpy as np
from pydantic import Field

from gateway.types import ScoredCandidate, Selection

Temperature = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Exploration = Annotated[float, Field(ge=0, le=1)]


def soft_choice(
    eligible: Sequence[ScoredCandidate],
    values: Sequence[float],
    rng: Random,
    *,
    temperature: float,
    exploration: float,
    strategy: str,
) -> Selection:
    """One of `eligible`, whose finite `values` are given in the same order.

    The order in which the candidates come, which is that of their ending, changes nothing.
    """
    pairs = sorted(
        ((c.candidate.index, value) for c, value in zip(eligible, values, strict=True)),
    )
    indices = [index for index, _ in pairs]
    probabilities = soft_probabilities([value for _, value in pairs], temperature, exploration)
    draw = rng.random()
    # The last sum can fall short of 1 by a rounding error: a draw beyond it is the likeliest one's.
    position = next(
        (i for i, total in enumerate(accumulate(probabilities)) if draw < total),
        probabilities.index(max(probabilities)),
    )
    return Selection(
        index=indices[position],
        probability=probabilities[position],
        strategy=strategy,
        probabilities=dict(zip(indices, probabilities, strict=True)),
        draw=draw,
    )


def soft_probabilities(
    values: Sequence[float], temperature: float, exploration: float
) -> list[float]:
    """The p_i above, in the order of `values` (finite, not empty)."""
    highest = max(values)
    if temperature > 0:
        # The maximum goes first: values may be as large as floats get.
        with np.errstate(over="ignore", under="ignore"):
            weights = np.exp((np.asarray(values, dtype=np.float64) - highest) / temperature)
    else:
        weights = np.asarray([float(value == highest) for value in values])
    mixed = (1 - exploration) * weights / weights.sum() + exploration / len(values)
    return [float(p) for p in mixed]
