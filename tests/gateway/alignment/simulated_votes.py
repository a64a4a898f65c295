"""Votes of people whose taste is known: y(u) is the share of thumbs up at quantile u."""

from collections.abc import Callable, Sequence

import numpy as np

from gateway.alignment.votes import Vote

Taste = Callable[[float], float]


def peak_at(n: float) -> Taste:
    """A quadratic taste by which the label rate of best-of-n is highest at that n.

    With y = a + b u - c u^2 it is V(n) = a + b n/(n+1) - c n/(n+2), and V'(n) = 0 where
    2 c / b = ((n+2)/(n+1))^2.
    """
    c = ((n + 2) / (n + 1)) ** 2 / 2
    return lambda u: 0.2 + 1.2 * (u - c * u * u)


def rising(u: float) -> float:
    """The better the reward, the more they like it."""
    return 0.2 + 0.6 * u


def falling(u: float) -> float:
    """The reward model likes what people do not."""
    return 0.9 - 0.7 * u


def votes(
    number: int,
    taste: Taste,
    *,
    sizes: Sequence[int] = (4,),
    exploration: float = 1.0,
    seed: int = 0,
) -> list[Vote]:
    """That many votes, each in a conversation of its own, on soft best-of-n choices.

    Rewards are logistic, the temperature is 0.5, and the exploration floor is as given.
    """
    rng = np.random.default_rng(seed)
    return [_vote(i, sizes[i % len(sizes)], taste, exploration, rng) for i in range(number)]


def _vote(
    number: int, size: int, taste: Taste, exploration: float, rng: np.random.Generator
) -> Vote:
    quantiles = rng.random(size)
    rewards = np.log(quantiles / (1 - quantiles))
    softmax = np.exp((rewards - rewards.max()) / 0.5)
    probabilities = (1 - exploration) * softmax / softmax.sum() + exploration / size
    shown = int(rng.choice(size, p=probabilities))
    good = bool(rng.random() < taste(float(quantiles[shown])))
    return Vote(
        f"c{number}", tuple(rewards.tolist()), tuple(probabilities.tolist()), shown, good, size
    )
