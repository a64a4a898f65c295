"""The card beside a reward model: what serving must know, and what a reader should."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from gateway.alignment.reward_evaluation import (
    Calibration,
    Figures,
    calibrated,
    calibration_error,
    figures_by_slice,
)
from gateway.alignment.reward_prefix import PrefixCorrelation, PrefixScores, prefix_correlations
from gateway.errors import ConfigurationError
from gateway.types import JsonValue
from reward_filters.cross_encoder import CARD_FILE, Template


@dataclass(frozen=True)
class Source:
    """A file that a model was made from."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Holdout:
    """Measured on training conversations, each scored by the member that had not seen it."""

    conversations: int
    slices: Mapping[str, Figures]
    calibration_error: float | None


@dataclass(frozen=True, config=ConfigDict(extra="ignore"))
class RewardCard:
    """`zero` is the rubric score that the score 0 stands for; one point of score is one there."""

    name: str
    template: Template
    base: Source
    data: Sequence[Source]
    settings: Mapping[str, JsonValue]
    zero: float
    calibration: Calibration | None
    holdout: Holdout
    prefix_correlation: Sequence[PrefixCorrelation] = ()


_CARD = TypeAdapter(RewardCard)


def write_card(folder: Path, card: RewardCard) -> None:
    (folder / CARD_FILE).write_bytes(_CARD.dump_json(card, indent=2) + b"\n")


def read_card(folder: Path) -> RewardCard:
    """The card in that folder.

    Raises:
        ConfigurationError: there is none, or it is not one.
    """
    file = folder / CARD_FILE
    try:
        return _CARD.validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise ConfigurationError(f"no card of a reward model in {file}: {error}") from error


def source(file: Path) -> Source:
    with file.open("rb") as content:
        return Source(file.name, hashlib.file_digest(content, "sha256").hexdigest())


def holdout(
    scored: Sequence[PrefixScores],
) -> tuple[Holdout, Calibration | None, Sequence[PrefixCorrelation]]:
    """The figures of scores that were made without having seen the answers, and their fits."""
    whole = [(s.comparison, s.whole) for s in scored]
    calibration = calibrated(whole)
    error = None if calibration is None else calibration_error(whole, calibration)
    figures = Holdout(len(whole), figures_by_slice(whole), error)
    return figures, calibration, prefix_correlations(scored)
