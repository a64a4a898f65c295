"""Prompt injection and jailbreaks by their usual words, beside a model that judges the meaning.

The rules (policies.injection_rules) are for what such a model misses and a person sees at once:
marks of a role or a tag that only the operator may use, orders to drop the instructions, known
personas, demands for the prompt, tasks hidden in texts, forced beginnings. They are written so that
a customer who talks of instructions, rules or a prompt of his own is let through.
"""

from collections.abc import Iterator, Sequence

from ahocorasick_rs import AhoCorasick
from pydantic.dataclasses import dataclass

from gateway.normalisation import normalise
from gateway.types import Finding, Subject
from policies.decodings import decodings
from policies.injection_rules import ABROAD, RULES
from policies.patterns import readings

_MOST_MATCHES = 100


_ORDER_DROPPED = "orders to drop the instructions"
_REACH = 64  # characters from the first word of such an order to the beginning of its last
_SPACES = str.maketrans(dict.fromkeys('\n\t.,;:!?"-()[]/', " "))
_PARTS: dict[str, list[tuple[int, int]]] = {}
for _language, _words in enumerate(ABROAD):
    for _kind, _parts in enumerate(_words):
        for _part in _parts.split("|"):
            _PARTS.setdefault(normalise(_part)[0].translate(_SPACES), []).append((_language, _kind))
_ABROAD = AhoCorasick(list(_PARTS))
_PLACES = list(_PARTS.values())
_KINDS = 3

_Found = tuple[int, int, str]


@dataclass(frozen=True, config={"extra": "forbid"})
class InjectionRules:
    """Finds texts that try to change what the model was told, or to get at it.

    In the text as written, folded and decoded (`policies.decodings`). English throughout; orders to
    drop the instructions, and the name of the system prompt, also in German, French, Spanish,
    Italian, Portuguese, Dutch, Polish, Russian, Chinese, Japanese and Turkish.
    """

    category: str = "prompt_injection"

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        found: dict[tuple[int, int], str] = {}
        *raw, folded = readings(subject)
        places = [(r, _by_rules(r.text)) for r in (*raw, folded, *decodings(subject))]
        # These are of folded words: the raw text has none that the folded one has not.
        places += [(r, _orders_abroad(r.text.lower())) for r in (folded, *decodings(subject))]
        for reading, spans in places:
            for start, end, rule in spans:
                detail = f"{rule}, in {reading.scheme}" if reading.scheme else rule
                found.setdefault(reading.origin(start, end), detail)
        return [Finding(*span, self.category, detail=detail) for span, detail in found.items()]


def _by_rules(text: str) -> Iterator[_Found]:
    for rule, pattern in RULES:
        spans, unread = pattern.first_spans(text, _MOST_MATCHES)
        yield from ((start, end, rule) for start, end in spans)
        if unread < len(text):
            yield unread, len(text), rule


def _orders_abroad(text: str) -> Iterator[_Found]:
    """Three words of one language, one of each kind, within reach of one another."""
    last: dict[tuple[int, int], tuple[int, int]] = {}
    spaced = f" {text} ".translate(_SPACES)  # some parts want a space on either side
    for part, begin, stop in _ABROAD.find_matches_as_indexes(spaced, overlapping=True):
        start, end = max(begin - 1, 0), min(stop - 1, len(text))
        for language, kind in _PLACES[part]:
            last[language, kind] = (start, end)
            spans = [last.get((language, other)) for other in range(_KINDS)]
            near = [span for span in spans if span is not None and start - span[0] <= _REACH]
            if len(near) == _KINDS:
                yield min(s for s, _ in near), max(e for _, e in near), _ORDER_DROPPED
