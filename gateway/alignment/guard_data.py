"""What the guard models are trained and measured on: texts, labelled head by head.

A row says only what its source knows: a head that it does not name is neither trained nor measured
by it. The file is JSON lines packed with xz; the shipped one is `policies/data/guard.jsonl.xz`, and
`guard_sources` makes it.
"""

import hashlib
import json
import lzma
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.errors import ConfigurationError
from gateway.normalisation import normalise

Head = Literal["injection", "harm", "toxicity", "bias"]
HEADS: Final[tuple[Head, ...]] = ("injection", "harm", "toxicity", "bias")
Split = Literal["train", "validation", "test"]
SHIPPED_DATA: Final = Path(__file__).parents[2] / "policies" / "data" / "guard.jsonl.xz"

# Sources of honest customers' words and of good answers: thresholds are chosen on them.
SERVICE_SOURCES: Final = ("preferences", "sentences", "fragments")
_SHARES: Mapping[Split, int] = {"train": 80, "validation": 10, "test": 10}
_MEASURED_PER_SOURCE = 400
_MEASURED_EMBEDDED = 100
_FRAGMENT_WORDS = 4
_AT_RANDOM = 0.3  # the share of fragments whose words did not stand together
_NOTHING: Mapping[Head, int] = dict.fromkeys(HEADS, 0)
_SHORT = 160  # characters of a text that is put among others
_WINDOW = 240  # characters of English that a window of the model surely holds
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text, what it is (1) and is not (0), and where it comes from.

    `family` names texts that are variants of one another (fillings of a template, augmentations):
    they are never parted by a split.
    """

    text: str
    labels: Mapping[Head, int]
    source: str
    family: str

    @property
    def honest(self) -> bool:
        """A customer's or an assistant's text of which every head is known to be 0."""
        known = all(self.labels.get(head) == 0 for head in HEADS)
        return known and self.source.startswith(SERVICE_SOURCES)

    @property
    def split(self) -> Split:
        """The same in every run, whatever else is in the data."""
        digest = hashlib.sha256(f"{self.source}/{self.family}".encode("utf-8", "replace")).digest()
        place = int.from_bytes(digest[:8], "big") % 100
        for split, share in _SHARES.items():
            if place < share:
                return split
            place -= share
        raise AssertionError("the shares make a hundred")


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(min_length=1)]
    labels: Mapping[Head, Annotated[int, Field(ge=0, le=1)]]
    source: str
    family: str


def write_rows(rows: Iterable[LabelledText], file: Path) -> None:
    """Write rows, packed; the same rows give the same bytes."""
    lines = (
        json.dumps(
            {"text": r.text, "labels": r.labels, "source": r.source, "family": r.family},
            ensure_ascii=False,
        )
        for r in rows
    )
    content = "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
    file.write_bytes(lzma.compress(content, preset=9 | lzma.PRESET_EXTREME))


def read_rows(file: Path) -> tuple[LabelledText, ...]:
    """The rows of a file that `write_rows` wrote.

    Raises:
        ConfigurationError: naming the file, and the line where there is one.
    """
    try:
        lines = lzma.decompress(file.read_bytes()).decode().splitlines()
    except (OSError, lzma.LZMAError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: can't be read: {type(error).__name__}") from None
    return tuple(_row(line, f"{file}:{n}") for n, line in enumerate(lines, 1))


def _row(line: str, place: str) -> LabelledText:
    try:
        row = _Line.model_validate_json(line)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, problem["loc"]))
        raise ConfigurationError(f"{place}: {where}: {problem['msg']}") from None
    return LabelledText(row.text, row.labels, row.source, row.family)


def distinct(rows: Iterable[LabelledText]) -> Iterator[LabelledText]:
    """Rows whose words are the same are one: the first of them, with what the others know too.

    Where two disagree on a head, neither is believed on it.
    """
    merged: dict[str, LabelledText] = {}
    doubtful: dict[str, set[Head]] = {}
    for row in rows:
        key = fingerprint(row.text)
        if not key:
            continue
        first = merged.setdefault(key, row)
        clashes: set[Head] = {
            h for h in HEADS if {row.labels.get(h), first.labels.get(h)} == {0, 1}
        }
        doubtful.setdefault(key, set()).update(clashes)
        labels: dict[Head, int] = {**row.labels, **first.labels}
        merged[key] = LabelledText(first.text, labels, first.source, first.family)
    for key, row in merged.items():
        sure: dict[Head, int] = {h: row.labels[h] for h in row.labels if h not in doubtful[key]}
        if sure:
            yield LabelledText(row.text, sure, row.source, row.family)


def without(rows: Iterable[LabelledText], held_out: Sequence[str]) -> Iterator[LabelledText]:
    """Rows that share their words with none of the held-out texts."""
    known = {fingerprint(text) for text in held_out}
    return (row for row in rows if fingerprint(row.text) not in known)


def fingerprint(text: str) -> str:
    """The words of a text in their order, folded: equal for texts that differ in form alone."""
    return " ".join(_WORD.findall(normalise(text)[0]))


def limited(rows: Iterable[LabelledText], most: int) -> Iterator[LabelledText]:
    """At most so many rows of each source, always the same ones."""
    by_source: defaultdict[str, list[LabelledText]] = defaultdict(list)
    for row in rows:
        by_source[row.source].append(row)
    for source in by_source.values():
        yield from sorted(source, key=_place)[:most]


def measured(rows: Iterable[LabelledText], split: Split) -> Sequence[LabelledText]:
    """The rows of a split that figures are of: no source outweighs all others."""
    chosen = list(limited((r for r in rows if r.split == split), _MEASURED_PER_SOURCE))
    return [
        *chosen,
        *embedded(chosen, _MEASURED_EMBEDDED),
        *fragments(chosen, _MEASURED_PER_SOURCE),
    ]


def fragments(rows: Sequence[LabelledText], count: int, seed: int = 0) -> Iterator[LabelledText]:
    """A word to four out of harmless texts, in a row or at random: all that many customers write.

    There is too little in them to be anything. The same ones in every run.
    """
    rng = Random(seed)
    texts = [r.text.split() for r in rows if all(r.labels.get(head) == 0 for head in HEADS)]
    for number in range(count if texts else 0):
        words = rng.choice(texts)
        length = rng.randint(1, _FRAGMENT_WORDS)
        start = rng.randrange(len(words))
        chosen = words[start : start + length]
        if rng.random() < _AT_RANDOM:
            chosen = [rng.choice(rng.choice(texts)) for _ in range(length)]
        yield LabelledText(" ".join(chosen), _NOTHING, "fragments", str(number))


def _place(row: LabelledText) -> bytes:
    return hashlib.sha256(row.text.encode("utf-8", "replace")).digest()


def embedded(rows: Sequence[LabelledText], count: int, seed: int = 0) -> Iterator[LabelledText]:
    """Attacks among the sentences of honest customers, and as many honest texts of that length.

    An attack seldom comes alone, and a long text alone is no attack. Made from rows of one split,
    `count` of each kind at most, the same in every run.
    """
    rng = Random(seed)
    honest = [r for r in rows if r.honest and len(r.text) <= _SHORT]
    attacks = [r for r in rows if 1 in r.labels.values() and len(r.text) <= _SHORT]
    if not honest:
        return
    for kind in (attacks, honest):
        for row in rng.sample(kind, min(count, len(kind))):
            yield _amidst(row, [r.text for r in rng.sample(honest, min(4, len(honest)))], rng)


def _amidst(row: LabelledText, others: Sequence[str], rng: Random) -> LabelledText:
    """The text between others, as many as one window has room for.

    They are honest, so that the whole is what the text is.
    """
    room = rng.randrange(len(row.text), _WINDOW)
    parts = [row.text]
    for other in others:
        if sum(map(len, parts)) + len(other) < max(room, len(row.text) + len(others[0]) + 1):
            parts.insert(rng.randrange(len(parts) + 1), other)
    return LabelledText(" ".join(parts), row.labels, f"embedded/{row.source}", row.family)
