"""Finds e-mail addresses, telephone numbers and web addresses, each in one comparable form."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal
from urllib.parse import urlsplit

from publicsuffixlist import PublicSuffixList

from policies.patterns import Pattern
from policies.phones import phones

ContactKind = Literal["email", "phone", "url", "link"]


@dataclass(frozen=True, slots=True)
class Contact:
    """`text[start:end]` is a contact, and `value` what it says however it is written.

    `value` is a lower-case address for an "email", digits for a "phone" (a leading "+" or "00"
    left out), and host, port, path and query for a "url" (a scheme of http or https and its usual
    port, "www." and a closing slash left out). A "link" has another scheme (javascript:, data:,
    ftp://): its value is as written, and it is the same as no web address.
    """

    kind: ContactKind
    start: int
    end: int
    value: str

    @property
    def host(self) -> str:
        """The host of a web address, with its port where that is not the usual one."""
        return self.value.partition("/")[0].partition("?")[0]


# A letter or digit of any script, as ranges: RE2's \pL makes automata of some megabytes. Left
# out are the blocks of punctuation and of symbols, which end a name.
_ALNUM = r"0-9A-Za-z\x{C0}-\x{1FFF}\x{2C00}-\x{2DFF}\x{3040}-\x{FDFF}\x{10000}-\x{1EFFF}"
_LABEL = rf"[{_ALNUM}][{_ALNUM}\-]*"
_NAME = rf"(?:{_LABEL}\.)+[{_ALNUM}][{_ALNUM}\-]+"
# Also at a host without a dot, as within a company; "2@5" and "@name" are no addresses.
_EMAIL = Pattern(
    rf"[{_ALNUM}._%+\-]+@(?:{_NAME}|\[[0-9a-fA-F.:]+\])"
    rf"|[A-Za-z][{_ALNUM}._%+\-]{{2,}}@[A-Za-z][A-Za-z0-9\-]{{2,}}"
)
_PAGE = r"[^\s<>\"'`{}|\[\]]"
_EXPLICIT_URL = Pattern(
    rf"(?:[A-Za-z][A-Za-z0-9+.\-]*://(?:\[[0-9a-fA-F:.]+\])?|[Ww][Ww][Ww]\.){_PAGE}+"
)
# "help @ shop . com"
_SPACED_EMAIL = Pattern(
    rf"[{_ALNUM}._%+\-]{{2,}} {{0,2}}@ {{0,2}}{_LABEL}(?: ?\. ?[{_ALNUM}]{{2,}}){{1,4}}"
)
# Addresses of the reader's own network, at which routers and printers answer.
_OWN_NETWORK = Pattern(
    r"(?:10\.[0-9]{1,3}|192\.168|172\.(?:1[6-9]|2[0-9]|3[01]))\.[0-9]{1,3}\.[0-9]{1,3}"
)
# Addresses that run or carry something: browsers want no "//" in them.
_CARRIER = Pattern(
    rf"\b(?:(?:javascript|vbscript|blob):{_PAGE}+|file:[/\\]{_PAGE}*|data:[a-z]*[/;,]{_PAGE}+)"
)
_BARE_DOMAIN = Pattern(rf"{_NAME}(?::[0-9]+)?(?:[/?]{_PAGE}*)?")
_BARE_ADDRESS = Pattern(
    rf"\b(?:[0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{3}}|localhost|intranet|extranet)(?:(?::[0-9]+)?/{_PAGE}+|:[0-9]+)"
)
# evil[.]com, evil (dot) com, evil dot com. Between words alone "dot" counts before few endings:
# a red dot in the corner is no domain of India.
_BRACKETED_DOT = r" ?[\[({](?:\.|dot)[\])}] ?"
_DISGUISED_DOMAIN = Pattern(
    rf"(?:{_LABEL}{_BRACKETED_DOT})+[{_ALNUM}]{{2,}}(?:/{_PAGE}*)?"
    rf"|{_LABEL}(?: dot {_LABEL}){{0,2}}[ \-]dot[ \-](?:com|net|org|info|biz|io|xyz|uk)\b"
    rf"(?:/{_PAGE}*)?"
    rf"|{_LABEL}(?: \. {_LABEL}){{0,2}}(?: \. | ?\(\.|\s\.)(?:com|org|info|biz)\b(?:/{_PAGE}*)?"
)
_DISGUISED_DOT = Pattern(rf"{_BRACKETED_DOT}|[ \-]dot[ \-]| ?\(\.|\s\. ?")
# "your .com domain" is about endings, and names none.
_NO_NAMES = frozenset(
    {"a", "the", "your", "our", "their", "its", "any", "or", "and", "with", "for"}
)
# So many matches of each pattern are read in a text; no honest one has more.
_MOST_OF_A_KIND = 500
_AFTER_URL = ".,;:!?*_~)\\"

_COUNTRY_CODE_LENGTH = 2
_USUAL_PORTS = {"http": (80, None), "https": (443, None), "": (80, 443, None)}
# What ends like a domain and is none where no page follows: files that people write about, the
# hours of a day, names of products. A brand's own domain ("Amazon.com orders") is not among them:
# most readers' software makes a link of it, and nobody gave it.
_FILE_ENDINGS = ("md", "py")
_HALVES_OF_A_DAY = ("am", "pm")
# Of no public domain, and all the same of places that a reader's own network may know. In lower
# case only: "done.Test it" is a sentence.
_LOCAL_ENDINGS = frozenset({"test", "example", "invalid", "local", "internal", "lan", "onion"})
_PRODUCTS = ("asp.net", "ado.net", "vb.net")


def contacts(text: str) -> list[Contact]:
    """Every contact in a text; a part of one is not another one.

    Of a text with very many of them the rest is one "link" without a value: it is not read, and
    must not pass for that.
    """
    found: list[Contact] = []
    unread = len(text)
    for signs, pattern, read in _FINDERS:
        if any(sign in text for sign in signs):
            spans, unsearched = pattern.first_spans(text, _MOST_OF_A_KIND)
            contacts_read = (read(text, *span) for span in spans)
            found += _outside(found, (c for c in contacts_read if c is not None))
            unread = min(unread, unsearched)
    if unread < len(text):
        found.append(Contact("link", unread, len(text), ""))
    numbers = (Contact("phone", p.start, p.end, p.digits) for p in phones(text))
    return [*found, *_outside(found, numbers)]


def email_spans(text: str) -> tuple[Sequence[tuple[int, int]], int]:
    """The e-mail addresses of a text, and where it begins to be unread (see `contacts`)."""
    return _EMAIL.first_spans(text, _MOST_OF_A_KIND) if "@" in text else ((), len(text))


def _email(text: str, start: int, end: int) -> Contact:
    return Contact("email", start, end, text[start:end].lower())


def _spaced_email(text: str, start: int, end: int) -> Contact | None:
    value = "".join(text[start:end].lower().split())
    is_address = _is_domain(value.partition("@")[2])
    return Contact("email", start, end, value) if is_address else None


def _url(text: str, start: int, end: int) -> Contact | None:
    written = text[start:end].rstrip(_AFTER_URL)
    address = _web_address(start, start + len(written), written)
    return None if _OWN_NETWORK.matches(address.host.partition(":")[0]) else address


def _link(text: str, start: int, end: int) -> Contact:
    written = text[start:end].rstrip(_AFTER_URL)
    return Contact("link", start, start + len(written), written.lower())


def _bare_domain(text: str, start: int, end: int) -> Contact | None:
    written = text[start:end].rstrip(_AFTER_URL)
    return _url(text, start, end) if _is_domain(written) else None


def _disguised(text: str, start: int, end: int) -> Contact | None:
    written = text[start:end].rstrip(_AFTER_URL)
    plain = _with_dots(written)
    if plain.partition(".")[0].lower() in _NO_NAMES:
        return None
    return _web_address(start, start + len(written), plain) if _is_domain(plain) else None


# What a text must hold for the search to be worth it, the search, and how its match is read.
_FINDERS: tuple[tuple[Sequence[str], Pattern, Callable[[str, int, int], Contact | None]], ...] = (
    (
        (
            "://",
            ".",
        ),
        _EXPLICIT_URL,
        _url,
    ),
    ((":",), _CARRIER, _link),
    (("@",), _EMAIL, _email),
    (("@ ", " @"), _SPACED_EMAIL, _spaced_email),
    ((".", ":", "/"), _BARE_ADDRESS, _url),
    ((".",), _BARE_DOMAIN, _bare_domain),
    (("[.", "(.", "{.", " .", "\n.", "dot", "DOT", "Dot"), _DISGUISED_DOMAIN, _disguised),
)


def _web_address(start: int, end: int, written: str) -> Contact:
    # Browsers take "\" for "/" and urlsplit does not: where they differ, theirs counts.
    address = written.replace("\\", "/")
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        host = (parts.hostname or "").removeprefix("www.").rstrip(".")
        if parts.scheme not in _USUAL_PORTS:
            return Contact("link", start, end, written.lower())
        port = "" if parts.port in _USUAL_PORTS[parts.scheme] else f":{parts.port}"
    except ValueError:  # a malformed host or port is no known one
        return Contact("link", start, end, written.lower())
    query = f"?{parts.query}" if parts.query else ""
    return Contact("url", start, end, f"{host}{port}{parts.path.rstrip('/')}{query}")


def _with_dots(written: str) -> str:
    pieces: list[str] = []
    done = 0
    for start, end in _DISGUISED_DOT.spans(written):
        pieces.append(written[done:start])
        done = end
    return ".".join((*pieces, written[done:]))


def _is_domain(written: str) -> bool:
    """Whether a bare name ends in a public suffix, and is no sentence without its space.

    "your account.It is" ends in Italy's domain: a two-letter ending in title case counts as a
    word, unless a page follows.
    """
    page_at = min((i for mark in "/?:" if (i := written.find(mark)) >= 0), default=len(written))
    name = written[:page_at]
    if page_at == len(written) and _is_something_else(name):
        return False
    return name.rpartition(".")[2] in _LOCAL_ENDINGS or (
        load_public_suffixes().privatesuffix(name.lower()) is not None
    )


def _is_something_else(name: str) -> bool:
    rest, _, ending = name.rpartition(".")
    if len(ending) == _COUNTRY_CODE_LENGTH and ending.istitle():
        return True
    lower = ending.lower()
    if lower in _HALVES_OF_A_DAY and rest.replace(".", "").isdigit():
        return True
    return name.lower() in _PRODUCTS or ("." not in rest and lower in _FILE_ENDINGS)


@cache
def load_public_suffixes() -> PublicSuffixList:
    """The list that ships with the package; nothing is fetched.

    It takes a tenth of a second once: load it before a text waits for it.
    """
    return PublicSuffixList(accept_unknown=False, only_icann=True)


def _outside(taken: Iterable[Contact], found: Iterable[Contact]) -> Iterator[Contact]:
    """Those of `found` that overlap none of `taken`, which do not overlap each other."""
    spans = sorted((c.start, c.end) for c in taken)
    for contact in found:
        nearest = bisect_left(spans, (contact.end, 0)) - 1
        if nearest < 0 or spans[nearest][1] <= contact.start:
            yield contact
