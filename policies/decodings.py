"""What a text hides: readings of it with everything decoded that a model might decode.

Each reading is the whole text with its encoded parts taken for what they say, so that a phrase
of which only a word is encoded is read as well. All encodings are taken off in one pass, one
after the other, and a second pass takes off what was below: two readings, whatever was mixed.
Beside them stand the text without its invisible characters, what these say, and the text in rot13,
in atbash or read backwards where words show up that way.

Linear in the length of the text; an honest text costs two searches and has no other reading.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, repeat

from ahocorasick_rs import AhoCorasick

from gateway.normalisation import normalise
from gateway.types import Subject
from policies.encodings import (
    ENCODINGS,
    INVISIBLE,
    LEET,
    MARKUP,
    NOTHING,
    Encoding,
    atbash,
    hidden_in,
    rot13,
)
from policies.patterns import Pattern, Reading, capitalised, cased_readings

_DEPTH = 2
_ENCODED = Pattern("|".join(f"(?:{e.expression})" for e in ENCODINGS), exact_case=True)
# What folding does to ASCII beside its case, where it drops nothing.
_PLAIN_ASCII = str.maketrans("\t\n\v\f\r\x1c\x1d\x1e\x1f`", "         '")
_WORD = Pattern(r"[^\s]+")

# Words that nobody writes backwards, or turned by thirteen letters, without a purpose.
_TELLING = """
    ignore disregard forget override bypass instruction instructions previous prompt system
    password reveal pretend jailbreak secret developer unrestricted restrictions guidelines
    ignoriere vergiss anweisungen vorherigen ignora ignorez instrucciones istruzioni instrucoes
    instructies instrukcje anteriores precedentes
""".split()  # noqa: SIM905 - a list takes fifty lines
# And the commonest ones, of which it takes two. Those that turn into a word (was, are, and) are
# left out.
_COMMON = """
    the you your that this with what have from about please would could should which
""".split()  # noqa: SIM905
_TURNED_WORDS = (*_TELLING, *_COMMON)
_CIPHERS = (("rot13", rot13), ("atbash", atbash))
_BACKWARDS = len(_CIPHERS)
_SIGNS = AhoCorasick(
    [
        *(turn(word) for _, turn in _CIPHERS for word in _TURNED_WORDS),
        *(word[::-1] for word in _TURNED_WORDS),
    ]
)


def decodings(subject: Subject) -> Sequence[Reading]:
    """Readings of what a text hides, beside the text itself; none for nearly every honest text.

    Their texts are folded, with the capitals as decoded (`lower` leaves positions as they are).
    `scheme` says how a text was hidden, for a finding's detail. Made once per subject.
    """
    return subject.derived(_decodings)


def _decodings(subject: Subject) -> Sequence[Reading]:
    *_, source = cased_readings(subject)
    unseen = () if subject.text.isascii() else tuple(_unseen(subject.text))
    return tuple(chain(unseen, *(_below(reading) for reading in (source, *unseen))))


def _below(source: Reading) -> Iterator[Reading]:
    """What stands below a text, each text once."""
    known = {source.text}
    for level in _levels(source):
        shown = _without(MARKUP, level)
        for reading in chain((level,), () if shown is None else _levels(_folded(shown))):
            for other in (reading, *_turned(reading), _unleeted(reading)):
                if other is not None and other.text not in known:
                    known.add(other.text)
                    yield other


def _levels(source: Reading) -> Iterator[Reading]:
    """The text, and what is left of it when its encodings are taken off, and theirs."""
    level: Reading | None = source
    for _ in range(_DEPTH + 1):
        if level is None:
            return
        yield level
        level = _decoded(level)


class _Draft:
    """A text as it is decoded, and the span of the original that each character came from."""

    def __init__(self, source: Reading) -> None:
        self._source = source
        self._pieces: list[str] = []
        self._offsets = array("Q")
        self._ends = array("Q")

    def keep(self, start: int, end: int) -> None:
        source = self._source
        offsets = source.offsets[start:end]
        self._pieces.append(source.text[start:end])
        self._offsets.extend(offsets)
        self._ends.extend(
            (o + 1 for o in offsets) if source.ends is None else source.ends[start:end]
        )

    def put(self, text: str, start: int, end: int) -> None:
        """`text` in the place of the source's `start:end`."""
        first, last = self._source.origin(start, end)
        self._pieces.append(text)
        self._offsets.extend(repeat(first, len(text)))
        self._ends.extend(repeat(last, len(text)))

    def reading(self, scheme: str) -> Reading:
        return Reading("".join(self._pieces), self._offsets, self._ends, scheme)


def _folded(reading: Reading) -> Reading:
    """What was decoded may be disguised itself."""
    folded, origins = normalise(reading.text)
    if len(folded) == len(reading.text) and reading.text.isascii():
        return replace(reading, text=reading.text.translate(_PLAIN_ASCII))
    kept = origins[:-1]
    return Reading(
        capitalised(Reading(folded, origins), reading.text),
        array("Q", (reading.offsets[i] for i in kept)),
        None if reading.ends is None else array("Q", (reading.ends[i] for i in kept)),
        reading.scheme,
    )


def _decoded(source: Reading) -> Reading | None:
    """The source with every encoding taken off, one after the other; None if it has none.

    It is folded at the end alone: white space of several characters parts words that are spelled.
    """
    if _ENCODED.first(source.text) is None:
        return None
    decoded = source
    for encoding in ENCODINGS:
        decoded = _without(encoding, decoded) or decoded
    return None if decoded is source else _folded(decoded)


def _unleeted(source: Reading) -> Reading | None:
    """With the letters that signs stand for; they are folded, and beyond ASCII so is the rest."""
    changed = _without(LEET, source)
    return _folded(changed) if changed is not None and changed.text.isascii() else changed


def _without(encoding: Encoding, source: Reading) -> Reading | None:
    draft = _Draft(source)
    done = 0
    for start, end in encoding.pattern.spans(source.text):
        plain = encoding.decode(source.text[start:end])
        if plain:
            draft.keep(done, start)
            draft.put("" if plain == NOTHING else plain, start, end)
            done = end
    if done == 0:
        return None
    draft.keep(done, len(source.text))
    scheme = source.scheme if encoding.name in source.scheme else f"{source.scheme} {encoding.name}"
    return draft.reading(scheme.strip())


# --- what nobody sees -----------------------------------------------------------------------


def _unseen(text: str) -> Iterator[Reading]:
    """The text that is left when letters in the tag block are dropped, and what they and other
    invisible characters say.
    """
    source = Reading(text, range(len(text) + 1))
    runs = list(INVISIBLE.spans(text))
    hidden = hidden_in("".join(text[start:end] for start, end in runs))
    if not hidden:
        return
    seen, unseen = _Draft(source), _Draft(source)
    done = 0
    for start, end in runs:
        seen.keep(done, start)
        done = end
    seen.keep(done, len(text))
    unseen.put(hidden, runs[0][0], runs[-1][1])
    yield _folded(seen.reading("visible text"))
    yield _folded(unseen.reading("invisible characters"))


# --- turned texts ---------------------------------------------------------------------------


def _turned(source: Reading) -> Iterator[Reading]:
    text = source.text.lower()
    found = _SIGNS.find_matches_as_indexes(text)
    signs = [divmod(i, len(_TURNED_WORDS)) for i, *span in found if _is_word(text, *span)]
    for turn, (name, cipher) in enumerate(_CIPHERS):
        if _speak(word for t, word in signs if t == turn):
            scheme = f"{source.scheme} {name}".strip()
            yield Reading(cipher(source.text), source.offsets, source.ends, scheme)
    if _speak(word for t, word in signs if t == _BACKWARDS):
        yield _backwards(source, [(0, len(text))])
        yield _backwards(source, list(_WORD.spans(source.text)))


def _speak(words: Iterable[int]) -> bool:
    """Whether these of the turned words are enough: one telling word or two."""
    found = list(words)
    return len(found) > 1 or any(word < len(_TELLING) for word in found)


def _is_word(text: str, start: int, end: int) -> bool:
    before = start == 0 or not text[start - 1].isalpha()
    return before and (end == len(text) or not text[end].isalpha())


def _backwards(source: Reading, spans: Sequence[tuple[int, int]]) -> Reading:
    """The source with each of the spans, which are in order, read from its end."""
    order: list[int] = []
    done = 0
    for start, end in spans:
        order += (*range(done, start), *range(end - 1, start - 1, -1))
        done = end
    order += range(done, len(source.text))
    offsets = [source.offsets[i] for i in order]
    ends = [o + 1 for o in offsets] if source.ends is None else [source.ends[i] for i in order]
    text = "".join(source.text[i] for i in order)
    return Reading(text, offsets, ends, f"{source.scheme} reversed".strip())
