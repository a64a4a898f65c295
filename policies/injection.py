"""Prompt injection and jailbreaks by their usual words, beside a model that judges the meaning.

The rules (policies.injection_rules) are for what such a model misses and a person sees at once:
marks of a role or a tag that only the operator may use, orders to drop the instructions, known
personas, demands for the prompt, tasks hidden in texts, forced beginnings. They are written so that
a customer who talks of instructions, rules or a prompt of his own is let through.
"""

from collections.abc import Iterator, Sequence

from pydantic.dataclasses import dataclass

from gateway.types import Finding, Subject
from policies.decodings import decodings
from policies.injection_abroad import orders_abroad
from policies.injection_rules import RULES
from policies.patterns import readings

_MOST_MATCHES = 100
_ORDER_DROPPED = "orders to drop the instructions"

_Found = tuple[int, int, str]


@dataclass(frozen=True, config={"extra": "forbid"})
class InjectionRules:
    """Finds texts that try to change what the model was told, or to get at it.

    In the text as written, folded and decoded (`policies.decodings`). English throughout; orders to
    drop the instructions, and the name of the system prompt, also in German, French, Spanish,
    Italian, Portuguese, Dutch, Polish, Russian, Chinese, Japanese, Turkish, Swedish, Hungarian,
    Vietnamese, Indonesian, Korean, Arabic, Hebrew, Hindi and Greek.

    A match that speaks of the customer's own things ("ignore the previous instructions for
    delivery") is excused (policies.injection_excuses): that is for a model to judge.
    """

    category: str = "prompt_injection"

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        found: dict[tuple[int, int], str] = {}
        *raw, folded = readings(subject)
        places = [(r, _by_rules(r.text)) for r in (*raw, folded, *decodings(subject))]
        # These are of folded words: the raw text has none that the folded one has not.
        places += [(r, _abroad(r.text.lower())) for r in (folded, *decodings(subject))]
        for reading, spans in places:
            for start, end, rule in spans:
                detail = f"{rule}, in {reading.scheme}" if reading.scheme else rule
                found.setdefault(reading.origin(start, end), detail)
        return [Finding(*span, self.category, detail=detail) for span, detail in found.items()]


def _by_rules(text: str) -> Iterator[_Found]:
    for rule in RULES:
        spans, unread = rule.pattern.first_spans(text, _MOST_MATCHES)
        yield from ((*span, rule.name) for span in spans if rule.holds(text, *span))
        if unread < len(text):
            yield unread, len(text), rule.name


def _abroad(text: str) -> Iterator[_Found]:
    for number, (start, end) in enumerate(orders_abroad(text)):
        if number == _MOST_MATCHES:
            yield start, len(text), _ORDER_DROPPED
            return
        yield start, end, _ORDER_DROPPED
