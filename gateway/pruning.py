"""Which draws go on after their beginnings have been compared.

The beginnings are cut to the same number of characters, so that nothing is judged by how far it
has come. A policy may block later what a beginning does not show yet. Speculative rejection: Sun et
al., arXiv:2410.20290. It pays only where the scores of beginnings say something about the scores of
whole answers, which `winnow reward eval` measures.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from math import inf

from gateway.protocols import PrefixScorer, RewardModel
from gateway.types import ScoredCandidate

LEAST_CORRELATION = 0.6
"""Below it, pruning loses more quality than a smaller n would (docs/choose-the-answer.md)."""


@dataclass(frozen=True, slots=True)
class Pruning:
    """Once every draw at work has `at_tokens` tokens, the best `keep` go on."""

    at_tokens: int
    keep: int


def why_not(pruning: Pruning, reward: RewardModel | None) -> str | None:
    """Why the beginnings may not be compared by this reward model; None if they may."""
    if not isinstance(reward, PrefixScorer):
        return "nobody measured how its scores of beginnings go with those of whole answers"
    correlation = reward.prefix_correlation(pruning.at_tokens)
    if correlation is None:
        return f"its scores of beginnings of {pruning.at_tokens} tokens were not measured"
    if correlation < LEAST_CORRELATION:
        return (
            f"after {pruning.at_tokens} tokens its scores correlate with those of whole answers by "
            f"{correlation:.2f} or more, and {LEAST_CORRELATION} is the least"
        )
    return None


def beginnings(candidates: Sequence[ScoredCandidate]) -> Mapping[int, str]:
    """By index, the beginning of each answer that is still in the race, all of one length."""
    running = [c.candidate for c in candidates if c.candidate.outcome == "censored"]
    length = min((len(c.text) for c in running), default=0)
    if not length:  # nothing is at work, or one has only thought so far
        return {}
    texts = {c.index: c.text for c in running}
    texts |= {c.candidate.index: c.shown for c in candidates if c.eligible}
    return {index: texts[index][:length] for index in sorted(texts)}


def survivors(rewards: Mapping[int, float | None], keep: int) -> AbstractSet[int]:
    """The indices of the `keep` best; of equal ones the first. None is an answer that broke off."""
    ranked = sorted(rewards, key=lambda i: (-_or_worst(rewards[i]), i))
    return frozenset(ranked[:keep])


def _or_worst(reward: float | None) -> float:
    return -inf if reward is None else reward
