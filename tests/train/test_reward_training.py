# The environment that is type-checked has no torch.
# pyright: reportMissingImports=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Claims about training: a tiny encoder learns from a few real conversations and is served."""

import json
from pathlib import Path
from random import Random
from shutil import copyfile

import pytest
import torch
from transformers import BertConfig, BertModel

from gateway.alignment import reward_objective
from gateway.alignment.reward_card import read_card
from gateway.alignment.reward_data import Answer, Comparison, read_comparisons
from gateway.alignment.reward_training import (
    Progress,
    TrainingSettings,
    assemble,
    averaged,
    fit,
    prepare,
    train,
)
from gateway.errors import ConfigurationError
from gateway.types import Conversation, Message
from reward_filters.cross_encoder import (
    MODEL_FILE,
    SHIPPED_WEIGHTS,
    TOKENIZER_FILE,
    CrossEncoder,
    Template,
)

pytestmark = [
    pytest.mark.train,
    pytest.mark.timeout(600),
    # The exporter's own imports and torch's tracer warn about themselves.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

PREFERENCES = SHIPPED_WEIGHTS.parent / "data" / "preferences.jsonl"
PAIR = {
    "prompt": [{"role": "user", "content": "Can I pay by card?"}],
    "chosen": [{"role": "assistant", "content": "Yes, we take all the usual cards."}],
    "rejected": [{"role": "assistant", "content": "card card card"}],
    "margin": 1.5,
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


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dozen real conversations with rated answers, and one pair as an export writes it."""
    file = tmp_path_factory.mktemp("data") / "data.jsonl"
    lines = PREFERENCES.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if json.loads(line)["split"] == "train"][:12]
    file.write_text("\n".join([*kept, json.dumps(PAIR)]), encoding="utf-8")
    return file


@pytest.fixture
def settings(base: Path) -> TrainingSettings:
    return TrainingSettings(
        base=base,
        template=Template(max_tokens=64),
        folds=2,
        epochs=12,
        learning_rate=3e-3,
        head_learning_rate=3e-3,
        layer_decay=1.0,
        similar=0.5,
        introductions=0.5,
    )


async def test_training_lowers_the_loss_and_is_served(
    data: Path, settings: TrainingSettings, tmp_path: Path
) -> None:
    """From data to scores: the loss falls by a fifth and more, and the folder is a reward model."""
    seen: list[Progress] = []
    train([data], tmp_path / "model", settings, seen.append)
    for member in (1, 2):
        losses = [p.loss for p in seen if p.member == member]
        assert losses[-1] < 0.8 * losses[0]
    conversation = Conversation((Message("user", "Can I pay by card?"),))
    async with CrossEncoder(path=tmp_path / "model") as model:
        first, second = await model.score(conversation, ["Yes.", "No idea, sorry."])
    assert first != second


async def test_the_exported_model_scores_as_the_network_did(
    data: Path, settings: TrainingSettings, tmp_path: Path
) -> None:
    """Eight bits change a score by a small part of how far scores lie apart."""
    items, zero = prepare([data], settings)
    member = fit(items, zero, 0, settings, lambda _: None)
    assemble([member], [data], zero, tmp_path, settings)
    before = [score for found in member.scores for score in found.whole]
    async with CrossEncoder(path=tmp_path) as model:
        after = [
            score
            for c in [found.comparison for found in member.scores]
            for score in await model.score(c.conversation, [a.text for a in c.answers])
        ]
    errors = torch.tensor(before) - torch.tensor(after)
    assert errors.std() < 0.15 * torch.tensor(before).std()


def test_the_card_measures_every_conversation_unseen(
    data: Path, settings: TrainingSettings, tmp_path: Path
) -> None:
    """Each fold is scored by the member that had not seen it, and the card says from what."""
    short = TrainingSettings(base=settings.base, template=settings.template, folds=2, epochs=1)
    train([data], tmp_path, short, lambda _: None)
    card = read_card(tmp_path)
    assert card.holdout.conversations == 13
    assert card.data[0].name == data.name
    assert card.settings["folds"] == 2
    assert (tmp_path / MODEL_FILE).stat().st_size < 4_000_000


def test_the_test_split_is_never_trained_on(tmp_path: Path, settings: TrainingSettings) -> None:
    """A file with nothing else is refused."""
    lines = PREFERENCES.read_text(encoding="utf-8").splitlines()
    file = tmp_path / "test.jsonl"
    file.write_text("\n".join(s for s in lines if json.loads(s)["split"] == "test"))
    with pytest.raises(ConfigurationError, match="'train'"):
        prepare([file], settings)


def test_too_few_conversations_are_refused(tmp_path: Path, settings: TrainingSettings) -> None:
    """A fold without a conversation would leave a member that is measured on nothing."""
    file = tmp_path / "one.jsonl"
    file.write_text(json.dumps(PAIR))
    with pytest.raises(ConfigurationError, match="1 conversations are too few"):
        prepare([file], settings)


def test_the_average_of_weights_is_their_mean() -> None:
    """Whole numbers (positions) are no weights and stay."""
    states = [{"w": torch.tensor([1.0]), "n": torch.tensor(3)}, {"w": torch.tensor([3.0])}]
    mean = averaged(states)
    assert mean["w"].item() == 2
    assert mean["n"].item() == 3


def rated(*scores: float | None, model: str = "qwen") -> Comparison:
    known = [0.0 if s is None else s for s in scores]
    pairs = tuple((i, j, a - b) for i, a in enumerate(known) for j, b in enumerate(known) if a > b)
    answers = tuple(Answer(f"text {i}", s, model=model) for i, s in enumerate(scores))
    return Comparison(Conversation((Message("user", "?"),)), answers, pairs)


@pytest.mark.parametrize("scores", [(8.0, 2.0, 5.0), (None, None)])
def test_the_right_order_has_the_smaller_loss(scores: tuple[float | None, ...]) -> None:
    """For rated answers, and for a pair of which only the choice is known."""
    comparison = rated(*scores)
    if scores[0] is None:
        comparison = Comparison(comparison.conversation, comparison.answers, ((0, 1, 2.0),))
    item = reward_objective.item(comparison, "qwen")
    flags = torch.zeros(len(scores), len(reward_objective.FLAGS))
    right = torch.tensor([3.0, -3.0, 0.0][: len(scores)])
    good = reward_objective.loss(right, flags, [item], 5.0)
    bad = reward_objective.loss(-right, flags, [item], 5.0)
    assert good < bad


def test_a_stranger_only_loses_against_good_answers() -> None:
    """Nobody rated it: it must not pull the score of a bad answer up or down."""
    item = reward_objective.item(rated(8.0, 1.0), "qwen")
    joined = reward_objective.with_stranger(item, item.readings[0])
    assert joined.weights[:, 2].tolist() == [2.0, 0.0, 0.0]
    assert joined.weights[2].tolist() == [0.0, 0.0, 0.0]
    assert joined.targets[2].isnan()


def test_twins_with_different_scores_have_a_loss() -> None:
    """They are worth the same; and beside that, a twin competes with nobody."""
    item = reward_objective.item(rated(8.0, 1.0), "qwen")
    joined = reward_objective.with_twin(item, 1, item.readings[1])
    flags = torch.zeros(3, len(reward_objective.FLAGS))
    alike = reward_objective.loss(torch.tensor([2.0, -2.0, -2.0]), flags, [joined], 5.0)
    apart = reward_objective.loss(torch.tensor([2.0, -2.0, 1.0]), flags, [joined], 5.0)
    assert apart - alike == pytest.approx(2 * 9.0)


def test_thinning_keeps_every_answer_in_focus() -> None:
    """The others are only there to widen the range."""
    comparison = rated(1.0, 2.0, 3.0, 4.0, 5.0)
    mixed = Comparison(
        comparison.conversation,
        tuple(
            Answer(a.text, a.score, model="qwen" if i < 2 else "other")
            for i, a in enumerate(comparison.answers)
        ),
        comparison.pairs,
    )
    item = reward_objective.item(mixed, "qwen")
    thin = reward_objective.thinned(item, 2, Random(1))
    assert thin.focus == (True, True, False, False)
    assert thin.weights.shape == (4, 4)


def test_the_shipped_data_is_what_the_shipped_card_names() -> None:
    """A stranger who trains again starts from the same conversations."""
    assert len(read_comparisons([PREFERENCES], "train")) == 521
    assert len(read_comparisons([PREFERENCES], "test")) == 104
