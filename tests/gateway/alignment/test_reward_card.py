"""Claims about the card beside a reward model."""

import hashlib
from pathlib import Path

import pytest

from gateway.alignment.reward_card import holdout, read_card, source, write_card
from gateway.alignment.reward_data import Answer, Comparison
from gateway.alignment.reward_prefix import CUTS, PrefixScores
from gateway.errors import ConfigurationError
from gateway.types import Conversation
from reward_filters.cross_encoder import SHIPPED_WEIGHTS

DATA = SHIPPED_WEIGHTS.parent / "data" / "preferences.jsonl"


def test_a_card_comes_back_as_it_was_written(tmp_path: Path) -> None:
    """Nothing is lost between training and the readers of the card."""
    card = read_card(SHIPPED_WEIGHTS)
    write_card(tmp_path, card)
    assert read_card(tmp_path) == card


def test_the_shipped_card_names_the_data_that_is_shipped() -> None:
    """Whoever trains again starts from the same bytes."""
    assert read_card(SHIPPED_WEIGHTS).data == [source(DATA)]


def test_a_source_is_known_by_its_hash(tmp_path: Path) -> None:
    """Names alone say nothing."""
    file = tmp_path / "x.jsonl"
    file.write_bytes(b"data")
    assert source(file).sha256 == hashlib.sha256(b"data").hexdigest()


@pytest.mark.parametrize("content", [None, b"{}", b"no JSON"])
def test_a_missing_or_broken_card_is_named(tmp_path: Path, content: bytes | None) -> None:
    """The message says which file."""
    if content is not None:
        (tmp_path / "card.json").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"card\.json"):
        read_card(tmp_path)


def test_unrated_pairs_give_figures_and_no_calibration() -> None:
    """Choices alone do not say how good an answer is."""
    pair = Comparison(Conversation(()), (Answer("a"), Answer("b")), ((0, 1, 2.0),))
    scores = PrefixScores(pair, [1.0, 0.0], {(CUTS[0], 0): 1.0, (CUTS[0], 1): 0.5})
    figures, calibration, [prefix] = holdout([scores])
    assert figures.slices["all"].pairs is not None
    assert figures.conversations == 1
    assert calibration is None
    assert prefix.correlation == pytest.approx(1)
    assert prefix.rubric is None
