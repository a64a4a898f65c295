# torch belongs to the extra `train`; the environment that is type-checked does not have it.
# pyright: reportMissingImports=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false
"""What a reward model is trained to do: comparisons as tensors, and the loss over them.

Four terms, each a mean, for scores s and rubric scores y of the answers to one conversation:

- pairwise (Bradley-Terry): -log sigmoid(s_i - s_j) for i better than j, weighted by the gap;
- listwise: cross-entropy of softmax(s) against softmax(y / 0.7), the choice that matters;
- pointwise: Huber loss of s against y - zero, so that scores mean the same in every conversation;
- flags: binary cross-entropy of the second head.

Pairs give the first term alone. Strangers (good answers to something else) are rated by nobody:
they only lose against the good answers of a conversation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import torch
import torch.nn.functional as F  # noqa: N812  the name that every user of torch knows
from tokenizers import Tokenizer
from torch import Tensor

from gateway.alignment.reward_data import Comparison
from reward_filters.cross_encoder import Template

FLAGS = (
    "off_topic",
    "invented",
    "wrong_role",
    "rude",
    "unsafe",
    "incoherent",
    "unhelpful_refusal",
)
_GAP_CAP = 4.0
_FOCUS_WEIGHT = 2.0
_LIST_TEMPERATURE = 0.7
_LIST_WEIGHT = 0.5
_FLAG_WEIGHT = 0.5
_HUBER_BETA = 2.0
_GOOD = 4.0
_STRANGER_GAP = 2.0

Row = tuple[Sequence[int], Sequence[int]]


@dataclass(frozen=True, slots=True)
class Item:
    """A comparison ready for the network: n answers."""

    comparison: Comparison
    rows: tuple[Row, ...]
    targets: Tensor
    """[n] rubric scores; NaN where there is none."""
    flags: Tensor
    """[n, flags]; NaN where the answer is not rated."""
    weights: Tensor
    """[n, n]: how much it counts that i scores above j."""
    focus: tuple[bool, ...]
    good: tuple[bool, ...]

    @property
    def longest(self) -> int:
        return max(len(ids) for ids, _ in self.rows)


def encoded(tokenizer: Tokenizer, template: Template, comparison: Comparison, text: str) -> Row:
    tokens = template.encode(tokenizer, comparison.conversation, text)
    return tokens.ids, tokens.type_ids


def item(tokenizer: Tokenizer, template: Template, comparison: Comparison, focus: str) -> Item:
    """`focus` is part of the name of the models whose answers must be told apart; "" for none."""
    answers = comparison.answers
    focused = tuple(bool(focus) and focus in a.model for a in answers)
    weights = torch.zeros(len(answers), len(answers))
    for better, worse, gap in comparison.pairs:
        both = focused[better] and focused[worse]
        weights[better, worse] = min(gap, _GAP_CAP) * (_FOCUS_WEIGHT if both else 1.0)
    nan = float("nan")
    preferred = {better for better, _, _ in comparison.pairs}
    return Item(
        comparison=comparison,
        rows=tuple(encoded(tokenizer, template, comparison, a.text) for a in answers),
        targets=torch.tensor([nan if a.score is None else a.score for a in answers]),
        flags=torch.tensor(
            [[nan if a.score is None else float(f in a.flags) for f in FLAGS] for a in answers]
        ),
        weights=weights,
        focus=focused,
        good=tuple(
            i in preferred if a.score is None else a.score >= _GOOD for i, a in enumerate(answers)
        ),
    )


def thinned(whole: Item, others_kept: int, rng: Random) -> Item:
    """Where some answers are in focus, all of them and so many of the others, drawn anew."""
    others = [i for i, focused in enumerate(whole.focus) if not focused]
    if not any(whole.focus) or len(others) <= others_kept:
        return whole
    dropped = rng.sample(others, len(others) - others_kept)
    kept = [i for i in range(len(whole.rows)) if i not in dropped]
    return Item(
        comparison=whole.comparison,
        rows=tuple(whole.rows[i] for i in kept),
        targets=whole.targets[kept],
        flags=whole.flags[kept],
        weights=whole.weights[kept][:, kept],
        focus=tuple(whole.focus[i] for i in kept),
        good=tuple(whole.good[i] for i in kept),
    )


def with_stranger(whole: Item, stranger: Row) -> Item:
    """The item with one more answer, which is to lose against the good ones."""
    n = len(whole.rows)
    weights = torch.zeros(n + 1, n + 1)
    weights[:n, :n] = whole.weights
    weights[:n, n] = torch.tensor([_STRANGER_GAP if good else 0.0 for good in whole.good])
    nan = float("nan")
    return Item(
        comparison=whole.comparison,
        rows=(*whole.rows, stranger),
        targets=torch.cat([whole.targets, torch.tensor([nan])]),
        flags=torch.cat([whole.flags, torch.full((1, len(FLAGS)), nan)]),
        weights=weights,
        focus=(*whole.focus, False),
        good=(*whole.good, False),
    )


def loss(scores: Tensor, flags: Tensor, items: Sequence[Item], zero: float) -> Tensor:
    """The loss of a step: `scores` [answers of all items], `flags` [answers, flags]."""
    parts = scores.split([len(i.rows) for i in items])
    targets = torch.cat([i.targets for i in items])
    focus = torch.tensor([f for i in items for f in i.focus])
    return (
        _pairwise(parts, items)
        + _LIST_WEIGHT * _listwise(parts, items)
        + _pointwise(scores, targets - zero, focus)
        + _FLAG_WEIGHT * _flagwise(flags, torch.cat([i.flags for i in items]))
    )


def _pairwise(parts: Sequence[Tensor], items: Sequence[Item]) -> Tensor:
    losses = [
        (i.weights * F.softplus(s[None, :] - s[:, None])).sum()
        for s, i in zip(parts, items, strict=True)
    ]
    total = sum(float(i.weights.sum()) for i in items)
    return torch.stack(losses).sum() / max(total, 1.0)


def _listwise(parts: Sequence[Tensor], items: Sequence[Item]) -> Tensor:
    losses: list[Tensor] = []
    for s, i in zip(parts, items, strict=True):
        rated = ~i.targets.isnan()
        focus = torch.tensor(i.focus) & rated
        kept = focus if int(focus.sum()) > 1 else rated
        if int(kept.sum()) > 1:
            wanted = torch.softmax(i.targets[kept] / _LIST_TEMPERATURE, 0)
            losses.append(-(wanted * torch.log_softmax(s[kept], 0)).sum())
    return torch.stack(losses).mean() if losses else torch.zeros(())


def _pointwise(scores: Tensor, targets: Tensor, focus: Tensor) -> Tensor:
    rated = ~targets.isnan()
    if not bool(rated.any()):
        return torch.zeros(())
    weights = torch.where(focus, _FOCUS_WEIGHT, 1.0)[rated]
    losses = F.smooth_l1_loss(scores[rated], targets[rated], reduction="none", beta=_HUBER_BETA)
    return (weights * losses).sum() / weights.sum()


def _flagwise(logits: Tensor, wanted: Tensor) -> Tensor:
    rated = ~wanted.isnan().any(1)
    if not bool(rated.any()):
        return torch.zeros(())
    return F.binary_cross_entropy_with_logits(logits[rated], wanted[rated])
