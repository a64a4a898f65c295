"""Finds telephone numbers, however their digits are set apart, and tells whether two are one.

Dates and times are taken out of a text first: they fill every answer, and have digits enough.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from policies.patterns import Pattern

# What people put between the digits of a number; "·" is what bullets fold to.
SEPARATOR = r"[ .\-/()_|*·\n\\]"
_DIGIT_RUN = Pattern(rf"\+?\(?[0-9](?:{SEPARATOR}{{0,3}}[0-9])+")
_FANCY = str.maketrans(dict.fromkeys("_|*·\n\\", " "))

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
    r"|(?:reach|contact|text) (?:us|me|our team|support) (?:on|at|via|under)"
    r"|llame|ll[áa]m[ae](?:nos|me)|llamarnos|tel[ée]fono|zadzwon|ligue(?: para)?|ligar para"
    r"|chiamate|chiami|bel|arayin|num[ée]ro vert"
    r"|our (?:phone )?number is|rufen sie [a-z ]{0,16}unter)\b[^0-9\n]{0,24}$"
    r"|\btext (?:to )?$"
    r"|(?:zadzwoń|позвоните|звоните|телефону?)[^0-9\n]{0,24}$"
    r"|\b(?:customer (?:service|care|support)|contact|support|help ?desk|reception|service|zelle)"
    r"(?: (?:number|line|no\.?|desk|team))?(?: ?[:=]| is| at| on| under)[ (+*]{0,4}$"
)
_REFERENCE_CUE = Pattern(
    r"\b(?:ref|reference|order|invoice|ticket|case|tracking|parcel|customer|account|booking)"
    r"(?:[ .]{1,2}(?:number|no|nr|id|code|is)){0,2}[ .:#]{0,3}$"
    r"|\b(?:about|regarding|concerning|wegen) (?:[a-z]+ )?$"
)
# "order" is also what a caller does, and these prefixes are of numbers that are free to call.
_TO_CALL = Pattern(r"\b(?:to|please|can|may|for|zum|zur) (?:[a-z]+ )?[a-zü]+[ .:#]{0,3}$")
_FREE_TO_CALL = Pattern(r"\(?(?:0(?:800|808|845|870|900|180[0-9])|00800)\)?[ .\-/].*")
_CUE_REACH = 48

# A few digits after a word that says to call them; not "call 30 minutes before".
_SHORT_CODE = Pattern(
    r"\b(?:call|dial|ring|text|sms|wähle|wählen sie)(?: (?:us|them|[A-Z]{3,6}))?"
    r"(?: (?:on|at|to))? ([0-9]{3,5})"
    r"(?:$|[.!?]+(?:\s|$)|[,;:)] ?| (?:for|to|from|and|or|if|now|24/7)\b)"
)
# With Europe's numbers of social value: missing children, victims, children, doctors, listeners.
_EMERGENCY = frozenset(
    {"911", "112", "999", "000", "110", "988", "116000", "116006", "116111", "116117", "116123"}
)

_UNITS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_EINER = ("eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun")
_TENS = ("ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SPOKEN = {
    **{word: str(i) for words in (_UNITS, _EINER) for i, word in enumerate(words, 1)},
    **{word: f"{i}0" for i, word in enumerate(_TENS, 1)},
    **dict.fromkeys(("zero", "oh", "null"), "0"),
    "zwo": "2",
    "funf": "5",
    "eleven": "11",
    "twelve": "12",
}
_ZEROS = {"hundred": "00", "hundert": "00", "thousand": "000", "tausend": "000"}
_REPEATS = {"double": 2, "doppel": 2, "triple": 3}
_SPOKEN_WORD = rf"(?:{'|'.join((*_SPOKEN, *_ZEROS, *_REPEATS))})"
_SPOKEN_RUN = Pattern(
    rf"\b{_SPOKEN_WORD}(?:[\s,.\-_*·()]{{1,3}}(?:{_SPOKEN_WORD}|[0-9]{{1,4}})\b){{3,}}"
)
_SPOKEN_PART = Pattern(rf"{_SPOKEN_WORD}|[0-9]+")
_ROUND = frozenset(_SPOKEN[word] for word in _TENS[1:])
_LEAST_SPOKEN_DIGITS = 7
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
    yield from _spoken_numbers(text)
    yield from _short_codes(text)
    undated = _without_dates(text)
    runs, unsearched = _DIGIT_RUN.first_spans(undated, _MOST_RUNS)
    for start, end in runs:
        run = undated[start:end].translate(_FANCY)
        value = _phone_digits(run)
        if len(value) < _PHONE_DIGITS.start or value in _EMERGENCY:
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
    plain = " ".join(run.split()).replace(" - ", "-") if " " in run else run
    before = text[max(0, start - _CUE_REACH) : start]
    if _SHORT_DATE.matches(plain):
        return _PHONE_CUE.first(before) is not None
    if _SURE_SHAPE.matches(plain):
        return True
    if _REFERENCE_CUE.first(before) is not None:
        to_call = _TO_CALL.first(before) is not None
        return _FREE_TO_CALL.matches(plain) or (to_call and _NATIONAL_SHAPE.matches(plain))
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


def _spoken_numbers(text: str) -> Iterator[Phone]:
    """Numbers in words: eight hundred, five five five, zero one three two."""
    for start, end in _SPOKEN_RUN.first_spans(text, _MOST_RUNS)[0]:
        digits = _spoken_digits(text[start:end])
        if _LEAST_SPOKEN_DIGITS <= len(digits) < _PHONE_DIGITS.stop:
            yield Phone(start, end, digits)


def _spoken_digits(run: str) -> str:
    digits: list[str] = []
    repeats = 1
    for start, end in _SPOKEN_PART.spans(run):
        word = run[start:end].lower()
        if word in _REPEATS:
            repeats = _REPEATS[word]
            continue
        said = _SPOKEN.get(word) or _ZEROS.get(word) or word
        if len(said) == 1 and digits and digits[-1] in _ROUND:
            digits[-1] = digits[-1][0]  # twenty-five
        digits.append(said * repeats)
        repeats = 1
    return "".join(digits)


def _short_codes(text: str) -> Iterator[Phone]:
    for start, end in _SHORT_CODE.first_spans(text, _MOST_RUNS, 1)[0]:
        if text[start:end] not in _EMERGENCY:
            yield Phone(start, end, text[start:end])


def _phone_digits(run: str) -> str:
    return "".join(filter(str.isdigit, run)).removeprefix("00")
