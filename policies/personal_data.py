"""Data that belong to a person: cards, accounts, identity numbers, ways to reach somebody."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, cached_property, lru_cache
from typing import Any, Literal

import phonenumbers
from pydantic.dataclasses import dataclass
from stdnum import iban, luhn, numdb

from gateway.types import Conversation, Finding, Subject
from policies.contacts import email_spans
from policies.decodings import decodings
from policies.encodings import LEET
from policies.grounding import grounds
from policies.national_ids import documents, national_ids
from policies.patterns import Pattern, Reading, readings, texts_read
from policies.phones import phones

PersonalDataKind = Literal[
    "card", "iban", "national_id", "document", "email", "phone", "ip_address", "birth_date"
]

# A look-up takes some microseconds, one of a telephone number a tenth of a millisecond. Beyond so
# many of a kind the rest of the text is found without one: a text of nothing else is no way to
# keep the event loop busy, and none to hide a real datum behind false ones.
_MOST_LOOKUPS = 128
_MOST_PHONE_LOOKUPS = 24
_MOST_CONVERSATIONS = 16
_VERSION_REACH = 16
_LONGEST_PREFIX = 4

# Also of a table's cells, of a backslash that Markdown drops, and of brackets.
_GAP = r"(?:[ .\-/_·|*\n()\\]{0,3}|[,:])"
# Letters may touch it: "ref4111...".
_CARD_RUN = Pattern(rf"([0-9](?:{_GAP}[0-9]){{12,}})")
# Digits by issuer, whom the first digits tell: American Express, Diners, Visa, Mastercard, Maestro,
# Discover and UnionPay. Visa's old cards of 13 digits are left out: EAN bar codes have as many, and
# all IMEIs (35...) have the right check digit.
_CARD_LENGTHS: tuple[tuple[Pattern, tuple[int, ...]], ...] = (
    (Pattern(r"^3[47]"), (15,)),
    (Pattern(r"^3(?:0[0-5]|[689])"), (14,)),
    (Pattern(r"^4"), (16, 19)),
    (Pattern(r"^(?:5[0-8]|2[2-7])"), (16,)),
    (Pattern(r"^6(?:011|2|3|4[4-9]|5|7)"), (16, 17, 18, 19)),
)
_IBAN_START = Pattern(r"(?:\b|_)([A-Z]{2}[0-9]{2})")
_IBAN_REACH = 3 * 34  # the longest, with two marks between any two characters
_BBAN_LENGTH = Pattern(r"([0-9]+)!")

_IP_ADDRESS = Pattern(
    r"\b((?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\.){3}(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9]))\b"
    r"|\b((?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4})\b"
)
_VERSION = Pattern(r"(?:\bv|version|release|build|firmware)[ :.]{0,3}$")
_BIRTH_DATE = Pattern(
    r"\b(?:born(?: on)?|birth ?date|birthday|date of birth|d\.?o\.?b\.?|geboren am|geburtsdatum"
    r"|geb\.|née? le|date de naissance|fecha de nacimiento)[^0-9A-Z\n]{0,3}(?: is| was|:|=)? {0,2}"
    r"([0-9]{1,4}[.\-/ ](?:[0-9]{1,2}|[A-Z]{3,9})[.\-/ ][0-9]{1,4}"
    r"|[A-Z]{3,9} [0-9]{1,2},? [0-9]{4})"
)

# Published examples of numbers that are looked up in tables.
_EXAMPLES = "DE89 3704 0044 0532 0130 00, RSSMRA85T10A562S, 11010519491231002X, (212) 736-5000"

_Span = tuple[int, int]
_Found = tuple[int, int, str]


@dataclass(frozen=True, config={"extra": "forbid"})
class PersonalData:
    """Finds personal data by form and, where there is one, by check digit.

    `regions` are the countries (ISO 3166) in which a telephone number without a country code is
    looked up. With `ungrounded_only` a datum passes that stands in the conversation or in the
    operator's prompt: an answer may repeat what the customer wrote.

    In a text with very many numbers the check digits of the first ones alone are looked at, and
    all the rest of the text is one finding.
    """

    kinds: tuple[PersonalDataKind, ...] = (
        "card",
        "iban",
        "national_id",
        "document",
        "email",
        "phone",
    )
    ungrounded_only: bool = False
    regions: tuple[str, ...] = ("US", "GB", "DE")
    category: str = "personal_data"

    def __post_init__(self) -> None:
        # What they are checked by is read when first needed: now, and not while a text waits.
        for _ in self._find(_EXAMPLES):
            pass

    @cached_property
    def _given(self) -> Callable[[Conversation], frozenset[str]]:
        """What a conversation holds; kept for the last few, as each has several candidates."""
        return lru_cache(_MOST_CONVERSATIONS)(self._data_of)

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        found = [
            (reading.origin(start, end), detail, reading.text[start:end])
            for reading in (*readings(subject), *_decoded(subject))
            for start, end, detail in self._find(reading.text)
        ]
        if found and self.ungrounded_only:
            given = self._given(subject.conversation)
            found = [f for f in found if _bare(f[2]) not in given]
        return [
            Finding(*span, self.category, "[personal data removed]", detail)
            for span, detail, _ in found
        ]

    def _data_of(self, conversation: Conversation) -> frozenset[str]:
        return frozenset(
            _bare(text[start:end])
            for said in grounds(conversation)
            for text in texts_read(said)
            for start, end, _ in self._find(text)
        )

    def _find(self, text: str) -> Iterator[_Found]:
        if any(map(str.isdigit, text)):
            yield from self._find_numbers(text)
        if "email" in self.kinds:
            spans, unread = email_spans(text)
            yield from ((*span, "e-mail") for span in spans)
            yield from _rest(text, unread, "e-mail")

    def _find_numbers(self, text: str) -> Iterator[_Found]:
        if "card" in self.kinds:
            yield from ((*span, "card") for span in _cards(text))
        if "iban" in self.kinds:
            yield from _ibans(text)
        for kind, find in (("national_id", national_ids), ("document", documents)):
            if kind in self.kinds:
                identities, unread = find(text, _MOST_LOOKUPS)
                yield from ((i.start, i.end, i.name) for i in identities)
                yield from _rest(text, unread, kind)
        if "ip_address" in self.kinds:
            yield from _ip_addresses(text)
        if "birth_date" in self.kinds:
            yield from _birth_dates(text)
        if "phone" in self.kinds:
            yield from self._phones(text)

    def _phones(self, text: str) -> Iterator[_Found]:
        for i, phone in enumerate(phones(text)):
            if i == _MOST_PHONE_LOOKUPS or not phone.digits:
                yield from _rest(text, phone.start, "phone")
                break
            written = text[phone.start : phone.end]
            if self._in_service(written if any(map(str.isdigit, written)) else phone.digits):
                yield phone.start, phone.end, "phone"

    def _in_service(self, written: str) -> bool:
        """Whether the number lies in a range that some country has given out."""
        for region in self.regions:
            try:
                if phonenumbers.is_valid_number(phonenumbers.parse(written, region)):
                    return True
            except phonenumbers.NumberParseException:
                continue
        return False


def _decoded(subject: Subject) -> Iterator[Reading]:
    """What the text hides, but for letters in the place of digits."""
    return (reading for reading in decodings(subject) if LEET.name not in reading.scheme)


def _ip_addresses(text: str) -> Iterator[_Found]:
    for group in (1, 2):
        spans, unread = _IP_ADDRESS.first_spans(text, _MOST_LOOKUPS, group)
        for start, end in spans:
            if _VERSION.first(text[max(0, start - _VERSION_REACH) : start]) is None:
                yield start, end, "IP address"
        yield from _rest(text, unread, "IP address")


def _birth_dates(text: str) -> Iterator[_Found]:
    spans, unread = _BIRTH_DATE.first_spans(text, _MOST_LOOKUPS, 1)
    yield from ((*span, "date of birth") for span in spans)
    yield from _rest(text, unread, "date of birth")


def _rest(text: str, unread: int, detail: str) -> Iterator[_Found]:
    if unread < len(text):
        yield unread, len(text), detail


def _cards(text: str) -> Iterator[_Span]:
    """Card numbers that begin and end with a group of digits: others may stand beside them."""
    lookups = iter(range(_MOST_LOOKUPS))
    for start, end in _CARD_RUN.spans(text, group=1):
        done = start
        for first, last, digits in _card_shapes(text, start, end):
            if first < done:
                continue
            if next(lookups, None) is None:
                yield first, len(text)
                return
            if luhn.is_valid(digits):
                yield first, last
                done = last


def _card_shapes(text: str, start: int, end: int) -> Iterator[tuple[int, int, str]]:
    """Groups of digits in a run that are as long together as their issuer's cards."""
    places = [i for i in range(start, end) if text[i].isdigit()]
    digits = "".join(text[i] for i in places)
    starts = [0, *(k for k in range(1, len(places)) if places[k] > places[k - 1] + 1)]
    ends = {*starts[1:], len(places)}
    for first in starts:
        for length in _card_lengths(digits[first : first + _LONGEST_PREFIX]):
            if first + length in ends:
                last = places[first + length - 1] + 1
                yield places[first], last, digits[first : first + length]


def _card_lengths(prefix: str) -> Sequence[int]:
    if prefix[0] not in "23456":
        return ()
    return next((n for issuer, n in _CARD_LENGTHS if issuer.first(prefix) is not None), ())


def _ibans(text: str) -> Iterator[_Found]:
    """IBANs of the length that their country says: the text may run on into the next word."""
    starts, unread = _IBAN_START.first_spans(text, _MOST_LOOKUPS, group=1)
    for start, _ in starts:
        length = _iban_length(text[start : start + 2].upper())
        reach = range(start, min(len(text), start + _IBAN_REACH)) if length else ()
        places = [i for i in reach if text[i].isalnum()][:length]
        number = "".join(text[i] for i in places)
        if length and len(number) == length and number.isascii() and iban.is_valid(number):
            yield start, places[-1] + 1, "IBAN"
    yield from _rest(text, unread, "IBAN")


@cache
def _iban_length(country: str) -> int:
    """Characters of an IBAN of a country by the registry that python-stdnum ships; 0 if none."""
    known: Any = numdb.get("iban").info(country)
    structure: str = known[0][1].get("bban", "")
    lengths = [int(structure[start:end]) for start, end in _BBAN_LENGTH.spans(structure, group=1)]
    return 4 + sum(lengths) if lengths else 0


def _bare(text: str) -> str:
    """Only what tells two data apart: letters and digits, without case."""
    return "".join(filter(str.isalnum, text.casefold()))
