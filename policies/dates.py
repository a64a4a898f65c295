"""Finds calendar dates, and days and spans of time that a sentence promises.

What is usual ("it takes 3-5 days") is no promise; what will happen to the customer's own order by
a certain time ("you will receive it within 3 days") is one.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import inf

from policies.patterns import Pattern
from policies.promises import sentence_around

_MONTHS = (
    ("jan", "janv", "january", "januar", "jänner", "janvier", "enero"),
    ("feb", "févr", "fevr", "february", "februar", "février", "fevrier", "febrero"),
    ("mar", "mär", "march", "märz", "marz", "maerz", "mars", "marzo"),
    ("apr", "avr", "april", "avril", "abril"),
    ("mai", "mayo"),  # "may" is a verb too: see below
    ("jun", "june", "juni", "juin", "junio"),
    ("jul", "july", "juli", "juillet", "julio"),
    ("aug", "august", "août", "aout", "agosto"),
    ("sep", "sept", "september", "septembre", "septiembre"),
    ("oct", "okt", "october", "oktober", "octobre", "octubre"),
    ("nov", "november", "novembre", "noviembre"),
    ("dec", "dez", "déc", "december", "dezember", "décembre", "decembre", "diciembre"),
)
_MONTH_NUMBERS = {name: i for i, names in enumerate(_MONTHS, 1) for name in names} | {"may": 5}
_MONTH_NAME = rf"(?:{'|'.join(sorted(_MONTH_NUMBERS.keys() - {'may'}))}|(?-i:May|MAY))\b\.?"
_DAY = r"(?:0?[1-9]|[12][0-9]|3[01])"
_MONTH = r"(?:0?[1-9]|1[0-2])"
_YEAR = r"(?:19|20)[0-9]{2}"
_ORDINAL = r"(?:st|nd|rd|th|er|º|\.)?"
_NUMERIC = (
    rf"{_DAY}[.\-/]{_MONTH}[.\-/]{_YEAR}|{_MONTH}[.\-/]{_DAY}[.\-/]{_YEAR}"
    rf"|{_YEAR}[.\-/]{_MONTH}[.\-/]{_DAY}|{_DAY}/{_DAY}/[0-9]{{2}}"
    # With its zeros: 2.10.25 is a version.
    r"|(?:0[1-9]|[12][0-9]|3[01])\.(?:0[1-9]|1[0-2])\.[0-9]{2}"
)
_VERSION = Pattern(r"(?:\bv|version|release|build|firmware)[ :.]{0,3}$")
_NAMED = (
    rf"{_DAY}{_ORDINAL} (?:of |de )?{_MONTH_NAME}(?:,? (?:de )?{_YEAR})?"
    rf"|{_MONTH_NAME} (?:the )?{_DAY}(?:st|nd|rd|th)?\b(?:,? {_YEAR}\b)?"
)
_DATE = Pattern(rf"(?:^|[^0-9A-Za-z.\-/])({_NUMERIC}|{_NAMED})(?:$|[^0-9A-Za-z\-/])")
_SHORT_DATE = Pattern(rf"\b(?:am|bis|zum|ab|vom|den) ({_DAY}\.{_MONTH}\.)(?:[^0-9]|$)")
_NUMBER = Pattern(r"[0-9]+")
_WORD = Pattern(r"[A-Za-z\x{C0}-\x{24F}]+")

_WEEKDAYS = (
    ("monday", "montag", "lundi", "lunes"),
    ("tuesday", "dienstag", "mardi", "martes"),
    ("wednesday", "mittwoch", "mercredi", "miercoles", "miércoles"),
    ("thursday", "donnerstag", "jeudi", "jueves"),
    ("friday", "freitag", "vendredi", "viernes"),
    ("saturday", "samstag", "sonnabend", "samedi", "sábado", "sabado"),
    ("sunday", "sonntag", "dimanche", "domingo"),
    ("tomorrow", "demain"),  # "morgen" and "mañana" are mornings too
    ("tonight", "heute abend", "ce soir", "esta noche"),
    ("today", "heute", "aujourd'hui", "hoy"),
    ("next week", "nächste woche", "nächster woche", "nachste woche", "nachster woche"),
)
_DAYS = {name: names[0] for names in _WEEKDAYS for name in names}
_DAY_NAME = rf"(?:{'|'.join(_DAYS)})"
_SMALL = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBERS = {
    **{word: i for i, word in enumerate(_SMALL, 1)},
    "twelve": 12,
    "fourteen": 14,
    "twenty-four": 24,
    "thirty": 30,
    "forty-eight": 48,
    **dict.fromkeys(("a", "an", "einem", "einer"), 1),
    "zwei": 2,
    "drei": 3,
    "vier": 4,
    "fünf": 5,
    "funf": 5,
    "sieben": 7,
    "zehn": 10,
}
# In hours: 24 hours are a day, and a working day is one like any other.
_UNITS = {
    **dict.fromkeys(("min", "minute", "minutes", "mins", "minuten"), Fraction(1, 60)),
    **dict.fromkeys(("hour", "hours", "hrs", "stunde", "stunden"), Fraction(1)),
    **dict.fromkeys(("day", "days", "tag", "tage", "tagen"), Fraction(24)),
    **dict.fromkeys(
        ("werktag", "werktage", "werktagen", "arbeitstage", "arbeitstagen"), Fraction(24)
    ),
    **dict.fromkeys(("week", "weeks", "woche", "wochen"), Fraction(7 * 24)),
    **dict.fromkeys(("month", "months", "monat", "monate", "monaten"), Fraction(30 * 24)),
}
_COUNT = rf"(?:[0-9]{{1,4}}|{'|'.join(_NUMBERS)})"
_SPAN = (
    rf"{_COUNT}(?: ?(?:-|\x{{2013}}|to|or|and|bis|oder|und) ?{_COUNT})?[ \-]"
    rf"(?:business |working |calendar |full )?(?:{'|'.join(_UNITS)})"
)
_CLOCK = r"[0-9]{1,2}(?::[0-5][0-9])? ?(?:a\.?m|p\.?m|o'clock|uhr)|(?:[01]?[0-9]|2[0-3]):[0-5][0-9]"
_TIME = Pattern(rf"\b({_DAY_NAME}|{_SPAN}|{_CLOCK})\b")
_CLOCK_TIME = Pattern(_CLOCK)
_AT = Pattern(r"\b(?:at|by|before|until|till|um|bis|gegen|around|about) $")
# "Monday to Friday", "open on Saturday": when a shop is open, and no day of anything else.
_WHEN = rf"(?:{_DAY_NAME}|{_CLOCK})"
_OPENING_HOURS = Pattern(
    rf"\b{_WHEN}s? ?(?:to|through|thru|till|until|-|\x{{2013}}|bis|and|und) ?{_WHEN}s?\b"
    rf"|\b(?:open|opening|closed|hours|geöffnet|geschlossen)\b[^.!?\n]{{0,60}}\b{_WHEN}"
)
_DEADLINE = Pattern(
    r"\b(?:within|in|after|by|under|less than|innerhalb von|innerhalb|binnen|in|nach)"
    r" (?:(?:the|next|about|around|approximately|up to|only|just|den|nächsten|etwa|ca\.) ){0,3}$"
)

_PROMISE = Pattern(
    r"\b(?:will|shall|going to|guarantee\w*|promise\w*|should|expect|scheduled"
    r"|arrives?|ships?|comes?"
    r"|(?:is|are) due|wir (?:melden|liefern|senden|schicken|erstatten)"
    r"|werden?|wird|erhalten|bekommen|kommt|trifft|recevrez|sera|recibirá)\b|'ll\b"
)
_ABOUT_THE_ORDER = Pattern(
    r"\b(?:receiv\w+|arriv\w+|deliver\w*|refund\w*|credit\w*|reimburs\w*|ship\w*|dispatch\w*|sent"
    r"|send|process\w*|resolv\w+|fix\w*|contact\w*|call|reach|repl(?:y|ied)|respond|hear"
    r"|technician|courier|driver|your money|emailed?|complet\w+|ready|restored|updated|get it"
    r"|have it|be there|get back|expect it|erhalten"
    r"|bekommen|ankommen|geliefert|zugestellt|erstattet|gutgeschrieben|melden|anrufen|gesendet|da"
    r"|recevrez|livré|remboursé|recibirá)\b"
)
_NO_PROMISE = Pattern(
    r"\b(?:usually|typically|normally|generally|often|may|might|can|could|would|if|unless|depend\w*"
    r"|need|have to|has to|must|please|sorry|assist\w*|help you|thank\w*"
    r"|meist\w*|normalerweise|in der regel|gewöhnlich|kann|können|konnen|könnte\w*|falls|wenn"
    r"|müssen|mussen|bitte)\b"
)
_SPAN_PART = Pattern(r"[0-9]+|twenty-four|forty-eight|[a-z\x{C0}-\x{24F}]+")
_DEADLINE_REACH = 48
_VERSION_REACH = 16
_LAST_DAY = 31
_CENTURY = 2000
_CENTURY_LENGTH = 100
_MOST_TIMES = 500


Day = tuple[int | None, int, int]  # year (None: any), month, day of the month


@dataclass(frozen=True, slots=True)
class Date:
    """`text[start:end]` is a day, a time or a span of time; `readings` is what it may mean.

    05.06.2025 may be of May or of June. Other times are in words ("friday") or in hours ("72-120"
    for 3-5 days: 24 hours are a day, and a working day is one like any other). A part of a text
    that was not read has no reading.
    """

    start: int
    end: int
    readings: frozenset[Day | str]


def dates(text: str) -> list[Date]:
    """Every calendar date, and every other time that the text promises.

    Of a text with very many of them the rest is one date without a reading.
    """
    found, unread = _calendar_dates(text)
    times, unread_times = _TIME.first_spans(text, _MOST_TIMES, 1)
    found += [
        Date(start, end, frozenset({_time(text[start:end])}))
        for start, end in times
        if _is_promised(text, start, end)
    ]
    unread = min(unread, unread_times)
    return [*found, Date(unread, len(text), frozenset())] if unread < len(text) else found


class Calendar:
    """The dates and times that some texts speak of, promised or not."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._times: set[str] = set()
        self._years: dict[tuple[int, int], set[int | None]] = {}
        for text in texts:
            for date in _calendar_dates(text)[0]:
                self._add(date)
            spans, _ = _TIME.first_spans(text, _MOST_TIMES, 1)
            hours = _OPENING_HOURS.first_spans(text, _MOST_TIMES)[0]
            self._times.update(
                _time(text[start:end]) for start, end in spans if not _is_inside(start, hours)
            )

    def _add(self, date: Date) -> None:
        for reading in date.readings:
            if not isinstance(reading, str):
                year, month, day = reading
                self._years.setdefault((month, day), set()).add(year)

    def __contains__(self, date: Date) -> bool:
        """Whether a reading of the date is known; a year counts where both have one."""
        return any(map(self._knows, date.readings))

    def _knows(self, reading: Day | str) -> bool:
        if isinstance(reading, str):
            return reading in self._times
        year, month, day = reading
        years = self._years.get((month, day), set[int | None]())
        return year in years or None in years or (year is None and bool(years))


def _calendar_dates(text: str) -> tuple[list[Date], int]:
    found: list[Date] = []
    unread = len(text)
    for pattern in (_DATE, _SHORT_DATE):
        spans, beyond = pattern.first_spans(text, _MOST_TIMES, 1)
        found += [
            _calendar_date(text, start, end)
            for start, end in spans
            if _VERSION.first(text[max(0, start - _VERSION_REACH) : start]) is None
        ]
        unread = min(unread, beyond)
    return found, unread


def _calendar_date(text: str, start: int, end: int) -> Date:
    written = text[start:end]
    ends_sentence = written.endswith(".") and written[-2:-1].isalpha()
    return Date(start, end - ends_sentence, _days(written))


def _days(written: str) -> frozenset[Day | str]:
    numbers = [int(written[start:end]) for start, end in _NUMBER.spans(written)]
    words = (written[start:end].lower() for start, end in _WORD.spans(written))
    named = next((_MONTH_NUMBERS[word] for word in words if word in _MONTH_NUMBERS), None)
    if named is not None:
        day, *year = numbers
        return frozenset({(year[0] if year else None, named, day)})
    if len(numbers) == len(("day", "month")):
        return frozenset({(None, numbers[1], numbers[0])})
    if numbers[0] > _LAST_DAY:
        return frozenset({(numbers[0], numbers[1], numbers[2])})
    one, other, year_written = numbers
    full_year = year_written + (_CENTURY if year_written < _CENTURY_LENGTH else 0)
    orders = ((full_year, other, one), (full_year, one, other))
    return frozenset(day for day in orders if day[1] <= len(_MONTHS))


def _time(written: str) -> str:
    lower = written.lower()
    if lower in _DAYS:
        return _DAYS[lower]
    if _CLOCK_TIME.matches(written):
        return _clock_time(lower)
    words = [lower[start:end] for start, end in _SPAN_PART.spans(lower)]
    hours = next(_UNITS[word] for word in reversed(words) if word in _UNITS)
    counts = [int(w) if w.isdigit() else _NUMBERS[w] for w in words if w.isdigit() or w in _NUMBERS]
    return "-".join(str(count * hours) for count in counts)


def _clock_time(written: str) -> str:
    """3 pm and 15:00 alike as "15:00"."""
    numbers = [int(written[start:end]) for start, end in _NUMBER.spans(written)]
    hour, minute = (*numbers, 0)[:2]
    if "m" in written:
        hour = hour % 12 + 12 * ("p" in written)
    return f"{hour}:{minute:02}"


def _is_inside(position: int, spans: Sequence[tuple[int, int]]) -> bool:
    nearest = bisect_right(spans, (position, inf)) - 1
    return nearest >= 0 and position < spans[nearest][1]


def _is_promised(text: str, start: int, end: int) -> bool:
    """Whether a time is when something will be done, by what else its sentence says."""
    if text[start:end].lower() not in _DAYS:
        before = text[max(0, start - _DEADLINE_REACH) : start]
        lead = _AT if _CLOCK_TIME.matches(text[start:end]) else _DEADLINE
        if lead.first(before) is None:
            return False
    sentence = sentence_around(text, start, end)
    return (
        _PROMISE.first(sentence) is not None
        and _ABOUT_THE_ORDER.first(sentence) is not None
        and _NO_PROMISE.first(sentence) is None
    )
