# torch and transformers belong to the extra `train`; the environment that is type-checked has
# neither, so nothing is known of their types here.
# pyright: reportMissingImports=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUntypedBaseClass=false, reportUnknownParameterType=false
"""The network of a cross-encoder reward model, and its way into an ONNX file."""

import logging
import warnings
from collections.abc import Generator, Sequence
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

# Tensors of many different lengths make the allocator and oneDNN's cache of compiled kernels
# grow; lengths rounded up keep both small.
_LENGTH_STEP = 16


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
        hidden = self.encoder(
            input_ids=ids, attention_mask=mask, token_type_ids=types
        ).last_hidden_state.float()
        weights = mask.unsqueeze(-1).float()
        pooled = self.dropout((hidden * weights).sum(1) / weights.sum(1))
        return self.score(pooled).squeeze(-1), self.flags(pooled)


def padded(rows: Sequence[tuple[Sequence[int], Sequence[int]]]) -> tuple[Tensor, Tensor, Tensor]:
    """Ids, mask and segments, each [rows, longest], from (ids, segments) a row."""
    longest = max(len(ids) for ids, _ in rows)
    longest = -(-longest // _LENGTH_STEP) * _LENGTH_STEP
    ids, mask, types = (torch.zeros(len(rows), longest, dtype=torch.long) for _ in range(3))
    for i, (row, segments) in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
        mask[i, : len(row)] = 1
        types[i, : len(row)] = torch.tensor(segments)
    return ids, mask, types


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
