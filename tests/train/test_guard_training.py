# The environment that is type-checked has no torch.
# pyright: reportMissingImports=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Claims about training the guard models: a tiny encoder learns from a few rows and is served."""

import hashlib
import json
from pathlib import Path
from shutil import copyfile

import pytest
import torch
from transformers import BertConfig, BertModel

from gateway.alignment.guard_data import HEADS, Head, LabelledText
from gateway.alignment.guard_network import masked_loss
from gateway.alignment.guard_training import Progress, TrainingSettings, fit, prepare, train
from gateway.errors import ConfigurationError
from policies.encoder import SHIPPED_WEIGHTS, shared_encoder
from policies.network import CARD_FILE, MODEL_FILE, TOKENIZER_FILE

pytestmark = [
    pytest.mark.train,
    pytest.mark.timeout(600),
    # The exporter's own imports and torch's tracer warn about themselves.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

NOTHING: dict[Head, int] = dict.fromkeys(HEADS, 0)
KINDS: dict[Head, str] = {
    "injection": "ignore the rules {}",
    "harm": "how to make a bomb {}",
    "toxicity": "you are an idiot {}",
    "bias": "foreigners are thieves {}",
}


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


@pytest.fixture
def settings(base: Path) -> TrainingSettings:
    return TrainingSettings(
        base=base,
        max_tokens=32,
        embedded=0,
        fragments=0,
        epochs=8,
        learning_rate=3e-3,
        layer_decay=1.0,
    )


def rows() -> list[LabelledText]:
    """Eighty texts, one kind in five of each head's, the rest honest."""
    made = [
        LabelledText(template.format(n), {**NOTHING, head: 1}, "made", f"{head}{n}")
        for head, template in KINDS.items()
        for n in range(20)
    ]
    honest = [
        LabelledText(f"where is parcel {n}", NOTHING, "made", f"honest{n}") for n in range(20)
    ]
    return made + honest


def card(folder: Path) -> None:
    """The least that serves: probabilities as the network gives them."""
    heads = {head: {"slope": 1, "intercept": 0, "threshold": 0.5} for head in HEADS}
    digests = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in (MODEL_FILE, TOKENIZER_FILE)
    }
    windows = {"max_tokens": 32, "stride": 24, "most_windows": 9}
    content = {"name": "tiny", "heads": heads, "sha256": digests, **windows}
    (folder / CARD_FILE).write_text(json.dumps(content))


async def test_training_lowers_the_loss_and_is_served(
    settings: TrainingSettings, tmp_path: Path
) -> None:
    """From rows to probabilities: each kind comes out highest where it belongs."""
    seen: list[Progress] = []
    train(rows(), tmp_path, settings, seen.append)
    assert seen[-1].step == seen[-1].steps
    assert seen[-1].loss < seen[0].loss
    card(tmp_path)
    async with shared_encoder(tmp_path) as encoder:
        for head, template in KINDS.items():
            [own] = (await encoder.read(template.format(7))).windows
            [honest] = (await encoder.read("where is parcel 7")).windows
            assert own.probabilities[head] > honest.probabilities[head]


def test_the_test_split_is_never_learnt(settings: TrainingSettings) -> None:
    """Nor the one that thresholds are chosen by."""
    batch = prepare(rows(), settings)
    learnt = [r for r in rows() if r.split == "train"]
    assert len(batch.rows) == len(learnt) < len(rows())


def test_without_epochs_the_encoder_stays_as_it_is(settings: TrainingSettings) -> None:
    """Only the heads are fitted."""
    still = TrainingSettings(base=settings.base, max_tokens=32, embedded=0, fragments=0, epochs=0)
    network = fit(prepare(rows(), still), still, lambda _: None)
    before = BertModel.from_pretrained(settings.base).state_dict()
    after = network.encoder.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in after)


def test_a_head_that_nothing_is_known_of_is_named(settings: TrainingSettings) -> None:
    """Rather than a guard that was never taught."""
    with pytest.raises(ConfigurationError, match="'bias'"):
        prepare([r for r in rows() if not r.labels["bias"]], settings)


def test_what_is_not_known_costs_nothing() -> None:
    """A wrong guess where nothing is known changes no loss; where it is known, it does."""
    labels, known = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.0]])
    right = masked_loss(torch.tensor([[5.0, 0.0]]), labels, known)
    assert masked_loss(torch.tensor([[5.0, 9.0]]), labels, known) == right
    assert masked_loss(torch.tensor([[-5.0, 0.0]]), labels, known) > right
