"""What people would have thought of another choice among the same answers (off-policy).

The answers of a vote are m independent draws of the model, so that the best of n of them chosen at
random is a best of n: it is the answer of rank k (1 is the lowest) with probability
C(k-1, n-1) / C(m, n). Each vote then counts by how much more often the other choice would have
shown that answer than the logged one did (self-normalised importance sampling).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np

from gateway.alignment.interval import Floats
from gateway.alignment.votes import Vote


def rank(vote: Vote) -> int:
    """The rank of the answer shown among those it was chosen from, 1 is the lowest reward.

    Among equal rewards the one drawn first is the lower one, which is as good as a random order.
    """
    own = (vote.rewards[vote.shown], vote.shown)
    return sum((reward, i) <= own for i, reward in enumerate(vote.rewards))


def best_of_n_weights(votes: Sequence[Vote], n: int) -> Floats:
    """How much each vote counts for the label rate of best-of-n; 0 where fewer were drawn."""
    return np.array([_chance(rank(v), len(v.rewards), n) / _logged(v) for v in votes])


def soft_weights(votes: Sequence[Vote], temperature: float) -> Floats:
    """The same for soft best-of-n, softmax(reward / temperature) over all answers of a vote."""
    return np.array([_softmax(v, temperature) / _logged(v) for v in votes])


def effective_votes(weights: Floats) -> float:
    """How many votes of equal weight would say as much: (sum w)^2 / sum w^2."""
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0


def reward_spread(votes: Sequence[Vote]) -> float:
    """The standard deviation of rewards within a request, over all requests; 0 without any."""
    sums = [float(np.var(v.rewards)) * len(v.rewards) for v in votes]
    degrees = sum(len(v.rewards) - 1 for v in votes)
    return float(np.sqrt(sum(sums) / degrees)) if degrees else 0.0


@dataclass(frozen=True, slots=True)
class RankRates:
    """The share of good answers by rank among m: `rates[i]` of rank `ranks[i]` of `sizes[i]`.

    `effective[i]` is the number of votes of equal weight that it rests on.
    """

    ranks: Floats
    sizes: Floats
    rates: Floats
    effective: Floats


class RankCells:
    """The votes by their rank and the number of answers, to be counted again and again."""

    def __init__(self, votes: Sequence[Vote]) -> None:
        cells = [(len(v.rewards), rank(v)) for v in votes]
        self._cells = sorted(set(cells))
        position = {cell: i for i, cell in enumerate(self._cells)}
        self._position = np.array([position[cell] for cell in cells], dtype=np.intp)
        self._weights = best_of_n_weights(votes, 1)
        self._good = np.array([v.good for v in votes], dtype=np.float64)

    def rates(self, times: Floats) -> RankRates:
        """The rates where each vote is counted that many times; ranks without a vote left out."""
        weights = times * self._weights
        total = self._sums(weights)
        good = self._sums(weights * self._good)
        squares = self._sums(weights * self._weights)
        there = total > 0
        sizes, ranks = np.array(self._cells, dtype=np.float64)[there].T
        return RankRates(
            ranks, sizes, good[there] / total[there], total[there] ** 2 / squares[there]
        )

    def _sums(self, values: Floats) -> Floats:
        sums = np.bincount(self._position, values, minlength=len(self._cells))
        return sums.astype(np.float64)


def _chance(of_rank: int, size: int, n: int) -> float:
    return comb(of_rank - 1, n - 1) / comb(size, n) if n <= size else 0.0


def _softmax(vote: Vote, temperature: float) -> float:
    rewards = np.array(vote.rewards)
    weights = np.exp((rewards - rewards.max()) / temperature)
    return float(weights[vote.shown] / weights.sum())


def _logged(vote: Vote) -> float:
    return vote.probabilities[vote.shown]
