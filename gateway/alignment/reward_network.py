# torch and transformers belong to the extra `train`; the environment that is type-checked has
# neither, so nothing is known of their types here.
# pyright: reportMissingImports=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUntypedBaseClass=false, reportUnknownParameterType=false
"""The network of a cross-encoder reward model, and its way into an ONNX file."""

import logging
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from onnxruntime.quantization import (  # pyright: ignore[reportMissingTypeStubs]
    QuantType,
    quantize_dynamic,
)
from torch import Tensor, nn
from transformers import AutoModel

from gateway.types import Conversation
from reward_filters.cross_encoder import TOKENIZER_FILE, Template, load_tokenizer

# Tensors of many different lengths make the allocator and oneDNN's cache of compiled kernels
# grow; lengths rounded up keep both small.
_LENGTH_STEP = 16
_READ_AT_ONCE = 32

Row = tuple[Sequence[int], Sequence[int]]
"""The ids of a text's tokens, and the segment of each."""


class Reader:
    """Makes the network's input of what is to be read."""

    def __init__(self, base: Path, template: Template) -> None:
        self.tokenizer = load_tokenizer(base / TOKENIZER_FILE)
        self._template = template

    def __call__(self, readings: Sequence[tuple[Conversation, str]]) -> list[Row]:
        found = [self._template.encode(self.tokenizer, c, answer) for c, answer in readings]
        return [(tokens.ids, tokens.type_ids) for tokens in found]


class RewardNetwork(nn.Module):
    """A BERT encoder, the mean over its tokens, and two linear heads.

    The first gives the score. The second, for training only, guesses the rater's flags: it makes
    the encoder attend to why an answer is bad. Dropout stands before the heads alone; inside the
    encoder it doubles the time of a step on a CPU.
    """

    def __init__(self, base: Path, flags: int, dropout: float) -> None:
        super().__init__()
        self.encoder = AutoModel.from_pretrained(
            base,
            attention_probs_dropout_prob=0.0,
            hidden_dropout_prob=0.0,
            attn_implementation="eager",
        )
        width = self.encoder.config.hidden_size
        self.dropout = nn.Dropout(dropout)
        self.score = nn.Linear(width, 1)
        self.flags = nn.Linear(width, flags)

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor) -> tuple[Tensor, Tensor]:
        """Scores [batch] and logits of the flags [batch, flags], from three [batch, tokens]."""
        pooled = self.dropout(self.pooled(ids, mask, types))
        return self.score(pooled).squeeze(-1), self.flags(pooled)

    def pooled(self, ids: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        """The mean over the tokens, [batch, width]."""
        hidden = self.encoder(
            input_ids=ids, attention_mask=mask, token_type_ids=types
        ).last_hidden_state.float()
        weights = mask.unsqueeze(-1).float()
        return (hidden * weights).sum(1) / weights.sum(1)


def padded(rows: Sequence[Row]) -> tuple[Tensor, Tensor, Tensor]:
    """Ids, mask and segments, each [rows, longest]."""
    longest = max(len(ids) for ids, _ in rows)
    longest = -(-longest // _LENGTH_STEP) * _LENGTH_STEP
    ids, mask, types = (torch.zeros(len(rows), longest, dtype=torch.long) for _ in range(3))
    for i, (row, segments) in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
        mask[i, : len(row)] = 1
        types[i, : len(row)] = torch.tensor(segments)
    return ids, mask, types


def scores(network: RewardNetwork, rows: Sequence[Row]) -> list[float]:
    """The score of each row."""

    def read(ids: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        return network(ids, mask, types)[0]

    return _read(network, read, rows).tolist()


def embeddings(network: RewardNetwork, rows: Sequence[Row]) -> Tensor:
    """[rows, width], each of length 1: alike where the rows are, if the encoder is untrained."""
    return nn.functional.normalize(_read(network, network.pooled, rows), dim=1)


def _read(
    network: RewardNetwork, read: Callable[[Tensor, Tensor, Tensor], Tensor], rows: Sequence[Row]
) -> Tensor:
    """What `read` gives for each row, rows of about one length together."""
    network.eval()
    order = sorted(range(len(rows)), key=lambda r: len(rows[r][0]))
    parts = [order[k : k + _READ_AT_ONCE] for k in range(0, len(order), _READ_AT_ONCE)]
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        found = [read(*padded([rows[r] for r in part])).float() for part in parts]
    return torch.cat(found)[torch.tensor(order).argsort()]


def export(network: RewardNetwork, file: Path) -> None:
    """Write the scoring half as ONNX, weights and activations in 8 bits.

    Inputs `input_ids`, `attention_mask`, `token_type_ids`, each int64 [batch, tokens]; output
    `score`, float32 [batch]. Weights keep 7 of the 8 bits: without VNNI, x86 sums two products of
    full range in 16 bits and overflows, and scores would differ between machines.
    """
    # Three tensors: the exporter takes one that is passed twice for one input.
    ids, mask, types = (torch.ones(2, 32, dtype=torch.long) for _ in range(3))
    shape = {0: torch.export.Dim("batch"), 1: torch.export.Dim("tokens", max=512)}
    with TemporaryDirectory() as folder, _quiet():
        full = Path(folder) / "full.onnx"
        program = torch.onnx.export(
            _Scorer(network).eval(),
            (ids, mask, types),
            dynamo=True,
            verbose=False,
            input_names=["input_ids", "attention_mask", "token_type_ids"],
            output_names=["score"],
            dynamic_shapes=(shape, shape, shape),
            opset_version=18,
        )
        program.save(str(full))
        quantize_dynamic(
            full, file, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True
        )


class _Scorer(nn.Module):
    def __init__(self, network: RewardNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        return self.network(input_ids, attention_mask, token_type_ids)[0]


@contextmanager
def _quiet() -> Generator[None]:
    """The exporter and the quantiser warn about things that are none of the user's business."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.setLevel(level)
