"""How far the score of an answer's beginning foretells the score of the whole answer.

Choosing between answers before they are finished is worth what this correlation is. It is taken
within conversations and within the answers of one model there, since that is what one request
has to choose from: scores less their group's mean, pooled, then Pearson's r. Intervals are 95 %
percentile bootstrap intervals over conversations.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from tokenizers import Tokenizer

from gateway.alignment.interval import Floats, Interval, correlation, resampled
from gateway.alignment.reward_data import Comparison
from gateway.normalisation import encodable


@dataclass(frozen=True, slots=True)
class Cut:
    """Where answers are cut: after so many `tokens`, or after a `share` of their own."""

    tokens: int | None = None
    share: float | None = None

    def prefix(self, tokenizer: Tokenizer, answer: str) -> str | None:
        """The answer up to the cut; None where it is not longer than that."""
        text = encodable(answer)
        ends = [end for _, end in tokenizer.encode(text, add_special_tokens=False).offsets]
        kept = math.ceil((self.share or 0) * len(ends)) if self.tokens is None else self.tokens
        return text[: ends[kept - 1]] if 0 < kept < len(ends) else None


CUTS = (*(Cut(tokens=n) for n in (16, 32, 48, 64)), *(Cut(share=s) for s in (0.25, 0.5)))


Place = tuple[Cut, int]
"""A prefix: where it ends, and the index of its answer."""


def prefixes(tokenizer: Tokenizer, comparison: Comparison) -> Mapping[Place, str]:
    """The beginnings, at each of `CUTS`, of the answers that are longer."""
    return {
        (cut, index): prefix
        for cut in CUTS
        for index, answer in enumerate(comparison.answers)
        if (prefix := cut.prefix(tokenizer, answer.text)) is not None
    }


@dataclass(frozen=True, slots=True)
class PrefixScores:
    """The scores of a conversation's answers, and of their `prefixes`."""

    comparison: Comparison
    whole: Sequence[float]
    prefixes: Mapping[Place, float]

    @classmethod
    def of(cls, comparison: Comparison, places: Iterable[Place], scores: Sequence[float]) -> Self:
        """From the scores of all answers, and then of the prefixes at `places`."""
        whole = len(comparison.answers)
        return cls(comparison, scores[:whole], dict(zip(places, scores[whole:], strict=True)))


@dataclass(frozen=True, slots=True)
class PrefixCorrelation:
    """One cut. `correlation` with its interval is that with the score of the whole answer;
    `rubric` is that with the rubric score, None where fewer than two answers are rated.
    `answers` counts those compared: longer than the cut, and not alone in that.
    """

    correlation: float
    low: float
    high: float
    answers: int
    rubric: Interval | None
    tokens: int | None = None
    share: float | None = None


def prefix_correlations(scored: Sequence[PrefixScores]) -> tuple[PrefixCorrelation, ...]:
    """The correlations at each of `CUTS` where there is anything to compare."""
    return tuple(c for cut in CUTS if (c := _correlation(scored, cut)) is not None)


def _correlation(scored: Sequence[PrefixScores], cut: Cut) -> PrefixCorrelation | None:
    finals = [_groups(s, cut, s.whole) for s in scored]
    ratings = [_groups(s, cut, [a.score for a in s.comparison.answers]) for s in scored]
    found = _interval(finals)
    if found is None:
        return None
    answers = sum(len(group) for groups in finals for group in groups)
    return PrefixCorrelation(
        found.value, found.low, found.high, answers, _interval(ratings), cut.tokens, cut.share
    )


def _groups(scores: PrefixScores, cut: Cut, others: Sequence[float | None]) -> list[Floats]:
    """[answers, 2] for each model with two answers and more: prefix score and the other one."""
    groups: dict[str, list[tuple[float, float]]] = {}
    for index, (answer, other) in enumerate(zip(scores.comparison.answers, others, strict=True)):
        prefix = scores.prefixes.get((cut, index))
        if prefix is not None and other is not None:
            groups.setdefault(answer.model, []).append((prefix, other))
    return [np.array(group) for group in groups.values() if len(group) > 1]


def _interval(conversations: Sequence[Sequence[Floats]]) -> Interval | None:
    sums = np.array([_sums(groups) for groups in conversations if groups]).reshape(-1, 3)
    return correlation(*resampled(sums).T) if len(sums) else None


def _sums(groups: Sequence[Floats]) -> Floats:
    """Of the deviations from each group's mean: sum of products, and of the two squares."""
    deviations = np.concatenate([group - group.mean(0) for group in groups])
    x, y = deviations.T
    return np.array([x @ y, x @ x, y @ y])
