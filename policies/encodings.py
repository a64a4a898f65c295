"""Ways to write a text so that a filter reads something else than a model does.

Each is a pattern for what may be encoded so, and a function from that to what it says: an empty
string where it is not encoded so after all. Nothing here knows where in a text it stands.
"""

import binascii
import codecs
import html
from base64 import b32decode, b64decode
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from string import ascii_lowercase, ascii_uppercase
from urllib.parse import unquote_to_bytes

from gateway.normalisation import normalise
from policies.patterns import Pattern

_CHARACTERS_FOR_A_STRANGE_ONE = 8
_LAST_BYTE = 0xFF
_LAST_CODE_POINT = 0x10FFFF


@dataclass(frozen=True, slots=True)
class Encoding:
    """`expression` (RE2) matches what may be encoded so; `decode` says what that reads."""

    name: str
    expression: str
    decode: Callable[[str], str]
    pattern: Pattern = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", Pattern(self.expression, exact_case=True))


def legible(data: bytes) -> str:
    """Bytes as text, or "" where they are no text: most characters must be letters, digits, white
    space or printable ASCII (all of them in a short text). Latin letters in UTF-16 are read too,
    and what invisible characters say stands on a line of its own.
    """
    text = data.replace(b"\0", b"").decode("utf-8", "replace")
    most = len(text) // _CHARACTERS_FOR_A_STRANGE_ONE
    strange = text.count("\N{REPLACEMENT CHARACTER}")
    strange += sum(c < " " and not c.isspace() for c in text)
    if strange > most:
        return ""
    hidden = "" if text.isascii() else hidden_in("".join(_parts(text, invisible=True)))
    if hidden:
        return "\n".join(("".join(_parts(text, invisible=False)), hidden))
    folded, _ = normalise(text)
    strange += sum(not (c.isalnum() or " " <= c <= "~" or ord(c) in _BRAILLE_BLOCK) for c in folded)
    return text if folded and strange <= most else ""


def rot13(text: str) -> str:
    return codecs.encode(text, "rot13")


def atbash(text: str) -> str:
    """The first letter for the last, and so on."""
    return text.translate(_ATBASH)


_ATBASH = str.maketrans(
    ascii_lowercase + ascii_uppercase, ascii_lowercase[::-1] + ascii_uppercase[::-1]
)


# --- characters written as codes ------------------------------------------------------------

_ESCAPE = (
    r"(?:\\[xX][0-9a-fA-F]{2})+|(?:\\u[0-9a-fA-F]{4})+|\\u\{[0-9a-fA-F]{1,6}\}"
    r"|\\U[0-9a-fA-F]{8}|(?:[uU]\+[0-9a-fA-F]{4,6}[ ,]?)+|(?:\\[01][0-7]{2})+"
    r"|(?:%[0-9a-fA-F]{2})+|(?:=[2-7C-F][0-9A-F])+"
    r"|&#[0-9]{1,7};?|&#[xX][0-9a-fA-F]{1,6};?|&[a-zA-Z][a-zA-Z0-9]{1,31};"
)


def _unescape(run: str) -> str:
    if run.startswith("&"):
        plain = html.unescape(run)
        return "" if plain == run else plain
    if run.startswith("%"):
        return unquote_to_bytes(run).decode("utf-8", "replace")
    lower = run.lower()
    if run.startswith("=") or lower.startswith(r"\x"):
        digits = lower.replace(r"\x", "").replace("=", "")
        return bytes.fromhex(digits).decode("utf-8", "replace")
    if lower.startswith(("u+", r"\u{")) or run.startswith(r"\U"):
        codes = lower.translate(str.maketrans(dict.fromkeys("u+\\{},", " "))).split()
        return _characters(int(code, 16) for code in codes)
    if lower.startswith(r"\u"):
        return bytes.fromhex(lower.replace(r"\u", "")).decode("utf-16-be", "replace")
    return _characters(int(code, 8) for code in run.split("\\")[1:])


def _characters(codes: Iterable[int]) -> str:
    return "".join(chr(code) for code in codes if code <= _LAST_CODE_POINT)


# --- texts written as other texts -----------------------------------------------------------

_B64 = r"[A-Za-z0-9+/_\-]"
# What base64 of any text of four letters has, and few words have: a capital behind a small letter
# or digit, a digit between small letters, capitals before a small one, a plus.
_B64_MARK = r"(?:[a-z0-9][A-Z]|[a-z][0-9]{1,2}[a-z]|[A-Z]{2}[a-z]|[A-Za-z0-9]\+)"
_B64_TOKEN = (
    f"(?:{_B64_MARK}{_B64}{{3,}}|{_B64}{_B64_MARK}{_B64}{{2,}}|{_B64}{{2}}{_B64_MARK}{_B64}+"
    f"|{_B64}{{3,}}{_B64_MARK}{_B64}*)"
)
_B64_LAST = (
    rf"(?:\s+{_B64}{{0,2}}{_B64_MARK}{_B64}{{0,2}}={{0,2}}|\s+{_B64}{{2,3}}="
    rf"|[ \t]*\n\s*{_B64}{{2,76}}={{0,2}})"
)
_BASE64 = rf"\b{_B64_TOKEN}={{0,2}}(?:\s+{_B64_TOKEN}={{0,2}})*{_B64_LAST}?"


_SHORT_BASE64 = 8
_LEAST_TURNED_BASE64 = 12


def _from_base64(run: str) -> str:
    """As one text wrapped over lines, with or without the last word, or else word by word."""
    words = run.split()
    whole = _from_base64_word("".join(words))
    if whole or len(words) == 1:
        return whole
    if most := _from_base64_word("".join(words[:-1])):
        return f"{most} {words[-1]}"
    decoded = [_from_base64_word(word) for word in words]
    return " ".join(d or w for d, w in zip(decoded, words, strict=True)) if any(decoded) else ""


def _from_base64_word(word: str) -> str:
    bare = word.replace("=", "")
    plain = _legible_base64(bare)
    if plain or len(bare) < _LEAST_TURNED_BASE64:
        return plain
    return _legible_base64(rot13(bare)) or _legible_base64(bare[::-1])


def _legible_base64(word: str) -> str:
    standard = word.replace("-", "+").replace("_", "/")
    if len(standard) % 4 == 1:
        standard = standard[:-1]
    try:
        text = legible(b64decode(standard + "=" * (-len(standard) % 4)))
    except binascii.Error:
        return ""
    # What a short word decodes to is often printable: it must be made of letters, mostly.
    letters = sum(map(str.isalnum, text)) + text.count(" ")
    return text if len(text) >= _SHORT_BASE64 or 4 * letters >= 3 * len(text) else ""


_HEX = r"\b(?:0[xX])?(?:[0-9a-fA-F]{2}){4,}\b"


def _from_hex(run: str) -> str:
    return legible(bytes.fromhex(run.lower().removeprefix("0x")))


_BASE32 = r"\b[A-Z2-7]{8,}={0,6}"


def _from_base32(run: str) -> str:
    word = run.rstrip("=")
    try:
        return legible(b32decode(word + "=" * (-len(word) % 8)))
    except binascii.Error:
        return ""


_BRAILLE_BLOCK = range(0x2800, 0x2900)
_BRAILLE = r"[\x{2801}-\x{283F}](?: ?[\x{2801}-\x{283F}])+"
_BRAILLE_LETTERS = str.maketrans("⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚⠅⠇⠍⠝⠕⠏⠟⠗⠎⠞⠥⠧⠺⠭⠽⠵", ascii_lowercase)


def _from_braille(run: str) -> str:
    return run.translate(_BRAILLE_LETTERS)


_BITS = r"\b[01]{8}(?:[ ,]{0,2}[01]{8}){3,}\b"


def _from_bits(run: str) -> str:
    bits = "".join(filter(str.isdigit, run))
    return legible(bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits) - 7, 8)))


_CODE = "(?:0[xX])?[0-9a-fA-F]{2}|[12][0-9]{2}"
_CODES = rf"\b(?:{_CODE})(?:[ ,:;\-]{{1,2}}(?:{_CODE})){{3,}}\b"
_CODE_SEPARATORS = str.maketrans(dict.fromkeys(",:;-", " "))


def _from_codes(run: str) -> str:
    """Characters by their numbers, in hexadecimal or decimal, or both where it may be either."""
    codes = run.lower().translate(_CODE_SEPARATORS).replace("0x", "").split()
    decimal = "".join(codes).isdigit() and max(map(int, codes)) <= _LAST_BYTE
    hexadecimal = max(map(len, codes)) == len("ff")
    read = [legible(bytes(map(int, codes)))] if decimal else []
    if hexadecimal:
        read.append(legible(bytes.fromhex("".join(codes))))
    return "\n".join(filter(None, read))


_MORSE = r"[.\-·_]{1,6}(?:[ /|]{1,3}[.\-·_]{1,6}){3,}"
_MORSE_CODES = (
    ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- "
    "-..- -.-- --.. ----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----."
)
_MORSE_LETTERS: Mapping[str, str] = dict(
    zip(_MORSE_CODES.split(), "abcdefghijklmnopqrstuvwxyz0123456789", strict=True)
)
_MORSE_SIGNS = str.maketrans("·_|", ".-/")


def _from_morse(run: str) -> str:
    words = run.translate(_MORSE_SIGNS).replace("   ", "/").split("/")
    letters = [[_MORSE_LETTERS.get(code, "") for code in word.split()] for word in words]
    if any("" in word for word in letters):
        return ""
    return " ".join("".join(word) for word in letters if word)


# --- words broken up ------------------------------------------------------------------------

SPELLED = r"\b[A-Za-z0-9@$](?:[ .,\-_*~|/+'·\n]{1,3}[A-Za-z0-9@$]){3,}\b"


def _joined(run: str) -> str:
    """Letters on their own as words: what stands between most of them is no space, the rest is."""
    letters, gaps = [run[0]], [""]
    for character in run[1:]:
        if character.isalnum() or character in "@$":
            letters.append(character)
            gaps.append("")
        else:
            gaps[-1] += character
    if not any(map(str.isalpha, letters)):
        return ""
    usual = Counter(gaps[:-1]).most_common(1)[0][0]
    spaced = (
        letter if gap in (usual, "") else f"{letter} "
        for letter, gap in zip(letters, gaps, strict=True)
    )
    return "".join(spaced)


# Tags, comments and emphasis of markup, links, hyphenated line ends, strings put together: what a
# reader does not see.
_MARKUP = (
    r"<!--(?:[^-]|-[^-])*-->|</?[a-zA-Z][^<>]{0,200}>|[*~_`]{1,3}"
    r"|\[[^\[\]\n]{1,80}\]\([^()\s]{0,200}\)|-[ \t]*\n\s*|['\"] ?\+ ?['\"]|\\[*_~`\[\]<>#]"
)
_BLOCK_TAG = Pattern(r"</?(?:br|p|div|li|ul|ol|t[drh]|table|h[1-6]|hr|section|article)\b[^<>]*>")
NOTHING = "\u200b"
"""What markup reads where a reader sees nothing: "" would say that it is no markup."""


def _unmarked(run: str) -> str:
    if run.startswith("["):
        return run[1:].partition("]")[0]
    if run.startswith("\\"):
        return run[1]
    return " " if _BLOCK_TAG.matches(run) else NOTHING


_LEET_SIGN = "[0134579@$]"
_LEET = (
    rf"\b[A-Za-z]+(?:(?:{_LEET_SIGN}|!)+[A-Za-z]+)+{_LEET_SIGN}*"
    rf"|(?:{_LEET_SIGN}|!)+[A-Za-z]+(?:(?:{_LEET_SIGN}|!)+[A-Za-z]+)*{_LEET_SIGN}*"
    rf"|\b[A-Za-z]{{2,}}{_LEET_SIGN}+"
)
LETTER_FOR_SIGN = str.maketrans("0134579@$!", "oieastgasi")
_LEAST_LEET, _LEAST_LETTERS = 3, 2


def _from_leet(word: str) -> str:
    letters = sum(map(str.isalpha, word))
    if len(word) < _LEAST_LEET or letters < _LEAST_LETTERS:
        return ""
    return word.translate(LETTER_FOR_SIGN)


# In the order in which they are taken off: what one leaves, the next may read.
ENCODINGS = (
    Encoding("escapes", _ESCAPE, _unescape),
    Encoding("hex", _HEX, _from_hex),
    Encoding("binary", _BITS, _from_bits),
    Encoding("character codes", _CODES, _from_codes),
    Encoding("base64", _BASE64, _from_base64),
    Encoding("base32", _BASE32, _from_base32),
    Encoding("braille", _BRAILLE, _from_braille),
    Encoding("morse", _MORSE, _from_morse),
    Encoding("spelled", SPELLED, _joined),
)
# These two change texts that are written so for other reasons, base64 among them.
MARKUP = Encoding("markup", _MARKUP, _unmarked)
LEET = Encoding("leet", _LEET, _from_leet)


# --- bytes in characters that nobody sees ---------------------------------------------------

_TAG_BLOCK = range(0xE0020, 0xE007F)
_SELECTORS = range(0xFE00, 0xFE10)
_MORE_SELECTORS = range(0xE0100, 0xE01F0)
_ZERO_WIDTH = frozenset("\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff")
_LEAST_BITS = 32
INVISIBLE = Pattern(
    r"[\x{200B}-\x{200D}\x{2060}-\x{2064}\x{FEFF}\x{FE00}-\x{FE0F}\x{E0000}-\x{E01EF}]+"
)


# Fewer characters say nothing, and are made up by chance.
_LEAST_HIDDEN = 4


def hidden_in(run: str) -> str:
    """What invisible characters say: letters in the tag block, bytes in variation selectors,
    bits in two kinds of zero-width characters (four characters at least of these two); "" where it
    is nothing legible.
    """
    codes = [ord(character) for character in run]
    tags = "".join(chr(code - 0xE0000) for code in codes if code in _TAG_BLOCK)
    data = bytes(
        code - _SELECTORS.start if code in _SELECTORS else code - _MORE_SELECTORS.start + 16
        for code in codes
        if code in _SELECTORS or code in _MORE_SELECTORS
    )
    said = (legible(data), _in_bits([c for c in run if c in _ZERO_WIDTH]))
    return "\n".join(filter(None, (tags, *(s for s in said if len(s) >= _LEAST_HIDDEN))))


def _in_bits(characters: list[str]) -> str:
    if len(characters) < _LEAST_BITS or len(set(characters)) != 2:  # noqa: PLR2004 - zero and one
        return ""
    one = min(characters)
    bits = "".join("1" if character == one else "0" for character in characters)
    inverse = bits.translate(str.maketrans("01", "10"))
    return _from_bits(bits) or _from_bits(inverse)


def _parts(text: str, *, invisible: bool) -> Iterator[str]:
    done = 0
    for start, end in INVISIBLE.spans(text):
        yield text[start:end] if invisible else text[done:start]
        done = end
    if not invisible:
        yield text[done:]
