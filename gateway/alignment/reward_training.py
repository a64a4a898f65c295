# torch belongs to the extra `train`; the environment that is type-checked does not have it.
# pyright: reportMissingImports=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false
"""`winnow reward train`: fine-tunes a small cross-encoder on comparisons, and exports it.

The training conversations are dealt into folds. For each fold a member is trained on the others
and scores the one that it has not seen: those scores are the holdout figures and the calibration
on the card. The model is the average of the members' weights (a "model soup": Wortsman et al.,
arXiv:2203.05482), so that every conversation counts and no figure on the card is of a text the
scorer had learnt. The split `test` is never read here.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass as plain_dataclass
from pathlib import Path
from random import Random
from shutil import copyfile
from typing import Annotated

import torch
from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass
from torch import Tensor

from gateway.alignment import reward_network, reward_objective
from gateway.alignment.reward_card import RewardCard, holdout, source, write_card
from gateway.alignment.reward_data import Comparison, fold, read_comparisons
from gateway.alignment.reward_objective import FLAGS, Item, Row
from gateway.errors import ConfigurationError
from reward_filters.cross_encoder import MODEL_FILE, TOKENIZER_FILE, Template, load_tokenizer

BASE_WEIGHTS = "model.safetensors"
_WARM_UP = 0.1
_BATCHES_SORTED_TOGETHER = 8
_SCORED_AT_ONCE = 32
_LARGEST_GRADIENT = 1.0
_STRANGER_SCORE = 5.0

State = Mapping[str, Tensor]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class TrainingSettings:
    """`base` is a folder with a BERT encoder: `config.json`, `model.safetensors`, `tokenizer.json`.

    `focus` is part of the name of the models whose answers are to be told apart (`model` of a
    candidate): pairs of two of them count double. `strangers` is how often a conversation gets a
    good answer to another one, which is to lose.
    """

    base: Path
    name: str = "minilm-l6-support"
    template: Template = Field(default_factory=Template)
    focus: str = "qwen"
    folds: Annotated[int, Field(ge=2)] = 5
    epochs: Annotated[int, Field(ge=1)] = 4
    conversations_per_step: Annotated[int, Field(ge=1)] = 4
    learning_rate: Annotated[float, Field(gt=0)] = 8e-5
    head_learning_rate: Annotated[float, Field(gt=0)] = 5e-4
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 0.9
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    strangers: Annotated[float, Field(ge=0, le=1)] = 0.3
    others: Annotated[int, Field(ge=0)] = 2
    seed: int = 0


@plain_dataclass(frozen=True, slots=True)
class Progress:
    """Where a training run stands: counted from 1, `loss` the mean of the epoch so far."""

    member: int
    members: int
    step: int
    steps: int
    loss: float


@plain_dataclass(frozen=True, slots=True)
class Member:
    """The model that has not seen `fold`, and its scores of the conversations there."""

    fold: int
    state: State
    scores: tuple[tuple[Comparison, tuple[float, ...]], ...]


Report = Callable[[Progress], None]


def train(data: Sequence[Path], out: Path, settings: TrainingSettings, report: Report) -> None:
    """Train on the split `train` of `data` and write a folder that `CrossEncoder` serves.

    Raises:
        ConfigurationError: the data cannot be read, or a fold would be empty.
    """
    items, zero = prepare(data, settings)
    members = [fit(items, zero, k, settings, report) for k in range(settings.folds)]
    assemble(members, data, zero, out, settings)


def prepare(data: Sequence[Path], settings: TrainingSettings) -> tuple[tuple[Item, ...], float]:
    """The items to train on, and the mean rubric score: where the score 0 will lie."""
    comparisons = read_comparisons(data, "train")
    dealt = {fold(c, settings.folds) for c in comparisons}
    if len(dealt) < settings.folds:
        raise ConfigurationError(
            f"{len(comparisons)} conversations are too few for {settings.folds} folds"
        )
    tokenizer = load_tokenizer(settings.base / TOKENIZER_FILE)
    items = tuple(
        reward_objective.item(tokenizer, settings.template, c, settings.focus) for c in comparisons
    )
    scores = [a.score for c in comparisons for a in c.answers if a.score is not None]
    return items, sum(scores) / len(scores) if scores else 0.0


def fit(
    items: Sequence[Item], zero: float, held_out: int, settings: TrainingSettings, report: Report
) -> Member:
    """Train the member that does not see the fold `held_out`, and let it score that fold."""
    # The heads start alike in all members, or the average of them would mean nothing.
    torch.manual_seed(settings.seed)
    network = reward_network.RewardNetwork(settings.base, len(FLAGS), settings.dropout)
    seen = [i for i in items if fold(i.comparison, settings.folds) != held_out]
    unseen = [i for i in items if fold(i.comparison, settings.folds) == held_out]
    rng = Random(f"{settings.seed}/{held_out}")
    steps = math.ceil(len(seen) / settings.conversations_per_step) * settings.epochs
    optimizer = _optimizer(network, settings)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _rates(steps))
    strangers = _Strangers(seen, settings, rng)
    network.train()
    losses: list[float] = []
    for step, batch in enumerate(_batches(seen, settings, rng), 1):
        drawn = [strangers.join(reward_objective.thinned(i, settings.others, rng)) for i in batch]
        losses.append(_step(network, optimizer, drawn, zero))
        schedule.step()
        recent = losses[-math.ceil(steps / settings.epochs) :]
        report(Progress(held_out + 1, settings.folds, step, steps, sum(recent) / len(recent)))
    scores = tuple((i.comparison, s) for i, s in zip(unseen, score(network, unseen), strict=True))
    return Member(held_out, {k: v.detach() for k, v in network.state_dict().items()}, scores)


def score(network: reward_network.RewardNetwork, items: Sequence[Item]) -> list[tuple[float, ...]]:
    """The network's scores of each item's answers."""
    network.eval()
    rows = [row for i in items for row in i.rows]
    order = sorted(range(len(rows)), key=lambda r: len(rows[r][0]))
    found: dict[int, float] = {}
    with torch.inference_mode():
        for start in range(0, len(order), _SCORED_AT_ONCE):
            part = order[start : start + _SCORED_AT_ONCE]
            scores, _ = network(*reward_network.padded([rows[r] for r in part]))
            found.update(zip(part, scores.tolist(), strict=True))
    flat = iter(range(len(rows)))
    return [tuple(found[next(flat)] for _ in i.rows) for i in items]


def assemble(
    members: Sequence[Member],
    data: Sequence[Path],
    zero: float,
    out: Path,
    settings: TrainingSettings,
) -> None:
    """Average the members and write the model, its tokenizer and its card to `out`."""
    network = reward_network.RewardNetwork(settings.base, len(FLAGS), settings.dropout)
    network.load_state_dict(averaged([m.state for m in members]))
    out.mkdir(parents=True, exist_ok=True)
    reward_network.export(network, out / MODEL_FILE)
    copyfile(settings.base / TOKENIZER_FILE, out / TOKENIZER_FILE)
    figures, calibration = holdout([pair for m in members for pair in m.scores])
    chosen = TypeAdapter(TrainingSettings).dump_python(
        settings, mode="json", exclude={"base", "name", "template"}
    )
    card = RewardCard(
        name=settings.name,
        template=settings.template,
        base=source(settings.base / BASE_WEIGHTS),
        data=[source(file) for file in data],
        settings=chosen,
        zero=zero,
        calibration=calibration,
        holdout=figures,
    )
    write_card(out, card)


def averaged(states: Sequence[State]) -> State:
    """The mean of each weight; what is no number with a fraction is taken from the first."""
    first = states[0]
    return {
        name: torch.stack([s[name] for s in states]).mean(0) if value.is_floating_point() else value
        for name, value in first.items()
    }


class _Strangers:
    """Good answers to other conversations, tokenised with this one."""

    def __init__(self, items: Sequence[Item], settings: TrainingSettings, rng: Random) -> None:
        self._pool = [
            (i.comparison, a.text)
            for i in items
            for a in i.comparison.answers
            if a.score is not None and a.score >= _STRANGER_SCORE
        ]
        self._tokenizer = load_tokenizer(settings.base / TOKENIZER_FILE)
        self._settings = settings
        self._rng = rng

    def join(self, item: Item) -> Item:
        if not self._pool or not any(item.good) or self._rng.random() >= self._settings.strangers:
            return item
        source, text = self._rng.choice(self._pool)
        if source.conversation == item.comparison.conversation:
            return item
        return reward_objective.with_stranger(item, self._row(item.comparison, text))

    def _row(self, comparison: Comparison, text: str) -> Row:
        template = self._settings.template
        return reward_objective.encoded(self._tokenizer, template, comparison, text)


def _batches(
    items: Sequence[Item], settings: TrainingSettings, rng: Random
) -> Iterator[Sequence[Item]]:
    """Every item once an epoch, with others of about its length, in random order."""
    size = settings.conversations_per_step
    block = size * _BATCHES_SORTED_TOGETHER
    for _ in range(settings.epochs):
        shuffled = rng.sample(items, len(items))
        batches: list[Sequence[Item]] = []
        for start in range(0, len(shuffled), block):
            alike = sorted(shuffled[start : start + block], key=lambda i: i.longest)
            batches += [alike[k : k + size] for k in range(0, len(alike), size)]
        rng.shuffle(batches)
        yield from batches


def _step(
    network: reward_network.RewardNetwork,
    optimizer: torch.optim.Optimizer,
    items: Sequence[Item],
    zero: float,
) -> float:
    rows = [row for i in items for row in i.rows]
    with torch.autocast("cpu", torch.bfloat16):
        scores, flags = network(*reward_network.padded(rows))
    loss = reward_objective.loss(scores.float(), flags.float(), items, zero)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), _LARGEST_GRADIENT)
    optimizer.step()
    optimizer.zero_grad()
    return float(loss.detach())


def _rates(steps: int) -> Callable[[int], float]:
    """The share of the learning rate at each step: up over the first tenth, linearly down."""

    def rate(step: int) -> float:
        done = step / steps
        return min(1.0, (done + 0.001) / _WARM_UP) * max(0.0, 1.0 - done)

    return rate


def _optimizer(
    network: reward_network.RewardNetwork, settings: TrainingSettings
) -> torch.optim.Optimizer:
    """AdamW; the deeper a layer lies under the heads, the slower it learns."""
    layers = list(network.encoder.encoder.layer)
    blocks = [network.encoder.embeddings, *layers]
    groups = [
        {
            "params": list(block.parameters()),
            "lr": settings.learning_rate * settings.layer_decay ** (len(layers) - depth),
        }
        for depth, block in enumerate(blocks)
    ]
    heads = [*network.score.parameters(), *network.flags.parameters()]
    groups.append({"params": heads, "lr": settings.head_learning_rate})
    return torch.optim.AdamW(groups, weight_decay=settings.weight_decay, fused=True)
