# torch belongs to the extra `train`; the environment that is type-checked does not have it.
# pyright: reportMissingImports=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false
"""`winnow policy train`: several guards on one small encoder.

First the heads alone are fitted on the encoder as it is, then all of it is fine-tuned from there
("linear probing, then fine-tuning": Kumar et al., arXiv:2202.10054). Every row trains the heads
that its source knows about, and no others.

Only the split `train` is learnt. What the export finds in `validation` gives the probabilities and
thresholds of the card (`guard_evaluation.calibrated`); `test` is read by nobody here.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass as plain_dataclass
from pathlib import Path
from random import Random
from shutil import copyfile
from typing import Annotated

import torch
from pydantic import ConfigDict, Field, JsonValue, TypeAdapter
from pydantic.dataclasses import dataclass
from tokenizers import Tokenizer
from torch import Tensor

from gateway.alignment import guard_network, reward_network
from gateway.alignment.guard_data import HEADS, LabelledText, embedded, fragments, limited
from gateway.alignment.guard_network import GuardNetwork, TokenRow
from gateway.errors import ConfigurationError
from gateway.normalisation import encodable, normalise
from policies.network import MODEL_FILE, TOKENIZER_FILE, load_tokenizer

BASE_WEIGHTS = "model.safetensors"
_WARM_UP = 0.1
_BATCHES_SORTED_TOGETHER = 16
_LARGEST_GRADIENT = 1.0
_HEAD_DECAY = 1e-4
# Texts longer than this many characters per token that is read are cut before they are tokenised.
_CHARACTERS_PER_TOKEN = 16


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class TrainingSettings:
    """`base` is a folder with a BERT encoder: `config.json`, `model.safetensors`, `tokenizer.json`.

    No more than `most_per_source` rows of a source are learnt, and beside them `embedded` attacks
    and honest texts that stand among others (`guard_data.embedded`), and `fragments` of a few
    words. With `epochs` 0 the encoder stays as it is, and the heads alone are fitted.
    """

    base: Path
    name: str = "minilm-l6-guard"
    max_tokens: Annotated[int, Field(ge=16, le=512)] = 64
    most_per_source: Annotated[int, Field(ge=1)] = 2000
    embedded: Annotated[int, Field(ge=0)] = 1000
    fragments: Annotated[int, Field(ge=0)] = 2000
    epochs: Annotated[int, Field(ge=0)] = 3
    rows_per_step: Annotated[int, Field(ge=1)] = 32
    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 0.9
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    seed: int = 0

    def as_json(self) -> Mapping[str, JsonValue]:
        """For the card: everything but the place of the base on this machine."""
        return _SETTINGS.dump_python(self, mode="json", exclude={"base"})


_SETTINGS = TypeAdapter(TrainingSettings)


@plain_dataclass(frozen=True, slots=True)
class Progress:
    """Where a training run stands: counted from 1, `loss` the mean of the epoch so far."""

    step: int
    steps: int
    loss: float


@plain_dataclass(frozen=True, slots=True)
class Batch:
    """Tokenised rows, and what is known of them: `labels` and `known` are [rows, heads]."""

    rows: Sequence[TokenRow]
    labels: Tensor
    known: Tensor

    def part(self, chosen: Sequence[int]) -> "Batch":
        rows = [self.rows[i] for i in chosen]
        return Batch(rows, self.labels[list(chosen)], self.known[list(chosen)])


Report = Callable[[Progress], None]


def train(
    data: Sequence[LabelledText], out: Path, settings: TrainingSettings, report: Report
) -> None:
    """Learn the split `train` of `data`; write the network and its tokenizer to `out`.

    Raises:
        ConfigurationError: a head is never 1, or never 0, in what is to be learnt.
    """
    batch = prepare(data, settings)
    network = fit(batch, settings, report)
    out.mkdir(parents=True, exist_ok=True)
    reward_network.export(network, out / MODEL_FILE)
    copyfile(settings.base / TOKENIZER_FILE, out / TOKENIZER_FILE)


def prepare(data: Sequence[LabelledText], settings: TrainingSettings) -> Batch:
    """The rows to learn, tokenised: each as it stands, and folded where that is another text."""
    chosen = list(limited((r for r in data if r.split == "train"), settings.most_per_source))
    chosen += [*embedded(chosen, settings.embedded), *fragments(chosen, settings.fragments)]
    for head in HEADS:
        if {r.labels[head] for r in chosen if head in r.labels} != {0, 1}:
            raise ConfigurationError(f"the data to learn has not both kinds of {head!r}")
    tokenizer = load_tokenizer(settings.base / TOKENIZER_FILE)
    limit = settings.max_tokens
    read = [(tokens, row) for row in chosen for tokens in _readings(tokenizer, row.text, limit)]
    labels = torch.tensor([[float(r.labels.get(h, 0)) for h in HEADS] for _, r in read])
    known = torch.tensor([[float(h in r.labels) for h in HEADS] for _, r in read])
    return Batch([tokens for tokens, _ in read], labels, known)


def fit(batch: Batch, settings: TrainingSettings, report: Report) -> GuardNetwork:
    """The heads first, on the encoder as it is; then all together."""
    torch.manual_seed(settings.seed)
    network = GuardNetwork(settings.base, len(HEADS), settings.dropout)
    inputs = guard_network.features(network, batch.rows)
    guard_network.fit_heads(network, inputs, batch.labels, batch.known, _HEAD_DECAY)
    steps = math.ceil(len(batch.rows) / settings.rows_per_step) * settings.epochs
    if not steps:
        return network
    optimizer = _optimizer(network, settings)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _rates(steps))
    network.train()
    total = 0.0
    for step, part in enumerate(_batches(batch, settings), 1):
        total += _step(network, optimizer, part)
        schedule.step()
        report(Progress(step, steps, total / step))
    return network


def _readings(tokenizer: Tokenizer, text: str, limit: int) -> Sequence[TokenRow]:
    cut = text[: limit * _CHARACTERS_PER_TOKEN]
    rows: dict[tuple[int, ...], TokenRow] = {}
    for reading in (cut, normalise(cut)[0]):
        tokens = tokenizer.encode(encodable(reading))
        tokens.truncate(limit)
        rows.setdefault(tuple(tokens.ids), (tokens.ids, tokens.type_ids))
    return list(rows.values())


def _batches(batch: Batch, settings: TrainingSettings) -> Iterator[Batch]:
    """Every row once an epoch, with others of about its length, in random order."""
    rng = Random(settings.seed)
    size = settings.rows_per_step
    block = size * _BATCHES_SORTED_TOGETHER
    for _ in range(settings.epochs):
        shuffled = rng.sample(range(len(batch.rows)), len(batch.rows))
        parts: list[Sequence[int]] = []
        for start in range(0, len(shuffled), block):
            alike = sorted(shuffled[start : start + block], key=lambda i: len(batch.rows[i][0]))
            parts += [alike[k : k + size] for k in range(0, len(alike), size)]
        rng.shuffle(parts)
        yield from (batch.part(part) for part in parts)


def _step(network: GuardNetwork, optimizer: torch.optim.Optimizer, part: Batch) -> float:
    with torch.autocast("cpu", torch.bfloat16):
        (logits,) = network(*reward_network.padded(part.rows))
    loss = guard_network.masked_loss(logits.float(), part.labels, part.known)
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


def _optimizer(network: GuardNetwork, settings: TrainingSettings) -> torch.optim.Optimizer:
    """AdamW; the deeper a layer lies under the heads, the slower it learns."""
    layers = list(network.encoder.encoder.layer)
    blocks = [network.encoder.embeddings, *layers, network.heads]
    groups = [
        {
            "params": list(block.parameters()),
            "lr": settings.learning_rate * settings.layer_decay ** (len(layers) + 1 - depth),
        }
        for depth, block in enumerate(blocks)
    ]
    return torch.optim.AdamW(groups, weight_decay=settings.weight_decay, fused=True)
