# torch belongs to the extra `train`; the environment that is type-checked does not have it.
# pyright: reportMissingImports=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false
"""What a reward model is trained to do: comparisons as tensors, and the loss over them.

Five terms, each a mean, for scores s and rubric scores y of the answers to one conversation:

- pairwise (Bradley-Terry): -log sigmoid(s_i - s_j) for i better than j, weighted by the gap;
- listwise: cross-entropy of softmax(s) against softmax(y / 0.7), the choice that matters;
- pointwise: Huber loss of s against y - zero, so that scores mean the same in every conversation;
- flags: binary cross-entropy of the second head;
- twins: the squared difference of two scores that should be the same.

Pairs give the first term alone. Strangers (good answers to something else) are rated by nobody:
they only lose against the good answers of a conversation.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

import torch
import torch.nn.functional as F  # noqa: N812  the name that every user of torch knows
from torch import Tensor

from gateway.alignment.reward_data import Comparison
from gateway.types import Conversation

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
_TWIN_WEIGHT = 2.0

Reading = tuple[Conversation, str]


@dataclass(frozen=True, slots=True)
class Item:
    """A comparison to be learnt from: n answers, each to be read after a conversation."""

    comparison: Comparison
    readings: tuple[Reading, ...]
    targets: Tensor
    """[n] rubric scores; NaN where there is none."""
    flags: Tensor
    """[n, flags]; NaN where the answer is not rated."""
    weights: Tensor
    """[n, n]: how much it counts that i scores above j."""
    focus: tuple[bool, ...]
    good: tuple[bool, ...]
    twins: tuple[tuple[int, int], ...] = ()
    """Pairs of answers that are worth the same."""


def item(comparison: Comparison, focus: str) -> Item:
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
        readings=tuple((comparison.conversation, a.text) for a in answers),
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
    kept = [i for i in range(len(whole.readings)) if i not in dropped]
    return Item(
        comparison=whole.comparison,
        readings=tuple(whole.readings[i] for i in kept),
        targets=whole.targets[kept],
        flags=whole.flags[kept],
        weights=whole.weights[kept][:, kept],
        focus=tuple(whole.focus[i] for i in kept),
        good=tuple(whole.good[i] for i in kept),
    )


def with_stranger(whole: Item, stranger: Reading) -> Item:
    """The item with one more answer, which is to lose against the good ones."""
    return _joined(whole, stranger, [_STRANGER_GAP if good else 0.0 for good in whole.good])


def with_twin(whole: Item, index: int, twin: Reading) -> Item:
    """The item with one more answer, which is worth as much as the one at `index`."""
    joined = _joined(whole, twin, [0.0] * len(whole.good))
    return replace(joined, twins=(*whole.twins, (index, len(whole.readings))))


def _joined(whole: Item, reading: Reading, losing: Sequence[float]) -> Item:
    """The item with an answer that nobody rated; `losing` says how much it counts against each."""
    n = len(whole.readings)
    weights = torch.zeros(n + 1, n + 1)
    weights[:n, :n] = whole.weights
    weights[:n, n] = torch.tensor(losing)
    nan = float("nan")
    return replace(
        whole,
        readings=(*whole.readings, reading),
        targets=torch.cat([whole.targets, torch.tensor([nan])]),
        flags=torch.cat([whole.flags, torch.full((1, len(FLAGS)), nan)]),
        weights=weights,
        focus=(*whole.focus, False),
        good=(*whole.good, False),
    )


def loss(scores: Tensor, flags: Tensor, items: Sequence[Item], zero: float) -> Tensor:
    """The loss of a step: `scores` [answers of all items], `flags` [answers, flags]."""
    parts = scores.split([len(i.readings) for i in items])
    targets = torch.cat([i.targets for i in items])
    focus = torch.tensor([f for i in items for f in i.focus])
    return (
        _pairwise(parts, items)
        + _LIST_WEIGHT * _listwise(parts, items)
        + _pointwise(scores, targets - zero, focus)
        + _FLAG_WEIGHT * _flagwise(flags, torch.cat([i.flags for i in items]))
        + _TWIN_WEIGHT * _twinwise(parts, items)
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


def _twinwise(parts: Sequence[Tensor], items: Sequence[Item]) -> Tensor:
    apart = [s[a] - s[b] for s, i in zip(parts, items, strict=True) for a, b in i.twins]
    return torch.stack(apart).square().mean() if apart else torch.zeros(())
