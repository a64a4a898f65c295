"""Finds telephone numbers, however their digits are set apart, and tells whether two are one.

Dates and times are taken out of a text first: they fill every answer, and have digits enough.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from policies.patterns import Pattern

# What people put between the digits of a number; "·" is what bullets fold to.
SEPARATOR = r"[ .\-/()_|*·\n]"
_DIGIT_RUN = Pattern(rf"\+?\(?[0-9](?:{SEPARATOR}{{0,3}}[0-9])+")
_FANCY = str.maketrans(dict.fromkeys("_|*·\n", " "))

_NORTH_AMERICAN = r"(?:1[ .\-]{0,2})?\(?[0-9]{3}\)?[ .\-]{1,2}[0-9]{3}[ .\-]{1,2}[0-9]{4}"
_INTERNATIONAL = r"\+[0-9 .\-/()]{7,}"
_TOLL_FREE = r"1[ \-]8[0-9]{2}(?:[ \-][0-9]+)+"
_SURE_SHAPE = Pattern(f"{_INTERNATIONAL}|{_NORTH_AMERICAN}|{_TOLL_FREE}")
_SURE_INSIDE = Pattern(rf"(?:^|[^0-9])({_INTERNATIONAL}|{_NORTH_AMERICAN})(?:$|[^0-9])")
# With its 0, as within one country: a reference may look like that too.
_NATIONAL_SHAPE = Pattern(r"\(?0[0-9]{1,4}\)?(?:[ .\-/]{1,2}[0-9]{2,8}){1,4}|0[1-9][0-9]{8,9}")
# 1-800-FLOWERS: letters of a keypad, which are written in capitals.
_VANITY = Pattern(
    r"\b(?:1[ .\-]\(?8[O0-9]{2}\)?[ .\-]|8(?:00|33|44|55|66|77|88)-)[A-Z0-9\-]{5,12}[A-Z0-9]\b",
    exact_case=True,
)
_KEYPAD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "22233344455566677778889999")

_DAY = r"(?:0?[1-9]|[12][0-9]|3[01])"
_MONTH = r"(?:0?[1-9]|1[0-2])"
_YEAR = r"(?:19|20)[0-9]{2}"
_HOUR = r"(?:[01]?[0-9]|2[0-4])[.:][0-5][0-9]"
# These are a date or opening hours wherever they stand, also behind "we'll call you on".
_DATE_OR_HOURS = Pattern(
    rf"\b(?:{_DAY}[.\-/]{_MONTH}[.\-/]{_YEAR}|{_MONTH}[.\-/]{_DAY}[.\-/]{_YEAR}"
    rf"|{_YEAR}[.\-/]{_MONTH}[.\-/]{_DAY}|{_HOUR} ?- ?{_HOUR})\b"
)
# These are one unless a word before them says that it is a number to call.
_SHORT_DATE = Pattern(
    rf"(?:{_DAY}[.\-/ ]{_MONTH}|{_MONTH}[.\-/ ]{_DAY})[.\-/ ](?:{_YEAR}|[0-9]{{2}})"
    rf"|{_YEAR} {_MONTH} {_DAY}"
)
_PHONE_CUE = Pattern(
    r"\b(?:call|ring|phone|telephone|tel|mobile|dial|hotline|helpline|whatsapp|fax|sms|appelez"
    r"|anrufen|telefon|telefonnummer"
    r"|(?:reach|contact|text) (?:us|me|our team|support) (?:on|at|via)"
    r"|our (?:phone )?number is|rufen sie [a-z ]{0,16}unter)\b[^0-9\n]{0,24}$"
    r"|\btext (?:to )?$"
)
_REFERENCE_CUE = Pattern(
    r"\b(?:ref|reference|order|invoice|ticket|case|tracking|parcel|customer|account|booking)"
    r"(?:[ .]{1,2}(?:number|no|nr|id|code|is)){0,2}[ .:#]{0,3}$"
)
_CUE_REACH = 48
# A number has at most 15 digits (E.164); shorter ones than these are too common to compare.
_PHONE_DIGITS = range(6, 16)
# So many runs of digits are looked at in a text; no honest one has more.
_MOST_RUNS = 1000
_LEAST_COMMON_DIGITS = 8
_LONGEST_PREFIX = 3


@dataclass(frozen=True, slots=True)
class Phone:
    """`text[start:end]` is a telephone number; `digits` are its own, without "+" and "00"."""

    start: int
    end: int
    digits: str


def phones(text: str) -> Iterator[Phone]:
    """What is written as a telephone number, in service or not.

    Digits without the marks of one count where a word such as "call" stands before them. Of a
    text with very many runs of digits the rest is one number without digits: who finds it there
    can't tell what it hides.
    """
    yield from _vanity_numbers(text)
    undated = _without_dates(text)
    runs, unsearched = _DIGIT_RUN.first_spans(undated, _MOST_RUNS)
    for start, end in runs:
        run = undated[start:end].translate(_FANCY)
        value = _phone_digits(run)
        if len(value) < _PHONE_DIGITS.start:
            continue
        if len(value) in _PHONE_DIGITS and _is_phone(text, start, run):
            yield Phone(start, end, value)
        else:
            yield from _phones_inside(run, start)
    if unsearched < len(text):
        yield Phone(unsearched, len(text), "")


def digit_runs(text: str) -> Iterator[str]:
    """What could be a telephone number, in digits, whether or not it looks like one."""
    runs, _ = _DIGIT_RUN.first_spans(text, _MOST_RUNS)
    return (_phone_digits(text[start:end]) for start, end in runs)


class PhoneBook:
    """Numbers that are known, asked in constant time.

    A number is known that equals a run of digits in full, or that differs from a telephone number
    by no more than a country code or trunk zero.
    """

    def __init__(self, numbers: Iterable[str], runs: Iterable[str] = ()) -> None:
        self._numbers = {number.lstrip("0") for number in numbers} - {""}
        self._exact = self._numbers | {run.lstrip("0") for run in runs} - {""}
        self._endings = {ending for number in self._numbers for ending in _endings(number)}

    def __contains__(self, digits: str) -> bool:
        own = digits.lstrip("0")
        if own in self._exact or own in self._endings:
            return True
        return any(ending in self._numbers for ending in _endings(own))


def _endings(digits: str) -> Collection[str]:
    """What is left of a number without a prefix of up to three digits."""
    most = min(_LONGEST_PREFIX, len(digits) - _LEAST_COMMON_DIGITS)
    return [digits[i:] for i in range(1, most + 1)]


def _without_dates(text: str) -> str:
    """The text with dates and opening hours blotted out, at the same length."""
    pieces: list[str] = []
    done = 0
    for start, end in _DATE_OR_HOURS.first_spans(text, _MOST_RUNS)[0]:
        # Behind "-" and a digit it is the middle of something longer.
        if text[max(0, start - 2) : start - 1].isdigit() and text[start - 1] in ".-/":
            continue
        pieces += (text[done:start], "x" * (end - start))
        done = end
    return "".join((*pieces, text[done:]))


def _is_phone(text: str, start: int, run: str) -> bool:
    plain = " ".join(run.split()) if "  " in run else run
    before = text[max(0, start - _CUE_REACH) : start]
    if _SHORT_DATE.matches(plain):
        return _PHONE_CUE.first(before) is not None
    if _SURE_SHAPE.matches(plain):
        return True
    if _REFERENCE_CUE.first(before) is not None:
        return False
    return _NATIONAL_SHAPE.matches(plain) or _PHONE_CUE.first(before) is not None


def _phones_inside(run: str, offset: int) -> Iterator[Phone]:
    """Numbers with other digits beside them: "order 10023345 415-555-0132"."""
    for start, end in _SURE_INSIDE.first_spans(run, _MOST_RUNS, group=1)[0]:
        value = _phone_digits(run[start:end])
        if len(value) in _PHONE_DIGITS:
            yield Phone(offset + start, offset + end, value)


def _vanity_numbers(text: str) -> Iterator[Phone]:
    for start, end in _VANITY.first_spans(text, _MOST_RUNS)[0]:
        written = text[start:end]
        if any(map(str.isalpha, written)):
            # In the prefix a letter O is a zero.
            prefix, rest = written[:6].replace("O", "0"), written[6:]
            yield Phone(start, end, _phone_digits((prefix + rest).translate(_KEYPAD)))


def _phone_digits(run: str) -> str:
    return "".join(filter(str.isdigit, run)).removeprefix("00")
