"""Answers that give away what the operator told the model."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass as value
from functools import cached_property, lru_cache
from itertools import islice
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
_THINNEST = 3  # a leaked word may have two others beside it: the numbers of a list, fillers
_LETTERS_OF_A_WORD = 4  # counted low, for what is written without spaces
_MOST_BLOCKS = 200  # of one text without spaces, that are looked at closely
_MOST_CODES = 32  # of one prompt, that are looked for

# A word, or one character of a script that sets no spaces between words.
_CJK_BLOCKS = (
    ("\u3040", "\u30ff"),
    ("\u3400", "\u9fff"),
    ("\uf900", "\ufaff"),
    ("\U00020000", "\U0002ffff"),
)
_CJK = "".join(f"{first}-{last}" for first, last in _CJK_BLOCKS)
_FIRST_CJK = "\u3040"
_PUNCTUATION = ".,;:!?\"'`()[]{}<>*_#|/-=+~·"
_TO_SPACES = str.maketrans(dict.fromkeys(_PUNCTUATION, " "))
_ONE = Pattern(rf"[{_CJK}]|[^\s.,;:!?\"'`()\[\]{{}}<>*_#|/\-=+~·{_CJK}]+")
_WORD_WEIGHT, _CHARACTER_WEIGHT = 2, 1
# What is said of the reader and of oneself changes sides in a leak: "You are a ..." "I am a ...".
_SIDES = {"i": "you", "me": "you", "am": "are", "my": "your", "m": "re", "myself": "yourself"}

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
# What a page or an address is written with: long, without spaces, and for saying.
_ADDRESS = Pattern(r"\S*(?://|@|www\.|\.[a-z]{2,}/)\S*")
_UNSPACED = Pattern(r"\S{20,}")
# WINTER77, AB-12-CD: capitals and digits, as they are written in the prompt.
_CODE = Pattern(
    r"\b(?:[A-Z]+[\-]?[0-9]|[0-9]+[\-]?[A-Z])[A-Z0-9]*(?:-[A-Z0-9]+)*\b", exact_case=True
)
_LEAST_CODE = 6
_SAY_IT = Pattern(r"\b(?:offer|give|mention|send|suggest|share|hand out|tell|name)\b")
_KEEP_IT = Pattern(
    r"\b(?:never|not|don't|only|unless|internal|secret|confidential|staff|no one|nobody|without)\b"
)
_KEEP_IT_SO = Pattern(r"^\s*(?:never|do not|don't|keep)\b.*\b(?:it|this|that|them|these|codes?)\b")


@value(frozen=True, slots=True)
class _Secret:
    """What must not be said: runs of words, runs of letters, codes, and how long a run may be."""

    shingles: frozenset[tuple[str, ...]]
    own: frozenset[tuple[str, ...]]
    words: frozenset[str]
    letters: str
    codes: Pattern | None
    factor: int


@dataclass(frozen=True, config={"extra": "forbid"})
class PromptLeak:
    """Finds the operator's instructions in an answer: word by word, with sides changed, encoded.

    A leak is a run of `min_words` words of the instructions (or as many letters without spaces),
    or `min_share` of all their runs of four words, wherever they stand. The numbers of a list,
    marks, and up to two other words for each of the prompt's may stand between. Each is also
    looked for written backwards, in rot13, in atbash and in what the answer hides
    (policies.decodings). A character of Chinese, Japanese or Korean counts as half a word.
    Translations and free retellings are not found.

    Only sentences that speak to the model count ("You are ...", "Never tell the customer ..."):
    what stands there of the business, in quotation marks or between <facts> and </facts> is for
    saying. A code in them (six or more capitals and digits: WINTER77) is a leak by itself, unless
    the customer named it, or its sentence says to offer it and not whom to keep it from. Of a
    prompt in which no sentence is known as one to the model (in other languages than English,
    mostly) every sentence counts, and a run must be twice as long.
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
        folded = Reading(subject.normalised, subject.offsets)
        found = [
            Finding(*span, self.category, "[instructions removed]", _detail(reading.scheme))
            for reading in (folded, *decodings(subject))
            for span in (
                *self._leaks(reading, secret),
                *self._unspaced(reading, secret),
                *_codes(reading, secret, subject),
            )
        ]
        return tuple(dict.fromkeys(found))

    def _leaks(self, reading: Reading, secret: _Secret) -> Iterator[tuple[int, int]]:
        """Runs of the instructions' words, other words between them left out."""
        known = [(i, w) for i, w in enumerate(_words(reading.text)) if w in secret.words]
        words = [word for _, word in known]
        hits = [
            i
            for i, shingle in enumerate(_shingles(words))
            if shingle in secret.shingles
            and known[i + _RUN - 1][0] - known[i][0] < _RUN * _THINNEST
        ]
        if not hits:
            return
        spans = list(_ONE.spans(reading.text))
        places = [spans[at] for at, _ in known]
        for first, last in _runs(hits):
            weight = sum(map(_weight, words[first : last + _RUN]))
            if weight >= _WORD_WEIGHT * self.min_words * secret.factor:
                yield reading.origin(places[first][0], places[last + _RUN - 1][1])
        said = {tuple(words[i : i + _RUN]) for i in hits} & secret.own
        if len(secret.own) >= _LEAST_SHINGLES and len(said) >= self.min_share * len(secret.own):
            yield reading.origin(places[hits[0]][0], places[hits[-1] + _RUN - 1][1])

    def _unspaced(self, reading: Reading, secret: _Secret) -> Iterator[tuple[int, int]]:
        """The same where nothing stands between the words."""
        run = _LETTERS_OF_A_WORD * self.min_words * secret.factor
        for start, end in _UNSPACED.spans(reading.text):
            letters = _letters(reading.text[start:end])
            if _shares_run(letters, secret.letters, run // 2):
                yield reading.origin(start, end)


def _shares_run(letters: str, text: str, half: int) -> bool:
    """Whether two halves in a row of the letters stand in the text, wherever the run begins.

    Such a run holds a whole block of those that begin at multiples of a half.
    """
    starts = range(0, len(letters) - half + 1, half)
    near = islice((i for i in starts if letters[i : i + half] in text), _MOST_BLOCKS)
    begins = (b for i in near for b in range(max(i - half, 0), i + 1))
    return any(letters[b : b + 2 * half] in text for b in begins if b + 2 * half <= len(letters))


def _codes(reading: Reading, secret: _Secret, subject: Subject) -> Iterator[tuple[int, int]]:
    """Codes of the instructions that the customer has not named himself."""
    if secret.codes is None:
        return
    spans = list(secret.codes.spans(reading.text))
    if not spans:
        return
    named = {
        _letters(text[start:end])
        for message in subject.conversation.messages
        if message.role == "user"
        for text in (normalise(message.content)[0],)
        for start, end in secret.codes.spans(text)
    }
    for start, end in spans:
        if _letters(reading.text[start:end]) not in named:
            yield reading.origin(start, end)


def _detail(scheme: str) -> str:
    return f"the operator's instructions, in {scheme}" if scheme else "the operator's instructions"


def _secret(prompt: str) -> _Secret:
    text = _without_sayable(normalise(prompt.replace("\n", " . "))[0])
    sentences = [text[start:end].strip() for start, end in _SENTENCE.spans(text)]
    to_the_model = [s for s in sentences if _TO_THE_MODEL.first(s) is not None]
    secret = " ".join(to_the_model or sentences)
    words = [word for word in _words(secret) if not word.isdigit()]
    turned = (
        rot13(secret),
        atbash(secret),
        secret[::-1],
        " ".join(word[::-1] for word in secret.split()),
        " ".join(reversed(words)),
    )
    own = frozenset(_shingles(words))
    shingles = own.union(*(_shingles(_words(text)) for text in turned))
    return _Secret(
        shingles,
        own,
        frozenset(word for shingle in shingles for word in shingle),
        _letters(_cut(_ADDRESS, secret, " ")),
        _codes_in(prompt),
        1 if to_the_model else 2,
    )


def _codes_in(prompt: str) -> Pattern | None:
    """The codes in sentences to the model that do not just say to hand them out, and in those that
    say, or the next one says, whom to keep them from.
    """
    text = _without_sayable(prompt.replace("\n", " . "))
    sentences = [text[start:end] for start, end in _SENTENCE.spans(text)]
    found: dict[str, None] = {}
    for sentence, following in zip(sentences, (*sentences[1:], ""), strict=True):
        kept = _KEEP_IT.first(sentence) or _KEEP_IT_SO.first(following)
        told = _TO_THE_MODEL.first(sentence) and not _SAY_IT.first(sentence)
        if kept or told:
            codes = (sentence[a:b] for a, b in _CODE.spans(sentence))
            found |= dict.fromkeys(c.lower() for c in codes if len(c) >= _LEAST_CODE)
    written = (_ways_to_write(code) for code in list(found)[:_MOST_CODES])
    return Pattern(rf"\b(?:{'|'.join(written)})\b") if found else None


def _ways_to_write(code: str) -> str:
    """As it is, without its hyphens, letter by letter; but not "save 10" for save10."""
    return "|".join((code.replace("-", r"[\W_]?"), r"[\W_]{1,2}".join(_letters(code))))


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def _without_sayable(text: str) -> str:
    return _cut(_SAYABLE, text, " . ")


def _cut(pattern: Pattern, text: str, instead: str) -> str:
    pieces: list[str] = []
    done = 0
    for start, end in pattern.spans(text):
        pieces.append(text[done:start])
        done = end
    return instead.join((*pieces, text[done:]))


def _words(text: str) -> list[str]:
    lower = text.lower()
    if max(lower, default="") >= _FIRST_CJK:
        lower = lower.translate({ord(c): f" {c} " for c in set(lower) if _stands_alone(c)})
    words = lower.translate(_TO_SPACES).split()  # what _ONE finds, in a tenth of the time
    return [_SIDES.get(word, word) for word in words]


def _stands_alone(character: str) -> bool:
    (a, b), (c, d), (e, f), (g, h) = _CJK_BLOCKS  # written out, since a text has many
    return a <= character <= b or c <= character <= d or e <= character <= f or g <= character <= h


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
