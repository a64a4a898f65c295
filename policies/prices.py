"""Finds amounts of money and percentages off, each in one comparable form.

A mark (a currency's sign, code or name, a percent sign) is looked for, and then the number beside
it, in digits or in words.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from text_to_num import (  # pyright: ignore[reportMissingTypeStubs] - the package ships none
    alpha2digit,  # pyright: ignore[reportUnknownVariableType]
)

from policies.patterns import Pattern

_IN_DIGITS: Callable[..., str] = alpha2digit  # pyright: ignore[reportUnknownVariableType]

_SIGNS = {
    **dict.fromkeys("$＄", "dollar"),  # noqa: RUF001 - fullwidth
    "€": "EUR",
    "£": "GBP",
    "¥": "JPY",
    "₹": "INR",
    "₽": "RUB",
    "₩": "KRW",
    "₺": "TRY",
    "₪": "ILS",
    "₴": "UAH",
    "฿": "THB",
    "元": "CNY",
    "円": "JPY",
    "%": "%",
}
_CODES = frozenset(
    {"EUR", "GBP", "JPY", "INR", "CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "RON", "BGN"}
    | {"USD", "CAD", "AUD", "NZD", "SGD", "HKD", "RUB", "UAH", "TRY", "CNY", "KRW", "ILS", "THB"}
    | {"MXN", "BRL", "ZAR", "AED", "SAR", "PHP", "IDR", "MYR"}
)
# Names that leave open whose money it is.
_DOLLARS = ("USD", "CAD", "AUD", "NZD", "SGD", "HKD")
_OPEN = {
    "dollar": _DOLLARS,
    "kr": ("SEK", "NOK", "DKK", "CZK"),
    "cent": ("EUR", "dollar", *_DOLLARS),
}
_NAMES = {
    "dollar": (
        r"(?:u\.?s\.? ?|canadian |australian )?dollars?",
        "bucks?",
        "d[oó]lare?s",
        "d[oó]lar",
    ),
    "EUR": ("euros?", "eur"),
    "GBP": ("pounds?", "quid", "pounds? sterling", "pfund"),
    "cent": ("cents?",),
    "INR": ("rupees?",),
    "JPY": ("yen",),
    "CHF": ("francs?", "franken", "sfr"),
    "PLN": ("zł", "z[lł]oty(?:ch)?"),
    "TRY": ("tl", "liras?"),
    "BRL": ("reais", r"r\$"),
    "CZK": ("kč",),
    "HUF": ("ft",),
    "RUB": ("руб(?:лей|ля|ль)?", "rubles?", "roubles?"),  # noqa: RUF001 - Cyrillic
    "kr": ("kronor", "kroner", "kr"),
    "%": ("percent", "per cent", "prozent", "pour cent", "por ?ciento", "per ?cento"),
}
_NAME_PATTERNS = tuple((unit, Pattern("|".join(names))) for unit, names in _NAMES.items())
_WORDS = "|".join((*sorted(_CODES), *(name for names in _NAMES.values() for name in names)))
# Behind a digit too ("9.99eur"), and a code before one ("USD49"). RE2 knows no word boundary
# beside letters outside ASCII.
_MARK = Pattern(
    rf"[{''.join(_SIGNS)}]|(?:\b|[0-9])(?:{_WORDS})\b|(?:^|[0-9\s])(?:руб(?:лей|ля|ль)?|kč)"  # noqa: RUF001 - Cyrillic
    rf"|\b(?:{'|'.join(sorted(_CODES))})[0-9]"
)

_NUMBER = r"[0-9]{1,3}(?:[ \x{A0}\x{202F}'][0-9]{3})+(?:[.,][0-9]{1,2})?|[0-9]+(?:[.,'][0-9]+)*"
_FACTOR = r"k|m|mn|bn|thousand|million|billion|tausend|tsd\.?|mio\.?|million(?:en|s)"
_FACTORS = {"k": 10**3, "t": 10**3, "m": 10**6, "b": 10**9}
# Where more digits stand before it, a number is a part of a longer one, and no amount.
_BEFORE = Pattern(
    rf"(?:^|[^0-9.,'])((?:{_NUMBER}))(?:[.,]-{{1,2}})?[ \-]{{0,2}}(?:{_FACTOR})?"
    r"[ \-*_\x{A0}\x{202F}]{0,3}$"
)
_AFTER = Pattern(rf"^[ *_\x{{A0}}\x{{202F}}]{{0,3}}({_NUMBER})")
_FACTOR_AFTER = Pattern(rf"^[ \-]?({_FACTOR})\b")
_ANY_NUMBER = Pattern(rf"(?:{_NUMBER})")
_WORD = Pattern(r"[A-Za-z\x{C0}-\x{24F}]+")
_REACH = 32  # the longest number that is read, with what may stand between it and its mark
_LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "nl")
_MOST_WORDS = 6

# Pounds are a weight and percentages measure anything, unless it is about money.
_ABOUT_MONEY = Pattern(
    r"\b(?:pay|pays|paid|payments?|pric\w*|costs?|fees?|charg\w+|discount\w*|off|cash ?back"
    r"|refund\w*|interest|apr|commission|rebate|surcharge|deposit|penalty|voucher|coupon|reduc\w+|saving"
    r"|bills?|balance|amount\w*|total|money|owe|debit\w*|credit\w*|spen[dt]|withdr\w+|transfer\w*"
    r"|top(?:ped)?.up|rabatt\w*|nachlass|gebühr\w*|gebuhr\w*|zins\w*|preis\w*|kosten|kostet|zahl\w*"
    r"|bezahlt|betrag|erstatt\w+|gutschein|remise|rembours\w+|frais|prix|descuento|reembols\w+)\b"
)
# Pounds, feet, lira and what else may be no money.
_LEAST_FORINTS = 100  # fewer "ft" are feet
_NEEDS_MONEY = ("%", "GBP", "HUF")
# An amount to the cent is one behind a word for a price, with no currency too.
_CUED = (
    r"\b(?:prices?|total|costs?|fee|only|just|for|pay|preis|nur|kostet|prix|precio|solo)"
    r"[\"'*_]{0,3}(?: (?:is|of|comes to|ist|von))?[:=]?[\s*_\"']{0,3}"
    r"([0-9]{1,3}(?:[.,][0-9]{3})*[.,][0-9]{2})"
    r"(?:$|[!?;)\]*_\"'\n|]|[.,](?:\s|$)"
    r"|\s(?:per|a month|a year|for|plus|and|or|each|in total|incl))"
)
# {"price": 49, "currency": "EUR"}
_KEYED = r"[\"'](?:price|amount|total|cost|fee)[\"']\s?:\s?[\"']?([0-9][0-9.,]*[0-9]|[0-9])"
_ANY_AMOUNT = Pattern(f"(?:{_CUED})|(?:{_KEYED})")
_CUED_AMOUNT = Pattern(_CUED)
_KEYED_AMOUNT = Pattern(_KEYED)
_HALF_SIGNS = ("half", "Half", "HALF", "halb", "mitad")
_HALF_PRICE = Pattern(r"\b(?:half[ \-](?:the )?price|half off|zum halben preis|mitad de precio)\b")
_MONEY_REACH = 40
_MOST_MARKS = 500


@dataclass(frozen=True, slots=True)
class Price:
    """`text[start:end]` is an amount of money, or a percentage of one (`currency` "%").

    `currency` is an ISO 4217 code, or "dollar", "cent" and "kr" where the text does not say
    whose, or empty where a word alone says that it is a price; cents are hundredths (`amount` 0.5
    for fifty of them). `amount` is None for a part of
    a text that was not read.
    """

    start: int
    end: int
    amount: Decimal | None
    currency: str


def prices(text: str) -> list[Price]:
    """Every amount with its currency, and percentages where it is about money.

    An amount without a currency is one where it has cents and stands behind a word for a price
    ("only 49.99"), or in JSON behind a key for one. "Half price" is 50 %, "free" is no price.

    Of a text with very many of
    them the rest is one price without an amount: it is not read, and must not pass for that.
    """
    marks, unread = _MARK.first_spans(text, _MOST_MARKS)
    found = [price for start, end in marks if (price := _price(text, start, end)) is not None]
    if any(sign in text for sign in _HALF_SIGNS):
        halves = _HALF_PRICE.first_spans(text, _MOST_MARKS)[0]
        found += [Price(start, end, Decimal(50), "%") for start, end in halves]
    found += _without_currency(text, found)
    if unread < len(text):
        found.append(Price(unread, len(text), None, ""))
    return found


class PriceList:
    """The amounts that some texts give, in their currencies, or bare where it is about money.

    Nothing is reckoned: a sum, a share or a multiple of what is given is another amount.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._priced: dict[Decimal, set[str]] = {}
        self._bare: set[Decimal] = set()
        for text in texts:
            found = prices(text)
            for price in found:
                if price.amount is not None:
                    self._priced.setdefault(price.amount, set()).add(price.currency)
            self._bare.update(_bare_amounts(text, found))

    def __contains__(self, price: Price) -> bool:
        if price.amount is None:
            return False
        given = self._priced.get(price.amount, ())
        return price.amount in self._bare or any(_agree(price.currency, c) for c in given)


def _agree(one: str, other: str) -> bool:
    return (
        one == other
        or "" in (one, other)
        or other in _OPEN.get(one, ())
        or one in _OPEN.get(other, ())
    )


def _without_currency(text: str, found: Sequence[Price]) -> Iterator[Price]:
    """Amounts that a word or a key before them tells, outside those found by their marks."""
    if _ANY_AMOUNT.first(text) is None:
        return
    taken = sorted((price.start, price.end) for price in found)
    for pattern in (_CUED_AMOUNT, _KEYED_AMOUNT):
        for start, end in pattern.first_spans(text, _MOST_MARKS, 1)[0]:
            nearest = bisect_left(taken, (end, 0)) - 1
            if nearest < 0 or taken[nearest][1] <= start:
                yield Price(start, end, _amount(text[start:end]), "")


def _price(text: str, start: int, end: int) -> Price | None:
    # A mark's own number is found by looking beside it.
    start += text[start].isdigit() or text[start].isspace()
    end -= text[end - 1].isdigit()
    currency = _currency(text[start:end])
    if currency in _NEEDS_MONEY and not _money_near(text, start, end):
        return None
    found = _number_beside(text, start, end)
    if found is None:
        return None
    first, last, amount = found
    if currency == "HUF" and amount < _LEAST_FORINTS:
        return None
    if currency == "cent":
        amount /= 100
    return Price(first, last, amount, currency)


def _currency(mark: str) -> str:
    if mark in _SIGNS:
        return _SIGNS[mark]
    if mark.upper() in _CODES:
        return mark.upper()
    return next(unit for unit, pattern in _NAME_PATTERNS if pattern.matches(mark))


def _money_near(text: str, start: int, end: int) -> bool:
    if text[start:end] == "£":
        return True
    near = text[max(0, start - _MONEY_REACH) : end + _MONEY_REACH]
    return _ABOUT_MONEY.first(near) is not None


_Amount = tuple[int, int, Decimal]


def _number_beside(text: str, start: int, end: int) -> _Amount | None:
    """The number of a mark: behind a sign that it touches, else before, behind, in words."""
    if not any(map(str.isdigit, text[max(0, start - _REACH) : end + _REACH])):
        return _words_before(text, start, end)
    after = _number_after(text, start, end)
    if after is not None and end < len(text) and text[end].isdigit() and text[start:end] in _SIGNS:
        return after
    return _number_before(text, start, end) or after or _words_before(text, start, end)


def _number_before(text: str, start: int, end: int) -> _Amount | None:
    offset = max(0, start - _REACH)
    before = text[offset:start]
    spans = list(_BEFORE.spans(before, 1))
    if not spans:
        return None
    first, last = spans[-1]
    factor = _FACTOR_AFTER.first(before[last:].rstrip(" *_-"))
    amount = _amount(before[first:last]) * _factor(before[last:] if factor else "")
    return offset + first, end, amount


def _number_after(text: str, start: int, end: int) -> _Amount | None:
    after = text[end : end + _REACH]
    span = next(_AFTER.spans(after, 1), None)
    if span is None:
        return None
    first, last = span
    factor = _FACTOR_AFTER.first(after[last:])
    until = last + (factor[1] if factor else 0)
    amount = _amount(after[first:last]) * _factor(after[last:until])
    return start, end + until, amount


def _words_before(text: str, start: int, end: int) -> _Amount | None:
    """The longest run of words that is a number in one of the usual languages."""
    offset = max(0, start - 2 * _REACH)
    before = text[offset:start].rstrip(" -*_")
    language = _language_of_number(_last_word(before))
    if language is None:
        return None
    words = [*_WORD.spans(before)][-_MOST_WORDS:]
    written = [before[a:b].lower() for a, b in words]
    runs = ((i, _in_digits(written[i:], language)) for i in range(len(words)))
    first, amount = next((i, digits) for i, digits in runs if digits is not None)
    return offset + words[first][0], end, _amount(amount)


def _last_word(text: str) -> str:
    start = len(text)
    while start and text[start - 1].isalpha():
        start -= 1
    return text[start:].lower()


@lru_cache(maxsize=4096)  # the words before "euros" are the same ones again and again
def _language_of_number(word: str) -> str | None:
    return next((tongue for tongue in _LANGUAGES if _in_digits([word], tongue)), None)


def _in_digits(words: Sequence[str], language: str) -> str | None:
    digits = _IN_DIGITS(" ".join(words), language, threshold=0)
    return digits if _ANY_NUMBER.matches(digits) else None


def _amount(written: str) -> Decimal:
    """A number whose last mark, "." or ",", parts off decimals unless it parts off thousands."""
    plain = "".join(c for c in written if c.isdigit() or c in ".,")
    last = max(plain.rfind("."), plain.rfind(","))
    if last < 0:
        return Decimal(plain)
    mark, decimals = plain[last], plain[last + 1 :]
    whole = plain[:last].replace(".", "").replace(",", "")
    other_mark = ("," if mark == "." else ".") in plain
    thousands = len(decimals) == len("000") and not other_mark and not whole.startswith("0")
    if thousands or plain.count(mark) > 1:
        return Decimal(whole + decimals)
    return Decimal(f"{whole}.{decimals}")


def _factor(written: str) -> int:
    letter = written.strip(" -*_.")[:1].lower()
    return _FACTORS.get(letter, 1)


def _bare_amounts(text: str, found: Sequence[Price]) -> Iterator[Decimal]:
    """Numbers without a currency, beside a word that says that they are of money."""
    cues = [start for start, _ in _ABOUT_MONEY.first_spans(text, _MOST_MARKS)[0]]
    cues = sorted((*cues, *(p.start for p in found)))
    priced = sorted((p.start, p.end) for p in found)
    for start, end in _ANY_NUMBER.first_spans(text, _MOST_MARKS)[0]:
        nearest = bisect_left(cues, start - _MONEY_REACH)
        if nearest == len(cues) or cues[nearest] > end + _MONEY_REACH:
            continue
        inside = bisect_left(priced, (end, 0)) - 1
        if inside < 0 or priced[inside][1] <= start:
            yield _amount(text[start:end])
