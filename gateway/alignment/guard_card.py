"""The card beside a guard model: what serving must know, and what a reader should."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from gateway.alignment.guard_data import HEADS, Head, LabelledText
from gateway.alignment.guard_evaluation import Calibration, Guards, Told, calibrated, scored
from gateway.errors import ConfigurationError
from gateway.types import JsonValue
from policies.classifier import Classifier
from policies.network import CARD_FILE, MODEL_FILE, TOKENIZER_FILE

# Windows overlap by a quarter, so that an attack of a sentence stands whole in one of them.
_STRIDE_SHARE = 0.75
_MOST_TOKENS = 12_288  # of one text: 32,000 characters of English take some 7,100
_UNCALIBRATED: Final = Calibration(1.0, 0.0, 0.5)
_ANYTHING = 1e-9  # the threshold of a guard that says what it thinks of every text


@dataclass(frozen=True, config=ConfigDict(extra="ignore"))
class GuardCard:
    """`heads` are in the order of the network's outputs; `sha256` names its files.

    A window is `max_tokens` long, the next one begins `stride` further on, and `most_windows` of a
    text are read. `base` and `data` are the sha256 of what the network was made from.
    """

    name: str
    heads: Mapping[Head, Calibration]
    sha256: Mapping[str, str]
    max_tokens: int
    stride: int
    most_windows: int
    base: str
    data: str
    settings: Mapping[str, JsonValue]

    @property
    def thresholds(self) -> Mapping[Head, float]:
        return {head: calibration.threshold for head, calibration in self.heads.items()}


_CARD = TypeAdapter(GuardCard)


def first_card(
    folder: Path, base: Path, data: Path, settings: Mapping[str, JsonValue]
) -> GuardCard:
    """The card of a network that was just exported: its probabilities mean nothing yet.

    `base` and `data` are the files that it was made from, `settings` those of the training, with
    its `name` and `max_tokens`.
    """
    max_tokens = int(str(settings["max_tokens"]))
    stride = int(max_tokens * _STRIDE_SHARE)
    return GuardCard(
        name=str(settings["name"]),
        heads=dict.fromkeys(HEADS, _UNCALIBRATED),
        sha256={file: _sha256(folder / file) for file in (MODEL_FILE, TOKENIZER_FILE)},
        max_tokens=max_tokens,
        stride=stride,
        most_windows=_MOST_TOKENS // stride,
        base=_sha256(base),
        data=_sha256(data),
        settings={k: v for k, v in settings.items() if k not in {"name", "max_tokens"}},
    )


async def calibrate(folder: Path, rows: Sequence[LabelledText], told: Told) -> GuardCard:
    """Make the probabilities mean something, by rows that were not learnt, and write the card."""
    card = replace(read_card(folder), heads=dict.fromkeys(HEADS, _UNCALIBRATED))
    write_card(folder, card)
    scores = await scored(guards(folder), [row.text for row in rows], told)
    card = replace(card, heads=calibrated(rows, scores))
    write_card(folder, card)
    return card


def guards(folder: Path) -> Guards:
    """A guard for each head, that says of every text how probable it is."""
    return {head: Classifier(head, threshold=_ANYTHING, path=folder) for head in HEADS}


def write_card(folder: Path, card: GuardCard) -> None:
    (folder / CARD_FILE).write_bytes(_CARD.dump_json(card, indent=2) + b"\n")


def read_card(folder: Path) -> GuardCard:
    """The card in that folder.

    Raises:
        ConfigurationError: there is none, or it is not one.
    """
    file = folder / CARD_FILE
    try:
        return _CARD.validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise ConfigurationError(f"no card of a guard model in {file}: {error}") from error


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
