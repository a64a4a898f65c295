"""Finds e-mail addresses, telephone numbers and web addresses, each in one comparable form."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal
from urllib.parse import urlsplit

from publicsuffixlist import PublicSuffixList

from policies.patterns import Pattern

ContactKind = Literal["email", "phone", "url"]


@dataclass(frozen=True, slots=True)
class Contact:
    """`text[start:end]` is a contact, and `value` what it says however it is written.

    `value` is a lower-case address for an e-mail, digits for a telephone number (a leading "+"
    or "00" left out), and host, path and query for a web address ("www.", the scheme and a
    closing slash left out).
    """

    kind: ContactKind
    start: int
    end: int
    value: str

    @property
    def host(self) -> str:
        """The host of a web address."""
        return self.value.partition("/")[0].partition("?")[0]


# A letter or digit of any script, as ranges: RE2's \pL makes automata of some megabytes. Left
# out are the blocks of punctuation and of symbols, which end a name.
_ALNUM = r"0-9A-Za-z\x{C0}-\x{1FFF}\x{2C00}-\x{2DFF}\x{3040}-\x{FDFF}\x{10000}-\x{1EFFF}"
_LABELS = rf"(?:[{_ALNUM}][{_ALNUM}\-]*\.)+"
_EMAIL = Pattern(rf"[{_ALNUM}._%+\-]+@{_LABELS}[{_ALNUM}][{_ALNUM}\-]+")
_PAGE = r"[^\s<>\"'`{}|\[\]]"
_EXPLICIT_URL = Pattern(rf"(?:[A-Za-z][A-Za-z0-9+.\-]*://|[Ww][Ww][Ww]\.){_PAGE}+")
_BARE_DOMAIN = Pattern(rf"{_LABELS}[{_ALNUM}][{_ALNUM}\-]+(?::[0-9]+)?(?:[/?]{_PAGE}*)?")
_AFTER_URL = ".,;:!?*_~)\\"

# All digits that stand together, with the marks that people put between them.
_DIGIT_RUN = Pattern(r"\+?\(?[0-9](?:[ .\-/()]?[ .\-/()]?[0-9])+")
_PHONE_SHAPE = Pattern(
    r"\+[0-9 .\-/()]{7,}"  # international
    r"|(?:1[ .\-]?)?\(?[0-9]{3}\)?[ .\-]{1,2}[0-9]{3}[ .\-][0-9]{4}"  # North American
    r"|1[ \-]8[0-9]{2}(?:[ \-][0-9]+)+"  # free of charge, North America
    r"|\(?0[0-9]{1,4}\)?(?:[ .\-/]{1,2}[0-9]{2,8}){1,4}"  # national, with its 0
    r"|0[1-9][0-9]{8,9}"
)
_DATE_SHAPE = Pattern(r"[0-9]{1,4}[ .\-/][0-9]{1,2}[ .\-/][0-9]{1,4}(?:[ .\-/][0-9]{1,2})*")
_PHONE_CUE = Pattern(
    r"\b(?:call|phone|telephone|tel|mobile|dial|hotline|helpline|whatsapp|fax)\b[^0-9\n]{0,24}$"
)
_CUE_REACH = 40
# A number has at most 15 digits (E.164); shorter ones than these are too common to compare.
_PHONE_DIGITS = range(6, 16)
_LEAST_COMMON_DIGITS = 7
_COUNTRY_CODE_LENGTH = 2


def contacts(text: str) -> list[Contact]:
    """Every contact in a text; a part of one is not another one."""
    found = [_url(text, *span) for span in _EXPLICIT_URL.spans(text)]
    if "@" in text:
        found += _outside(found, _emails(text))
    if "." in text:
        bare = (_url(text, *span) for span in _BARE_DOMAIN.spans(text))
        found += [url for url in _outside(found, bare) if _is_domain(text, url)]
    return [*found, *_outside(found, phones(text))]


def phones(text: str) -> Iterator[Contact]:
    """What is written as a telephone number, in service or not.

    Digits without the marks of one count where a word such as "call" stands before them.
    """
    for start, end in _DIGIT_RUN.spans(text):
        run = text[start:end]
        value = _phone_digits(run)
        if len(value) in _PHONE_DIGITS and _is_phone(text, start, run):
            yield Contact("phone", start, end, value)


def same_phone(one: str, other: str) -> bool:
    """Whether two values of `Contact` are one number, with or without country or trunk prefix."""
    shorter, longer = sorted((one.lstrip("0"), other.lstrip("0")), key=len)
    return longer == shorter or (len(shorter) >= _LEAST_COMMON_DIGITS and longer.endswith(shorter))


def digit_runs(text: str) -> Iterator[str]:
    """All that could be a telephone number, in digits, whether or not it looks like one."""
    return (_phone_digits(text[start:end]) for start, end in _DIGIT_RUN.spans(text))


def _is_phone(text: str, start: int, run: str) -> bool:
    if _DATE_SHAPE.matches(run):
        return False
    before = text[max(0, start - _CUE_REACH) : start]
    return _PHONE_SHAPE.matches(run) or _PHONE_CUE.first(before) is not None


def _phone_digits(run: str) -> str:
    return "".join(filter(str.isdigit, run)).removeprefix("00")


def _emails(text: str) -> Iterator[Contact]:
    for start, end in _EMAIL.spans(text):
        yield Contact("email", start, end, text[start:end].lower())


def _url(text: str, start: int, end: int) -> Contact:
    written = text[start:end].rstrip(_AFTER_URL)
    return Contact("url", start, start + len(written), _canonical_url(written))


def _canonical_url(written: str) -> str:
    # Browsers take "\" for "/" and urlsplit does not: where they differ, theirs counts.
    address = written.replace("\\", "/")
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        host = (parts.hostname or "").removeprefix("www.").rstrip(".")
    except ValueError:  # a malformed host is no known one
        return written.lower()
    query = f"?{parts.query}" if parts.query else ""
    return f"{host}{parts.path.rstrip('/')}{query}"


def _is_domain(text: str, url: Contact) -> bool:
    """Whether a bare name ends in a public suffix, and is no sentence without its space.

    "your account.It is" ends in Italy's domain: a two-letter ending in title case counts as a
    word.
    """
    name = text[url.start : url.end].partition("/")[0].partition("?")[0].partition(":")[0]
    ending = name.rpartition(".")[2]
    if len(ending) == _COUNTRY_CODE_LENGTH and ending.istitle():
        return False
    return _public_suffixes().privatesuffix(name.lower()) is not None


@cache
def _public_suffixes() -> PublicSuffixList:
    """The list that ships with the package; nothing is fetched."""
    return PublicSuffixList(accept_unknown=False, only_icann=True)


def _outside(taken: Iterable[Contact], found: Iterable[Contact]) -> Iterator[Contact]:
    """Those of `found` that overlap none of `taken`, which do not overlap each other."""
    spans = sorted((c.start, c.end) for c in taken)
    for contact in found:
        nearest = bisect_left(spans, (contact.end, 0)) - 1
        if nearest < 0 or spans[nearest][1] <= contact.start:
            yield contact
