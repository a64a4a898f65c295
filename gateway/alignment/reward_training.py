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

from gateway.alignment import reward_augmentation, reward_network, reward_objective
from gateway.alignment.reward_augmentation import Strangers
from gateway.alignment.reward_card import RewardCard, holdout, source, write_card
from gateway.alignment.reward_data import Comparison, fold, read_comparisons
from gateway.alignment.reward_network import Reader, Row
from gateway.alignment.reward_objective import FLAGS, Item
from gateway.alignment.reward_prefix import PrefixScores, prefixes
from gateway.errors import ConfigurationError
from reward_filters.cross_encoder import MODEL_FILE, TOKENIZER_FILE, Template

BASE_WEIGHTS = "model.safetensors"
_WARM_UP = 0.1
_BATCHES_SORTED_TOGETHER = 8
_LARGEST_GRADIENT = 1.0
_PASSES = 2

State = Mapping[str, Tensor]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class TrainingSettings:
    """`base` is a folder with a BERT encoder: `config.json`, `model.safetensors`, `tokenizer.json`.

    `focus` is part of the name of the models whose answers are to be told apart (`model` of a
    candidate): pairs of two of them count double. `strangers` and `introductions` are the
    shares of conversations that `reward_augmentation` changes in that way, `similar` the share of
    the strangers that answer a similar question. The defaults made the shipped model; its README
    says what others gain and cost.
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
    similar: Annotated[float, Field(ge=0, le=1)] = 0.0
    introductions: Annotated[float, Field(ge=0, le=1)] = 0.0
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
    scores: tuple[PrefixScores, ...]


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
    items = tuple(reward_objective.item(c, settings.focus) for c in comparisons)
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
    reader = Reader(settings.base, settings.template)
    steps = math.ceil(len(seen) / settings.conversations_per_step) * settings.epochs
    optimizer = _optimizer(network, settings)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _rates(steps))
    augmented = _Augmented(settings, seen, reader, network, rng)
    network.train()
    losses: list[float] = []
    for step, batch in enumerate(_batches(seen, settings, rng), 1):
        losses.append(_step(network, optimizer, [augmented(i) for i in batch], reader, zero))
        schedule.step()
        recent = losses[-math.ceil(steps / settings.epochs) :]
        report(Progress(held_out + 1, settings.folds, step, steps, sum(recent) / len(recent)))
    scores = tuple(_held_out(network, reader, i.comparison) for i in unseen)
    return Member(held_out, {k: v.detach() for k, v in network.state_dict().items()}, scores)


def _held_out(
    network: reward_network.RewardNetwork, reader: Reader, comparison: Comparison
) -> PrefixScores:
    cut = prefixes(reader.tokenizer, comparison)
    texts = [*(a.text for a in comparison.answers), *cut.values()]
    rows = reader([(comparison.conversation, text) for text in texts])
    return PrefixScores.of(comparison, cut, reward_network.scores(network, rows))


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
    figures, calibration, prefix = holdout([s for m in members for s in m.scores])
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
        prefix_correlation=prefix,
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


class _Augmented:
    """An item as it is met in one epoch."""

    def __init__(
        self,
        settings: TrainingSettings,
        items: Sequence[Item],
        reader: Reader,
        network: reward_network.RewardNetwork,
        rng: Random,
    ) -> None:
        questions = [(i.comparison.conversation, "") for i in items]
        self._strangers = Strangers(
            items, reward_network.embeddings(network, reader(questions)), rng
        )
        self._settings = settings
        self._rng = rng

    def __call__(self, item: Item) -> Item:
        settings, rng = self._settings, self._rng
        item = reward_objective.thinned(item, settings.others, rng)
        if rng.random() < settings.strangers:
            item = self._strangers.join(item, similar=rng.random() < settings.similar)
        if rng.random() < settings.introductions:
            item = reward_augmentation.introduced(item, rng)
        return item


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
            alike = sorted(shuffled[start : start + block], key=_length)
            batches += [alike[k : k + size] for k in range(0, len(alike), size)]
        rng.shuffle(batches)
        yield from batches


def _length(item: Item) -> int:
    return max(len(answer) for _, answer in item.readings)


def _step(
    network: reward_network.RewardNetwork,
    optimizer: torch.optim.Optimizer,
    items: Sequence[Item],
    reader: Reader,
    zero: float,
) -> float:
    scores, flags = _forward(network, reader([r for i in items for r in i.readings]))
    loss = reward_objective.loss(scores, flags, items, zero)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), _LARGEST_GRADIENT)
    optimizer.step()
    optimizer.zero_grad()
    return float(loss.detach())


def _forward(network: reward_network.RewardNetwork, rows: Sequence[Row]) -> tuple[Tensor, Tensor]:
    """The network's outputs, short rows and long ones read apart: less of it is padding."""
    order = sorted(range(len(rows)), key=lambda r: len(rows[r][0]))
    size = math.ceil(len(order) / _PASSES)
    parts = [order[start : start + size] for start in range(0, len(order), size)]
    with torch.autocast("cpu", torch.bfloat16):
        found = [network(*reward_network.padded([rows[r] for r in part])) for part in parts]
    back = torch.tensor(order).argsort()
    scores, flags = (torch.cat(outputs).float()[back] for outputs in zip(*found, strict=True))
    return scores, flags


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
