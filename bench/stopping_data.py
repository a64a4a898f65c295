"""What the stop rules are tried on: the held-out conversations as the shipped model scores them,
and Gaussian answers with the figures that were measured there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from math import exp, log, pi, sin, sqrt
from pathlib import Path
from random import Random
from statistics import fmean, variance

from tokenizers import Tokenizer

from bench.simulation import Answer
from gateway.alignment.reward_data import Comparison, read_comparisons
from gateway.alignment.reward_evaluation import figures_by_slice
from gateway.alignment.reward_prefix import Cut, PrefixScores, prefix_correlations
from reward_filters.cross_encoder import (
    SHIPPED_WEIGHTS,
    TOKENIZER_FILE,
    CrossEncoder,
    load_tokenizer,
)

DATA = Path("reward_filters/data/preferences.jsonl")
CUTS = (16, 32)
"""Tokens at which answers are pruned: a quarter and a half of their mean length."""
_ORDERS = 24

Prompt = Sequence[Sequence[Answer]]
"""The answers to one prompt, in several orders."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the Gaussian answers take from the held-out ones.

    `accuracy` is the share of pairs of Qwen answers that the model ranks rightly, `prefix` the
    correlation of the score of so many tokens with that of the whole, `variation` the standard
    deviation, within prompts, of the logarithm of an answer's tokens.
    """

    accuracy: float
    prefix: Mapping[int, float]
    mean_tokens: float
    variation: float


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Prompts with four Qwen answers, and those with four to eight answers of any model."""

    revision: str
    qwen: Sequence[Prompt]
    all: Sequence[Prompt]
    measured: Measured


@dataclass(frozen=True, slots=True)
class _Scored:
    comparison: Comparison
    answers: Sequence[Answer]
    prefixes: PrefixScores

    def of(self, model: str) -> Sequence[Answer]:
        """The answers of the models that have this in their names."""
        pairs = zip(self.answers, self.comparison.answers, strict=True)
        return [answer for answer, rated in pairs if model in rated.model]


async def held_out() -> HeldOut:
    """Scores the `test` split with the shipped model. Nothing is chosen by what comes out."""
    tokenizer = load_tokenizer(SHIPPED_WEIGHTS / TOKENIZER_FILE)
    async with CrossEncoder() as model:
        scored = [
            await _scored(model, tokenizer, comparison)
            for comparison in read_comparisons([DATA], "test")
        ]
    qwen = [s.of("qwen") for s in scored]
    return HeldOut(
        model.revision,
        qwen=[_orders(answers[:4]) for answers in qwen if len(answers) >= 4],
        all=[_orders(s.answers[:8]) for s in scored if len(s.answers) >= 4],
        measured=_measured(scored, qwen),
    )


async def _scored(model: CrossEncoder, tokenizer: Tokenizer, comparison: Comparison) -> _Scored:
    texts = [a.text for a in comparison.answers]
    cut = {
        (Cut(tokens=n), i): prefix
        for n in CUTS
        for i, text in enumerate(texts)
        if (prefix := Cut(tokens=n).prefix(tokenizer, text)) is not None
    }
    scores = await model.score(comparison.conversation, [*texts, *cut.values()])
    begun = dict(zip(cut, scores[len(texts) :], strict=True))
    answers = [
        Answer(
            tokens=max(len(tokenizer.encode(rated.text, add_special_tokens=False)), 1),
            reward=score,
            worth=rated.score or 0.0,
            p_ok=model.p_ok(score),
            prefix_rewards={n: begun.get((Cut(tokens=n), i), score) for n in CUTS},
            text=rated.text,
        )
        for i, (rated, score) in enumerate(zip(comparison.answers, scores, strict=False))
    ]
    return _Scored(comparison, answers, PrefixScores.of(comparison, cut, scores))


def _measured(scored: Sequence[_Scored], qwen: Sequence[Sequence[Answer]]) -> Measured:
    slices = figures_by_slice([(s.comparison, [a.reward for a in s.answers]) for s in scored])
    pairs = slices["qwen"].pairs
    prefixes = prefix_correlations([s.prefixes for s in scored])
    if pairs is None:
        raise ValueError(f"{DATA} has no rated pairs of Qwen answers")
    logs = [[log(a.tokens) for a in answers] for answers in qwen]
    return Measured(
        accuracy=pairs.value,
        prefix={found.tokens: found.correlation for found in prefixes if found.tokens in CUTS},
        mean_tokens=fmean(a.tokens for answers in qwen for a in answers),
        variation=sqrt(fmean(variance(of_one) for of_one in logs if len(of_one) > 1)),
    )


def _orders(answers: Sequence[Answer]) -> Prompt:
    """All orders of four answers, as many random ones of more."""
    if len(answers) == 4:
        return list(permutations(answers))
    rng = Random(0)
    return [rng.sample(answers, len(answers)) for _ in range(_ORDERS)]


@dataclass(frozen=True, slots=True)
class Gaussian:
    """reward = m + e with m ~ N(0, between²) and e ~ N(0, 1).

    An answer's worth correlates with e by sin(pi · (accuracy - ½)), the scores of its beginnings by
    `prefix`; its length is log-normal and correlates with nothing.
    """

    between: float
    prefix: Mapping[int, float]
    measured: Measured

    def prompts(self, count: int, answers: int) -> Sequence[Prompt]:
        """The answers of `count` prompts, in one order each; the same ones in every run."""
        rng = Random(0)
        return [[self._answers(rng, answers)] for _ in range(count)]

    def _answers(self, rng: Random, count: int) -> Sequence[Answer]:
        common = rng.gauss(0, self.between)
        return [self._answer(rng, common) for _ in range(count)]

    def _answer(self, rng: Random, common: float) -> Answer:
        accuracy, variation = self.measured.accuracy, self.measured.variation
        e, other, length = (rng.gauss(0, 1) for _ in range(3))
        rho = sin(pi * (accuracy - 0.5))
        tokens = self.measured.mean_tokens * exp(variation * length - variation**2 / 2)
        return Answer(
            tokens=max(round(tokens), 1),
            reward=common + e,
            worth=rho * e + sqrt(1 - rho**2) * other,
            gain=e,
            prefix_rewards={
                n: r * e + sqrt(1 - r**2) * rng.gauss(0, 1) for n, r in self.prefix.items()
            },
        )
