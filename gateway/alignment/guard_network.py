# torch and transformers belong to the extra `train`; the environment that is type-checked has
# neither, so nothing is known of their types here.
# pyright: reportMissingImports=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUntypedBaseClass=false, reportUnknownParameterType=false
"""The network of the guard models: one encoder, and a linear head for each thing to be found."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import AutoModel

from gateway.alignment.reward_network import padded

_ROWS_AT_ONCE = 64

TokenRow = tuple[Sequence[int], Sequence[int]]
"""Ids and segments, as `padded` takes them."""


class GuardNetwork(nn.Module):
    """A BERT encoder, the mean over its tokens, and one logit per head."""

    def __init__(self, base: Path, heads: int, dropout: float) -> None:
        super().__init__()
        self.encoder = AutoModel.from_pretrained(
            base,
            attention_probs_dropout_prob=0.0,
            hidden_dropout_prob=0.0,
            attn_implementation="eager",
        )
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.Linear(self.encoder.config.hidden_size, heads)

    def pooled(self, ids: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        """The mean over the tokens of each text, [batch, width]."""
        hidden = self.encoder(
            input_ids=ids, attention_mask=mask, token_type_ids=types
        ).last_hidden_state.float()
        weights = mask.unsqueeze(-1).float()
        return (hidden * weights).sum(1) / weights.sum(1)

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor) -> tuple[Tensor]:
        """Logits [batch, heads] from three [batch, tokens]: alone in a tuple, as
        `reward_network.export` takes it.
        """
        return (self.heads(self.dropout(self.pooled(ids, mask, types))),)


def features(network: GuardNetwork, rows: Sequence[TokenRow]) -> Tensor:
    """What the heads are given for each row, [rows, width]."""
    network.eval()
    order = sorted(range(len(rows)), key=lambda r: len(rows[r][0]))
    found = torch.zeros(len(rows), network.heads.in_features)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        for start in range(0, len(order), _ROWS_AT_ONCE):
            part = order[start : start + _ROWS_AT_ONCE]
            found[part] = network.pooled(*padded([rows[r] for r in part])).float()
    return found.clone()


def fit_heads(
    network: GuardNetwork, inputs: Tensor, labels: Tensor, known: Tensor, decay: float
) -> None:
    """Logistic regression of the heads on what the encoder gives as it is (L-BFGS)."""
    network.heads.reset_parameters()
    optimizer = torch.optim.LBFGS(
        network.heads.parameters(), max_iter=300, line_search_fn="strong_wolfe"
    )

    def step() -> Tensor:
        optimizer.zero_grad()
        penalty = decay * network.heads.weight.square().sum()
        total = masked_loss(network.heads(inputs), labels, known) + penalty
        total.backward()
        return total

    optimizer.step(step)


def masked_loss(logits: Tensor, labels: Tensor, known: Tensor) -> Tensor:
    """Binary cross-entropy, the mean over what is known of each head; all are [rows, heads].

    A head counts as much as any other, however few rows know of it.
    """
    each = nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    per_head = (each * known).sum(0) / known.sum(0).clamp(min=1)
    return per_head.sum() / (known.sum(0) > 0).sum().clamp(min=1)
