"""Finds identity numbers of persons, by form and check digits (python-stdnum).

A number is looked at where its form tells it from an order's, or where a word before it says what
it is: one in ten or eleven of all nine-digit numbers has the right check digit.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from stdnum.ar import cuit
from stdnum.at import vnr
from stdnum.au import tfn
from stdnum.be import nn
from stdnum.bg import egn
from stdnum.br import cpf
from stdnum.ca import sin
from stdnum.ch import ssn as ahv
from stdnum.cl import rut
from stdnum.cn import ric
from stdnum.cz import rc
from stdnum.de import idnr
from stdnum.dk import cpr
from stdnum.ee import ik
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.gr import amka
from stdnum.hr import oib
from stdnum.ie import pps
from stdnum.il import idnr as teudat_zehut
from stdnum.in_ import aadhaar, pan
from stdnum.it import codicefiscale
from stdnum.kr import rrn
from stdnum.lt import asmens
from stdnum.mx import curp
from stdnum.nl import bsn
from stdnum.no import fodselsnummer
from stdnum.pl import pesel
from stdnum.pt import nif
from stdnum.ro import cnp
from stdnum.se import personnummer
from stdnum.tr import tckimlik
from stdnum.us import itin, ssn
from stdnum.za import idnr as za_idnr

from policies.patterns import Pattern

_IsValid = Callable[[str], bool]

# By form: the expression of a number, and what checks it.
_BY_FORM: Sequence[tuple[str, str, _IsValid]] = (
    ("US social security number", r"[0-9]{3}-[0-9]{2}-[0-9]{4}", ssn.is_valid),
    ("Spanish DNI", r"[0-9]{8}-?[A-Z]", dni.is_valid),
    ("Spanish NIE", r"[XYZ]-?[0-9]{7}-?[A-Z]", nie.is_valid),
    (
        "Italian codice fiscale",
        r"[A-Z]{6}[0-9]{2}[A-Z][0-9]{2}[A-Z][0-9]{3}[A-Z]",
        codicefiscale.is_valid,
    ),
    (
        "French NIR",
        r"[12] ?[0-9]{2} ?[0-9]{2} ?[0-9AB]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}",
        nir.is_valid,
    ),
    ("German tax id", r"[0-9]{2} [0-9]{3} [0-9]{3} [0-9]{3}", idnr.is_valid),
    ("Brazilian CPF", r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}", cpf.is_valid),
    ("Indian Aadhaar", r"[2-9][0-9]{3} [0-9]{4} [0-9]{4}", aadhaar.is_valid),
    ("Swedish personal number", r"(?:19|20)[0-9]{6}-[0-9]{4}", personnummer.is_valid),
    ("Finnish personal number", r"[0-9]{6}[\-+A][0-9]{3}[0-9A-Y]", hetu.is_valid),
    ("Belgian national number", r"[0-9]{2}\.[0-9]{2}\.[0-9]{2}-[0-9]{3}\.[0-9]{2}", nn.is_valid),
    ("Swiss AHV number", r"756\.[0-9]{4}\.[0-9]{4}\.[0-9]{2}", ahv.is_valid),
    ("Mexican CURP", r"[A-Z]{4}[0-9]{6}[HM][A-Z]{5}[0-9A-Z][0-9]", curp.is_valid),
    ("Chinese resident identity", r"[1-9][0-9]{16}[0-9X]", ric.is_valid),
    ("Korean resident number", r"[0-9]{6}-[0-9]{7}", rrn.is_valid),
    ("Chilean RUT", r"[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}-[0-9K]", rut.is_valid),
    ("Argentinian CUIT", r"[0-9]{2}-[0-9]{8}-[0-9]", cuit.is_valid),
)

_NINO = Pattern(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][0-9]{6}[A-D]")  # it has no check digit
_PASSPORT = Pattern(r"[A-Z]{0,2}[0-9]{6,9}[A-Z]?|[A-Z0-9]{9}")
_LICENCE = Pattern(r"[A-Z]{0,5}[0-9]{5,9}[A-Z0-9]{0,9}")

# By the word before it: what it may be called, and what checks it without its spaces.
_BY_CUE: Sequence[tuple[str, str, _IsValid]] = (
    ("US social security number", r"ssn|social[ \-]security", ssn.is_valid),
    ("US taxpayer number", r"itin", itin.is_valid),
    ("UK national insurance number", r"nino|national insurance|ni", _NINO.matches),
    ("UK NHS number", r"nhs", nhs.is_valid),
    ("Irish PPS number", r"ppsn?", pps.is_valid),
    ("German tax id", r"steuer\W?id|steuer\w*|idnr|identifikationsnummer", idnr.is_valid),
    ("Austrian insurance number", r"svnr|sozialversicherungsnummer", vnr.is_valid),
    ("French NIR", r"nir|num[eé]ro de s[eé]cu\w*|s[eé]curit[eé] sociale", nir.is_valid),
    ("Dutch BSN", r"bsn|burgerservicenummer", bsn.is_valid),
    ("Belgian national number", r"rijksregisternummer|registre national", nn.is_valid),
    ("Polish PESEL", r"pesel", pesel.is_valid),
    ("Portuguese NIF", r"nif|contribuinte", nif.is_valid),
    ("Brazilian CPF", r"cpf", cpf.is_valid),
    ("Indian Aadhaar", r"aa?dhaa?r", aadhaar.is_valid),
    ("Indian PAN", r"pan", pan.is_valid),
    ("Swedish personal number", r"personnummer|personal number", personnummer.is_valid),
    ("Danish CPR", r"cpr|personnummer", cpr.is_valid),
    ("Norwegian identity number", r"f[øo]dselsnummer|personnummer", fodselsnummer.is_valid),
    ("Finnish personal number", r"hetu|henkil[öo]tunnus", hetu.is_valid),
    ("Estonian personal code", r"isikukood", ik.is_valid),
    ("Lithuanian personal code", r"asmens kodas", asmens.is_valid),
    ("Czech or Slovak birth number", r"rodn[eé] [cč][ií]slo", rc.is_valid),
    ("Romanian CNP", r"cnp", cnp.is_valid),
    ("Bulgarian EGN", r"egn", egn.is_valid),
    ("Croatian OIB", r"oib", oib.is_valid),
    ("Greek AMKA", r"amka", amka.is_valid),
    ("Turkish identity number", r"t\.?c\.? kimlik|kimlik", tckimlik.is_valid),
    ("Israeli identity number", r"teudat zehut", teudat_zehut.is_valid),
    ("South African identity number", r"said|id number", za_idnr.is_valid),
    ("Canadian SIN", r"sin|social insurance", sin.is_valid),
    ("Australian TFN", r"tfn|tax file", tfn.is_valid),
)
_DOCUMENTS: Sequence[tuple[str, str, _IsValid]] = (
    ("passport number", r"passport|reisepass\w*|passeport|pasaporte", _PASSPORT.matches),
    (
        "driving licence number",
        r"driv(?:er'?s?|ing) licen[cs]e|f[üu]hrerschein\w*|permis de conduire",
        _LICENCE.matches,
    ),
)

_REACH = 64
# What may be a number with its gaps: every group but the last has a digit.
_BEHIND = Pattern(
    r"^[^0-9\n]{0,24}?\b((?:[A-Z]{1,5}[ \-]?)?[0-9][0-9A-Z]*"
    r"(?:[ .\-/_*]{1,2}[0-9A-Z]*[0-9][0-9A-Z]*){0,5}(?:[ \-]?[A-Z])?)\b"
)


@dataclass(frozen=True, slots=True)
class Identity:
    """`text[start:end]` is an identity number of the kind that `name` says."""

    start: int
    end: int
    name: str


class _Cued:
    """The numbers that follow one of several words."""

    def __init__(self, kinds: Sequence[tuple[str, str, _IsValid]]) -> None:
        self._kinds = [(name, Pattern(cue), is_valid) for name, cue, is_valid in kinds]
        self._any_cue = Pattern(rf"\b(?:{'|'.join(cue for _, cue, _ in kinds)})")

    def find(self, text: str, most: int) -> tuple[Sequence[Identity], int]:
        cues, unread = self._any_cue.first_spans(text, most)
        found = (self._behind(text, start, end) for start, end in cues)
        return [identity for identity in found if identity is not None], unread

    def _behind(self, text: str, cue_start: int, cue_end: int) -> Identity | None:
        cue = text[cue_start:cue_end]
        span = next(_BEHIND.spans(text[cue_end : cue_end + _REACH], 1), None)
        if span is None:
            return None
        spans = list(_possible(text, cue_end + span[0], cue_end + span[1]))
        for name, pattern, is_valid in self._kinds:
            if not pattern.matches(cue):
                continue
            for start, end in spans:
                if is_valid("".join(filter(str.isalnum, text[start:end])).upper()):
                    return Identity(start, end, name)
        return None


def _possible(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Where a number may stand: its first letters and its last group may be words beside it."""
    first_digit = next(i for i in range(start, end) if text[i].isdigit())
    last_gap = max((i for i in range(first_digit, end) if not text[i].isalnum()), default=end)
    for first in dict.fromkeys((start, first_digit)):
        for last in dict.fromkeys((end, last_gap)):
            yield first, last


_FORMS = tuple((name, Pattern(rf"\b({form})\b"), is_valid) for name, form, is_valid in _BY_FORM)
_ANY_FORM = Pattern(rf"\b(?:{'|'.join(form for _, form, _ in _BY_FORM)})\b")
_IDENTITIES = _Cued(_BY_CUE)
_PAPERS = _Cued(_DOCUMENTS)


def national_ids(text: str, most: int) -> tuple[Sequence[Identity], int]:
    """Identity numbers, and where the text begins to be unread when it has very many.

    `most` is how many numbers of each form are looked up, and how many cues.
    """
    found, unread = _IDENTITIES.find(text, most)
    if _ANY_FORM.first(text) is None:
        return found, unread
    by_form: list[Identity] = []
    for name, pattern, is_valid in _FORMS:
        spans, beyond = pattern.first_spans(text, most, 1)
        by_form += [Identity(a, b, name) for a, b in spans if is_valid(text[a:b].upper())]
        unread = min(unread, beyond)
    return [*found, *by_form], unread


def documents(text: str, most: int) -> tuple[Sequence[Identity], int]:
    """Numbers of passports and driving licences, which a word before them tells."""
    return _PAPERS.find(text, most)
