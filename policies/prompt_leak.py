"""Answers that give away what the operator told the model."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass as value
from functools import cached_property, lru_cache
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from gateway.normalisation import normalise
from gateway.types import Finding, Subject
from policies.decodings import decodings
from policies.encodings import atbash, rot13
from policies.patterns import Pattern, Reading

_RUN = 4  # words of one shingle; runs and shares are counted in these
_MOST_PROMPTS = 16  # the prompts of the last few models are kept as shingles
_LEAST_SHINGLES = 10  # of a shorter prompt no share means anything

# A word, or one character of a script that sets no spaces between words.
_CJK_BLOCKS = (
    ("\u3040", "\u30ff"),
    ("\u3400", "\u9fff"),
    ("\uf900", "\ufaff"),
    ("\U00020000", "\U0002ffff"),
)
_CJK = "".join(f"{first}-{last}" for first, last in _CJK_BLOCKS)
_FIRST_CJK = "\u3040"
_PUNCTUATION = '.,;:!?"()[]{}<>*_#|/'
_TO_SPACES = str.maketrans(dict.fromkeys(_PUNCTUATION, " "))
_ONE = Pattern(rf"[{_CJK}]|[^\s.,;:!?\"()\[\]{{}}<>*_#|/{_CJK}]+")
_WORD_WEIGHT, _CHARACTER_WEIGHT = 2, 1
# What is said of the reader and of oneself changes sides in a leak: "You are a ..." "I am a ...".
_SIDES = {"i": "you", "me": "you", "am": "are", "my": "your", "i'm": "you're", "myself": "yourself"}

_SENTENCE = Pattern(r"[^.!?;\n]+")
_SAYABLE = Pattern(r"(?s)<facts>.*?</facts>|\"[^\"\n]*\"")
# A sentence for the model: of its role or of the customer as a third person, or how to answer.
_TO_THE_MODEL = Pattern(
    r"\b(?:the|a) (?:customer|user|client|guest|caller|visitor|patient|conversation)s?\b"
    r"|\bcustomers who|\bif you (?:do not|don't|cannot|can't|are asked|are unsure)\b"
    r"|\byou(?:'re| are| will be)? (?:now )?(?:called |named |an? |the |\w+, )"
    r"|\byour (?:name|role|task|job|goal|persona|tone|answers?|instructions?|prompt|knowledge)\b"
    r"|\b(?:assistant|chat ?bot|system prompt|these instructions|confidential|internal|secret)\b"
    r"|(?:^|\b(?:never|not|don't|always|please|only|and|or|then|must|should|cannot|can't|,))\W*"
    r"(?:be|answer|respond|reply|say|tell|mention|reveal|disclose|discuss|recommend|refuse"
    r"|apologi[sz]e|escalate|hand over|promise|offer|greet|speak|write|use|keep|act|talk|give"
    r"|invent|make up|pretend)\b"
)


@value(frozen=True, slots=True)
class _Secret:
    """The shingles of what must not be said, and how long a run of them is a leak."""

    shingles: frozenset[tuple[str, ...]]
    own: frozenset[tuple[str, ...]]
    factor: int


@dataclass(frozen=True, config={"extra": "forbid"})
class PromptLeak:
    """Finds the operator's instructions in an answer: word by word, with sides changed, encoded.

    A leak is a run of `min_words` words of the instructions, or `min_share` of all their runs of
    four words, wherever they stand. Each is also looked for written backwards, in rot13, in
    atbash and in what the answer hides (policies.decodings). A character of Chinese, Japanese or
    Korean counts as half a word. Translations and free retellings are not found.

    Only sentences that speak to the model count ("You are ...", "Never tell the customer ..."):
    what stands there of the business, in quotation marks or between <facts> and </facts> is for
    saying. Of a prompt in which no sentence is known as one to the model (in other languages than
    English, mostly) every sentence counts, and a run must be twice as long.
    """

    min_words: Annotated[int, Field(ge=_RUN)] = 8
    min_share: Annotated[float, Field(gt=0, le=1)] = 0.3
    category: str = "prompt_leak"

    @cached_property
    def _secret_of(self) -> Callable[[str], _Secret]:
        return lru_cache(_MOST_PROMPTS)(_secret)

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        if not subject.conversation.operator_prompt:
            return ()
        secret = self._secret_of(subject.conversation.operator_prompt)
        if not secret.shingles:
            return ()
        folded = Reading(subject.normalised, subject.offsets)
        found = [
            Finding(*span, self.category, "[instructions removed]", _detail(reading.scheme))
            for reading in (folded, *decodings(subject))
            for span in self._leaks(reading, secret)
        ]
        return tuple(dict.fromkeys(found))

    def _leaks(self, reading: Reading, secret: _Secret) -> Iterator[tuple[int, int]]:
        words = _words(reading.text)
        hits = [i for i, shingle in enumerate(_shingles(words)) if shingle in secret.shingles]
        if not hits:
            return
        spans = list(_ONE.spans(reading.text))
        for first, last in _runs(hits):
            weight = sum(map(_weight, words[first : last + _RUN]))
            if weight >= _WORD_WEIGHT * self.min_words * secret.factor:
                yield reading.origin(spans[first][0], spans[last + _RUN - 1][1])
        said = {tuple(words[i : i + _RUN]) for i in hits} & secret.own
        if len(secret.own) >= _LEAST_SHINGLES and len(said) >= self.min_share * len(secret.own):
            yield reading.origin(spans[hits[0]][0], spans[hits[-1] + _RUN - 1][1])


def _detail(scheme: str) -> str:
    return f"the operator's instructions, in {scheme}" if scheme else "the operator's instructions"


def _secret(prompt: str) -> _Secret:
    text = _without_sayable(normalise(prompt.replace("\n", " . "))[0])
    sentences = [text[start:end].strip() for start, end in _SENTENCE.spans(text)]
    to_the_model = [s for s in sentences if _TO_THE_MODEL.first(s) is not None]
    secret = " ".join(to_the_model or sentences)
    words = _words(secret)
    turned = (
        rot13(secret),
        atbash(secret),
        secret[::-1],
        " ".join(word[::-1] for word in secret.split()),
    )
    own = frozenset(_shingles(words))
    shingles = own.union(*(_shingles(_words(text)) for text in turned))
    return _Secret(shingles, own, 1 if to_the_model else 2)


def _without_sayable(text: str) -> str:
    pieces: list[str] = []
    done = 0
    for start, end in _SAYABLE.spans(text):
        pieces.append(text[done:start])
        done = end
    return " . ".join((*pieces, text[done:]))


def _words(text: str) -> list[str]:
    lower = text.lower()
    if max(lower, default="") >= _FIRST_CJK:
        lower = "".join(f" {c} " if _stands_alone(c) else c for c in lower)
    words = lower.translate(_TO_SPACES).split()  # what _ONE finds, in a tenth of the time
    return [_SIDES.get(word, word) for word in words]


def _stands_alone(character: str) -> bool:
    return any(first <= character <= last for first, last in _CJK_BLOCKS)


def _shingles(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    return zip(*(words[i:] for i in range(_RUN)), strict=False)


def _runs(hits: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The first and last of each series of numbers that follow one another."""
    first = last = -2
    for hit in hits:
        if hit != last + 1:
            if last >= 0:
                yield first, last
            first = hit
        last = hit
    if last >= 0:
        yield first, last


def _weight(word: str) -> int:
    return _CHARACTER_WEIGHT if len(word) == 1 and not word.isascii() else _WORD_WEIGHT
