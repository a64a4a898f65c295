"""Claims about reading what a reward model is trained on."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.alignment.reward_data import PAIR_GAP, Comparison, fold, read_comparisons
from gateway.errors import ConfigurationError
from gateway.types import Conversation, Message

RATED: dict[str, Any] = {
    "id": "x-1",
    "messages": [{"role": "user", "content": "Where is my parcel?"}],
    "candidates": [
        {"model": "qwen-0.5b", "text": "Here is how to see it.", "score": 8, "flags": []},
        {"model": "smollm2", "text": "I am a parcel.", "score": 1, "flags": ["wrong_role"]},
        {"model": "qwen-0.5b", "text": "Parcels exist.", "score": 1},
    ],
    "split": "train",
}
PAIR: dict[str, Any] = {
    "prompt": [{"role": "user", "content": "Can I pay by card?"}],
    "chosen": [{"role": "assistant", "content": "Yes."}],
    "rejected": [{"role": "assistant", "content": "No idea."}],
}


def written(folder: Path, *lines: object) -> Path:
    file = folder / "data.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    return file


def test_rated_answers_give_every_pair_of_different_scores(tmp_path: Path) -> None:
    """Equal scores say nothing about which answer is better."""
    [comparison] = read_comparisons([written(tmp_path, RATED)], "train")
    assert comparison.pairs == ((0, 1, 7.0), (0, 2, 7.0))
    assert comparison.answers[1].flags == ("wrong_role",)
    assert comparison.rated


def test_an_export_of_pairs_is_read_by_the_same_reader(tmp_path: Path) -> None:
    """Both formats may stand in one file."""
    rated, pair = read_comparisons([written(tmp_path, RATED, PAIR)], "train")
    assert rated.rated
    assert not pair.rated
    assert [a.text for a in pair.answers] == ["Yes.", "No idea."]
    assert pair.pairs == ((0, 1, PAIR_GAP),)


@pytest.mark.parametrize(("margin", "gap"), [(3.5, 3.5), (-1.0, PAIR_GAP), (None, PAIR_GAP)])
def test_a_margin_that_denies_the_label_is_not_used(
    tmp_path: Path, margin: float | None, gap: float
) -> None:
    """The label is a person's, the margin only the old reward model's."""
    [comparison] = read_comparisons([written(tmp_path, PAIR | {"margin": margin})], "train")
    assert comparison.pairs == ((0, 1, gap),)


def test_a_split_is_never_read_with_another(tmp_path: Path) -> None:
    """What is measured on must not be trained on."""
    file = written(tmp_path, RATED, RATED | {"split": "test"})
    assert [c.split for c in read_comparisons([file], "test")] == ["test"]


def test_a_bad_line_is_named_and_not_quoted(tmp_path: Path) -> None:
    """Training data is what customers wrote; errors end in logs."""
    bad = RATED | {"messages": [{"role": "user", "content": ["my secret"]}]}
    with pytest.raises(ConfigurationError, match="line 2") as raised:
        read_comparisons([written(tmp_path, RATED, bad)], "train")
    assert "secret" not in str(raised.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A typing mistake in a path is the commonest of errors."""
    with pytest.raises(ConfigurationError, match="absent"):
        read_comparisons([tmp_path / "absent.jsonl"], "train")


def test_data_without_the_split_is_refused(tmp_path: Path) -> None:
    """An evaluation of nothing would report nothing as a result."""
    with pytest.raises(ConfigurationError, match="'test'"):
        read_comparisons([written(tmp_path, RATED)], "test")


@given(st.text(st.characters(exclude_categories=[])), st.integers(2, 9))
def test_one_prompt_is_always_in_one_fold(prompt: str, folds: int) -> None:
    """Two sets of answers to one prompt never stand on both sides of a split."""
    conversation = Conversation((Message("user", prompt),))
    first, second = (Comparison(conversation, (), ()), Comparison(conversation, (), ((0, 1, 1.0),)))
    assert fold(first, folds) == fold(second, folds)
    assert 0 <= fold(first, folds) < folds
