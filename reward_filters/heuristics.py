"""Rules of thumb about an answer's form: no model, no server, microseconds.

For a machine on which nothing better runs, as the baseline that a reward model has to beat, and as
a member of an ensemble that punishes what a reward model may overlook. What an answer says is
beyond them: they can't tell an invented refund from a real one.
"""

import hashlib
import re
from collections.abc import Sequence
from itertools import pairwise
from math import log2
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from gateway.types import Conversation

Weight = Annotated[float, Field(ge=0)]

REFUSALS = (
    *(
        f"{unable} {verb}"
        for unable in ("can't", "cannot", "can not", "unable to", "not able to", "not here to")
        for verb in ("assist", "help", "answer", "do that", "do this")
    ),
    *("as an ai language model", "as a language model", "know how to assist", "know how to help"),
    *("kann ich nicht helfen", "kann ihnen nicht helfen", "kann dir nicht helfen"),
    *("peux pas vous aider", "peux pas t'aider", "no puedo ayudar", "no puedo responder"),
)
"""Phrases of refusals in English, German, French and Spanish, in lower case."""

# Scripts without spaces between words: each sign counts as one.
_WORD = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\w+")
_SENTENCE_END = re.compile(r"(?<![.!?\u2026])[.!?\u2026]++(?=\s|$)|[\u3002\uff01\uff1f]|\n+")
_CLOSING = "\"'\u201d\u2019\u00bb)]}*_`~ \t\r\n"
_GOES_ON = ",;-\u2013\u2014(["
_NGRAM = 3


@dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Heuristics:
    """Minus the weighted sum of what is wrong with an answer, each thing between 0 and 1:

    - `length`: 0 from `shortest` to `longest` characters; below, the share that is missing; above,
      the doublings beyond it, 1 from the first on;
    - `repetition`: the share of three-word sequences that stood in the answer before;
    - `refusal`: 1 if it holds one of `refusals` (lower case, straight apostrophes). What is harmful
      is the policies' business: what reaches a reward model should be answered;
    - `question`: 1 if a question is answered with nothing but questions. Off by default: asking
      back for an order number is often right;
    - `unfinished`: 1 if it ends within a sentence, as an answer does that was cut off.

    The best score is 0. The other defaults of the weights are rounded from a fit on the training
    part of `reward_filters/data` (docs/reward-models/heuristics.md).
    """

    shortest: Annotated[int, Field(ge=0)] = 40
    longest: Annotated[int, Field(ge=1)] = 900
    refusals: tuple[str, ...] = REFUSALS
    length: Weight = 2.0
    repetition: Weight = 1.5
    refusal: Weight = 0.25
    question: Weight = 0.0
    unfinished: Weight = 0.5

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.shortest > self.longest:
            raise ValueError(f"shortest ({self.shortest}) is more than longest ({self.longest})")
        return self

    @property
    def revision(self) -> str:
        """A hash over all options."""
        return f"heuristics@{hashlib.sha256(repr(self).encode()).hexdigest()[:12]}"

    async def score(self, conversation: Conversation, answers: Sequence[str]) -> Sequence[float]:
        """As `RewardModel.score`; never fails."""
        asked = _asks(conversation.last_user_text)
        return [self._score(answer, asked=asked) for answer in answers]

    def _score(self, answer: str, *, asked: bool) -> float:
        return 0.0 - (
            self.length * _length(len(answer), self.shortest, self.longest)
            + self.repetition * _repetition(answer)
            + self.refusal * _refuses(answer, self.refusals)
            + self.question * (asked and _only_asks(answer))
            + self.unfinished * _unfinished(answer)
        )


def _length(characters: int, shortest: int, longest: int) -> float:
    if characters < shortest:
        return 1 - characters / shortest
    return min(1.0, log2(max(characters / longest, 1)))


def _repetition(answer: str) -> float:
    words = _WORD.findall(answer.casefold())
    sequences = list(zip(*(words[i:] for i in range(_NGRAM)), strict=False))
    return 1 - len(set(sequences)) / len(sequences) if sequences else 0.0


def _refuses(answer: str, phrases: Sequence[str]) -> bool:
    folded = answer.casefold().replace("\u2019", "'")
    return any(phrase in folded for phrase in phrases)


def _asks(text: str) -> bool:
    return text.rstrip(_CLOSING).endswith(("?", "\uff1f"))


def _only_asks(answer: str) -> bool:
    ends = [0, *(found.end() for found in _SENTENCE_END.finditer(answer)), len(answer)]
    sentences = [answer[start:end] for start, end in pairwise(ends)]
    said = [sentence for sentence in sentences if _WORD.search(sentence)]
    return bool(said) and all(map(_asks, said))


def _unfinished(answer: str) -> bool:
    text = answer.rstrip(_CLOSING)
    if not text:
        return True
    last_word = text.split()[-1]
    is_address = "@" in last_word or "://" in last_word
    return (text[-1].isalnum() and not is_address) or text[-1] in _GOES_ON
