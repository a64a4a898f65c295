"""`python -m bench.shipped_prior`: the prior that ships for the shipped reward model.

Fitted on what the model gives the Qwen answers of the `train` split. It was trained on these, so
that within a conversation its scores there follow the ratings more closely than they will anywhere
else, and spread more widely. That is taken out. Ratings y have the variance V within conversations
and correlate with the scores s of unseen answers by R, which the out-of-fold pairs on the model's
card tell (a share a of them ranked rightly is R = sin(pi · (a - ½)), for Gaussian values). What was
learnt by heart is k times the part of y that the model cannot know:

    score = s + k · (y - E[y | s])
    Var(score) = w² + k² · V · (1 - R²)
    Cov(score, y) = R · w · sqrt(V) + k · V · (1 - R²)

and w, the spread of scores of unseen answers, is the larger solution.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from math import pi, sin, sqrt
from pathlib import Path

import numpy as np
from rich.progress import track

import policies
import reward_filters
from gateway.alignment.reward_card import read_card
from gateway.alignment.reward_data import Comparison, read_comparisons
from gateway.alignment.reward_prior import Group, fit_prior, write_prior
from gateway.guard import Guard
from gateway.policy_sets import load_policy_set, opened
from reward_filters.cross_encoder import SHIPPED_WEIGHTS, CrossEncoder
from reward_filters.pandora import SHIPPED_PRIOR

DATA = Path(reward_filters.__file__).parent / "data" / "preferences.jsonl"
POLICIES = Path(policies.__file__).parent / "default.yaml"

Ratings = Sequence[tuple[Sequence[float], Sequence[float]]]
"""Of each conversation, the scores and the ratings of its answers."""


def held_out_within(scored: Ratings, accuracy: float) -> float:
    """W above; the spread as it is where there is no solution."""
    x = np.concatenate([np.subtract(s, np.mean(s)) for s, _ in scored])
    y = np.concatenate([np.subtract(r, np.mean(r)) for _, r in scored])
    freedom = sum(len(s) - 1 for s, _ in scored)
    spread, rated, both = float(x @ x), float(y @ y), float(x @ y)
    variance, sigma2, covariance = spread / freedom, rated / freedom, both / freedom
    rho = sin(pi * (accuracy - 0.5))
    unknown = sigma2 * (1 - rho**2)
    # a w² - 2 b w + c = 0
    a = 1 / (1 - rho**2)
    b = covariance * rho * sqrt(sigma2) / unknown
    c = covariance**2 / unknown - variance
    root = b**2 - a * c
    return sqrt(variance) if root < 0 else (b + sqrt(root)) / a


async def scored_groups() -> tuple[Sequence[Group], Ratings]:
    """What the shipped model and the default policies say of the Qwen answers of `train`."""
    default = load_policy_set(POLICIES)
    guard, model = Guard([default]), CrossEncoder()
    groups: list[Group] = []
    ratings: list[tuple[Sequence[float], Sequence[float]]] = []
    async with opened([default]), model:
        for comparison in track(read_comparisons([DATA], "train"), "scoring"):
            texts = [a.text for a in comparison.answers if "qwen" in a.model]
            if not texts:
                continue
            scores = await model.score(comparison.conversation, texts)
            passed = [await _passes(guard, comparison, text) for text in texts]
            kept = [s for s, survives in zip(scores, passed, strict=True) if survives]
            groups.append(Group(tuple(kept), sum(passed), len(passed) - sum(passed)))
            stars = [a.score or 0.0 for a in comparison.answers if "qwen" in a.model]
            ratings.append((scores, stars))
    return groups, ratings


async def _passes(guard: Guard, comparison: Comparison, text: str) -> bool:
    conversation = comparison.conversation
    return (await guard.screen(text, "output", conversation, role="assistant")).passed


def main() -> None:
    groups, ratings = asyncio.run(scored_groups())
    source = "Qwen answers of reward_filters/data/preferences.jsonl (train), default policies"
    prior = fit_prior(groups, CrossEncoder().revision, source)
    pairs = read_card(SHIPPED_WEIGHTS).holdout.slices["qwen"].pairs
    if pairs is None:
        raise SystemExit("the card has no out-of-fold pairs of Qwen answers")
    print(f"within {prior.within:.3f} as the model was trained on these answers")
    prior = replace(prior, within=held_out_within(ratings, pairs.value))
    write_prior(prior, SHIPPED_PRIOR)
    print(SHIPPED_PRIOR.read_text())


if __name__ == "__main__":
    main()
