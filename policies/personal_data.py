"""Data that belong to a person: cards, accounts, identity numbers, ways to reach somebody."""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import phonenumbers
from pydantic.dataclasses import dataclass
from stdnum import iban, luhn
from stdnum.de import idnr
from stdnum.es import dni
from stdnum.fr import nir
from stdnum.it import codicefiscale
from stdnum.us import ssn

from gateway.types import Finding, Subject
from policies.contacts import contacts, phones
from policies.grounding import grounds
from policies.patterns import Pattern, readings

PersonalDataKind = Literal["card", "iban", "national_id", "email", "phone"]

_CARD = Pattern(r"\b[2-6][0-9]{3}(?:[ \-]?[0-9]){9,15}\b")
_IBAN = Pattern(r"\b[A-Z]{2}[0-9]{2}(?:[ \-]?[A-Z0-9]){11,30}\b")
# A look-up takes a tenth of a millisecond: beyond so many, what has the shape of a telephone number
# is found without one, and a text of nothing else is no way to keep the event loop busy.
_MOST_LOOKUPS = 32
_IBAN_LENGTHS = range(34, 14, -1)

# Identity numbers with a form or check digit of their own; a bare nine-digit number has neither.
_NATIONAL_IDS: tuple[tuple[str, Pattern, Callable[[str], bool]], ...] = (
    ("US social security number", Pattern(r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b"), ssn.is_valid),
    ("Spanish DNI", Pattern(r"\b[0-9]{8}-?[A-Z]\b"), dni.is_valid),
    (
        "Italian codice fiscale",
        Pattern(r"\b[A-Z]{6}[0-9]{2}[A-Z][0-9]{2}[A-Z][0-9]{3}[A-Z]\b"),
        codicefiscale.is_valid,
    ),
    (
        "French NIR",
        Pattern(r"\b[12] ?[0-9]{2} ?[0-9]{2} ?[0-9AB]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}\b"),
        nir.is_valid,
    ),
    ("German tax id", Pattern(r"\b[0-9]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}\b"), idnr.is_valid),
)

_Found = tuple[int, int, str]


@dataclass(frozen=True, config={"extra": "forbid"})
class PersonalData:
    """Finds personal data by form and, where there is one, by check digit.

    `regions` are the countries (ISO 3166) in which a telephone number without a country code is
    looked up. With `ungrounded_only` a datum passes that stands in the conversation or in the
    operator's prompt: an answer may repeat what the customer wrote.
    """

    kinds: tuple[PersonalDataKind, ...] = ("card", "iban", "national_id", "email", "phone")
    ungrounded_only: bool = False
    regions: tuple[str, ...] = ("US", "GB", "DE")
    category: str = "personal_data"

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        found = [
            (reading.origin(start, end), detail, reading.text[start:end])
            for reading in readings(subject)
            for start, end, detail in self._find(reading.text)
        ]
        if found and self.ungrounded_only:
            given = [_bare(text) for text in grounds(subject.conversation)]
            found = [f for f in found if not any(_bare(f[2]) in text for text in given)]
        return [
            Finding(*span, self.category, "[personal data removed]", detail)
            for span, detail, _ in found
        ]

    def _find(self, text: str) -> Iterator[_Found]:
        if any(character.isdigit() for character in text):
            yield from self._find_numbers(text)
        if "email" in self.kinds and "@" in text:
            yield from ((c.start, c.end, "e-mail") for c in contacts(text) if c.kind == "email")

    def _find_numbers(self, text: str) -> Iterator[_Found]:
        if "card" in self.kinds:
            yield from _cards(text)
        if "iban" in self.kinds:
            yield from _ibans(text)
        if "national_id" in self.kinds:
            yield from _national_ids(text)
        if "phone" in self.kinds:
            yield from (
                (number.start, number.end, "phone")
                for i, number in enumerate(phones(text))
                if i >= _MOST_LOOKUPS or _in_service(text[number.start : number.end], self.regions)
            )


def _cards(text: str) -> Iterator[_Found]:
    for start, end in _CARD.spans(text):
        if luhn.is_valid("".join(filter(str.isdigit, text[start:end]))):
            yield start, end, "card"


def _ibans(text: str) -> Iterator[_Found]:
    """The longest valid IBAN at each place: the pattern may have run on into the next word."""
    for start, end in _IBAN.spans(text):
        places = [i for i in range(start, end) if text[i].isalnum()]
        for length in _IBAN_LENGTHS:
            if length <= len(places) and iban.is_valid("".join(text[i] for i in places[:length])):
                yield start, places[length - 1] + 1, "IBAN"
                break


def _national_ids(text: str) -> Iterator[_Found]:
    for name, pattern, is_valid in _NATIONAL_IDS:
        yield from (
            (start, end, name) for start, end in pattern.spans(text) if is_valid(text[start:end])
        )


def _in_service(written: str, regions: Sequence[str]) -> bool:
    """Whether the number lies in a range that some country has given out."""
    for region in regions:
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(written, region)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False


def _bare(text: str) -> str:
    """Only what tells two data apart: letters and digits, without case."""
    return "".join(filter(str.isalnum, text.casefold()))
