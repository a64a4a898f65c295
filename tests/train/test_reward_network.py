# The environment that is type-checked has no torch.
# pyright: reportMissingImports=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Claims about reading many texts with one network."""

from pathlib import Path
from shutil import copyfile

import pytest
import torch
from transformers import BertConfig, BertModel

from gateway.alignment.reward_network import Reader, RewardNetwork, embeddings, scores
from gateway.types import Conversation, Message
from reward_filters.cross_encoder import SHIPPED_WEIGHTS, TOKENIZER_FILE, Template

pytestmark = pytest.mark.train

QUESTION = Conversation((Message("user", "Where is my parcel?"),))
ANSWERS = ("word " * 70, "It is late, sorry.", "no", "word " * 30, "It is late, sorry.")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT encoder like the real one, a hundredth of its size and untrained."""
    folder = tmp_path_factory.mktemp("base")
    torch.manual_seed(1)
    config = BertConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
    )
    BertModel(config).save_pretrained(folder)
    copyfile(SHIPPED_WEIGHTS / TOKENIZER_FILE, folder / TOKENIZER_FILE)
    return folder


@pytest.fixture(scope="module")
def network(base: Path) -> RewardNetwork:
    torch.manual_seed(1)
    return RewardNetwork(base, flags=2, dropout=0.5)


def test_scores_come_back_in_the_order_of_the_rows(base: Path, network: RewardNetwork) -> None:
    """Rows are read sorted by length, and dropout is for training alone."""
    rows = Reader(base, Template())([(QUESTION, a) for a in ANSWERS])
    together = scores(network, rows)
    alone = [scores(network, [row])[0] for row in rows]
    assert together == pytest.approx(alone, abs=0.01)
    assert len({round(s, 4) for s in alone}) > 1


def test_embeddings_have_length_one_and_know_the_same_text(
    base: Path, network: RewardNetwork
) -> None:
    """Their products are cosines."""
    found = embeddings(network, Reader(base, Template())([(QUESTION, a) for a in ANSWERS]))
    cosines = found @ found.T
    assert cosines.diagonal().tolist() == pytest.approx([1.0] * len(ANSWERS), abs=1e-4)
    assert cosines[1, 4].item() == pytest.approx(1.0, abs=1e-3)
    assert cosines[1, 0].item() < 0.9999
