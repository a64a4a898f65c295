"""What a reward model is trained and measured on, read from files.

Two formats, a JSON object a line, and both may stand in one file:

- rated answers: `messages`, `candidates: [{text, score, flags?, model?}]`, `id?`, `split?`;
- pairs, as `winnow export reward` writes them: `prompt` (messages), `chosen` and `rejected` (one
  assistant message each), `margin?`.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from gateway.errors import ConfigurationError
from gateway.types import Conversation, Message, Role

Split = Literal["train", "test"]

# A person's choice says nothing about how much better the chosen answer is. Two points of the
# rubric is the least gap that two readings of it always agreed on.
PAIR_GAP = 2.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `score` is in points of the rubric, None where only a choice is known."""

    text: str
    score: float | None = None
    flags: tuple[str, ...] = ()
    model: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Answers to one conversation, and which of them is better by how much."""

    conversation: Conversation
    answers: tuple[Answer, ...]
    pairs: tuple[tuple[int, int, float], ...]
    """(index of the better, index of the worse, gap in points of the rubric, > 0)."""
    split: Split = "train"

    @property
    def rated(self) -> bool:
        return all(a.score is not None for a in self.answers)


def read_comparisons(files: Sequence[Path], split: Split) -> tuple[Comparison, ...]:
    """The comparisons of one split; a line that names no split is `train`.

    Raises:
        ConfigurationError: a file is missing, a line is in neither format, or nothing is left.
    """
    comparisons = tuple(c for file in files for c in _read(file) if c.split == split)
    if not comparisons:
        names = ", ".join(str(f) for f in files)
        raise ConfigurationError(f"no conversation of the split {split!r} in {names}")
    return comparisons


def fold(comparison: Comparison, folds: int) -> int:
    """The fold of a conversation: the same in every run, and for each line with that prompt."""
    prompt = "\x1e".join(f"{m.role}\x1f{m.content}" for m in comparison.conversation.messages)
    digest = hashlib.sha256(prompt.encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:8], "big") % folds


class _Message(BaseModel):
    role: Role
    content: str


class _Candidate(BaseModel):
    text: str
    score: Annotated[float, Field(allow_inf_nan=False)]
    flags: tuple[str, ...] = ()
    model: str = ""


class _RatedLine(BaseModel):
    messages: Annotated[tuple[_Message, ...], Field(min_length=1)]
    candidates: Annotated[tuple[_Candidate, ...], Field(min_length=1)]
    split: Split = "train"

    def comparison(self) -> Comparison:
        answers = tuple(Answer(c.text, c.score, c.flags, c.model) for c in self.candidates)
        scores = [c.score for c in self.candidates]
        pairs = tuple(
            (i, j, better - worse)
            for i, better in enumerate(scores)
            for j, worse in enumerate(scores)
            if better > worse
        )
        return Comparison(_conversation(self.messages), answers, pairs, self.split)


class _PairLine(BaseModel):
    prompt: Annotated[tuple[_Message, ...], Field(min_length=1)]
    chosen: Annotated[tuple[_Message, ...], Field(min_length=1, max_length=1)]
    rejected: Annotated[tuple[_Message, ...], Field(min_length=1, max_length=1)]
    margin: Annotated[float, Field(allow_inf_nan=False)] | None = None
    split: Split = "train"

    def comparison(self) -> Comparison:
        # A margin is a difference of rewards: where it denies the label, the label stands.
        gap = PAIR_GAP if self.margin is None or self.margin <= 0 else self.margin
        answers = (Answer(self.chosen[0].content), Answer(self.rejected[0].content))
        return Comparison(_conversation(self.prompt), answers, ((0, 1, gap),), self.split)


_LINE: TypeAdapter[_RatedLine | _PairLine] = TypeAdapter(_RatedLine | _PairLine)


def _read(file: Path) -> Iterator[Comparison]:
    try:
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _parsed(line, f"{file}, line {number}")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read {file}: {error}") from error


def _parsed(line: str, place: str) -> Comparison:
    try:
        return _LINE.validate_json(line).comparison()
    except ValidationError as error:
        # Pydantic's own text quotes the input, and that is a customer's.
        where = {".".join(str(part) for part in e["loc"]): e["msg"] for e in error.errors()}
        raise ConfigurationError(f"{place}: neither rated answers nor a pair: {where}") from None


def _conversation(messages: Sequence[_Message]) -> Conversation:
    return Conversation(tuple(Message(m.role, m.content) for m in messages))
