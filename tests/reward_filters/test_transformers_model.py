"""Transformers models where there is no torch; tests/train has the claims about those that run."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from reward_filters.transformers_model import TransformersModel


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is here")
async def test_without_torch_it_says_which_extra_is_missing(tmp_path: Path):
    """When it is opened; nothing else needs it."""
    with pytest.raises(ImportError, match=r"pip install '\.\[transformers\]'"):
        async with TransformersModel(str(tmp_path)):
            pass


def test_a_folder_has_no_commit(tmp_path: Path):
    """And a name on the hub has one: without it nobody would know which version gave a score."""
    assert TransformersModel(str(tmp_path)).revision.startswith(f"{tmp_path.name}@")
    assert TransformersModel("acme/reward", commit="cafe").revision.startswith("reward@")
    for path, commit in ((str(tmp_path), "cafe"), ("acme/reward", None)):
        with pytest.raises(ValueError, match="commit"):
            TransformersModel(path, commit=commit)
