"""Sentences of our own for the guard models: templates filled with groups, names, insults, things.

Packaged data knows jailbreaks well and customer service not at all; what honest customers write
when they are angry, and what an assistant must never say of people, is written down in
`policies/data/guard-sentences.yaml`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Annotated, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.alignment.guard_data import SHIPPED_DATA, Head, LabelledText
from gateway.errors import ConfigurationError

SHIPPED_SENTENCES: Final = SHIPPED_DATA.with_name("guard-sentences.yaml")
_GAP = re.compile(r"\{(\w+)\}")
_CAPITALS = 0.75  # the share of sentences that begin with a capital letter and keep their last mark


_SLIPS = 0.1  # the share that has a slip of the fingers in it
_LONG_WORD = 4


class _FromFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SentenceSet(_FromFile):
    """Templates of one kind: their labels, and how many fillings are drawn of each."""

    name: str
    labels: Mapping[Head, Annotated[int, Field(ge=0, le=1)]]
    draw: Annotated[int, Field(ge=1)]


class Sentences(_FromFile):
    """The file: `fillers` by the name that stands in a template, `templates` by set."""

    fillers: Mapping[str, tuple[str, ...]]
    sets: tuple[SentenceSet, ...]
    templates: Mapping[str, tuple[str, ...]]


def read_sentences(file: Path = SHIPPED_SENTENCES) -> Sentences:
    """The templates in a file.

    Raises:
        ConfigurationError: the file can't be read, or names a filler or set that it does not have.
    """
    try:
        sentences = Sentences.model_validate(yaml.safe_load(file.read_text("utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise ConfigurationError(f"{file}: not a file of sentences: {error}") from None
    texts = [text for templates in sentences.templates.values() for text in templates]
    gaps = {gap for text in texts for gap in _GAP.findall(text)}
    if unknown := gaps - set(sentences.fillers):
        raise ConfigurationError(f"{file}: no fillers for {{{min(unknown)}}}")
    if lacking := {s.name for s in sentences.sets} ^ set(sentences.templates):
        raise ConfigurationError(f"{file}: {min(lacking)!r} is not both a set and templates")
    return sentences


def sentence_rows(sentences: Sentences, seed: int = 0) -> Iterator[LabelledText]:
    """Every template with as many different fillings as its set draws, the same in every run."""
    for kind in sentences.sets:
        for number, template in enumerate(sentences.templates[kind.name]):
            rng = Random(f"{seed}/{kind.name}/{template}")
            texts = {_filled(template, sentences.fillers, rng) for _ in range(kind.draw)}
            for text in sorted(texts):
                family = f"{kind.name}/{number}"
                yield LabelledText(text, kind.labels, f"sentences/{kind.name}", family)


def _filled(template: str, fillers: Mapping[str, Sequence[str]], rng: Random) -> str:
    """Two gaps of one name get two fillers."""
    drawn = {name: rng.sample(fillers[name], len(fillers[name])) for name in _names(template)}
    pieces: list[str] = []
    end = 0
    for gap in _GAP.finditer(template):
        pieces += (template[end : gap.start()], drawn[gap[1]].pop())
        end = gap.end()
    return _as_written("".join((*pieces, template[end:])), rng)


def _names(template: str) -> Sequence[str]:
    return sorted(set(_GAP.findall(template)))


def _as_written(text: str, rng: Random) -> str:
    """Customers type in many ways: capitals and last full stops are often missing."""
    if rng.random() < _SLIPS:
        text = _mistyped(text, rng)
    if rng.random() < _CAPITALS:
        return text[:1].upper() + text[1:]
    return text.lower().rstrip(".!")


def _mistyped(text: str, rng: Random) -> str:
    """The text with one letter of a longer word left out or changed for its neighbour."""
    words = text.split(" ")
    long = [i for i, word in enumerate(words) if len(word) > _LONG_WORD and word.isalpha()]
    if not long:
        return text
    i = rng.choice(long)
    at = rng.randrange(1, len(words[i]) - 1)
    rest = words[i][at + 1] + words[i][at] if rng.random() < 0.5 else ""  # noqa: PLR2004
    words[i] = words[i][:at] + rest + words[i][at + (2 if rest else 1) :]
    return " ".join(words)
