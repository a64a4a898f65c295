"""Ways to hide a phrase, as attackers and their tools do: the library of the evasion tests."""

import html
from base64 import b32encode, b64encode, urlsafe_b64encode
from collections.abc import Callable, Mapping

from policies.encodings import rot13

Disguise = Callable[[str], str]

_LOOKALIKE = str.maketrans("aeopcyxi", "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456")
_LEET = str.maketrans("oieastg", "0134579")
_MORSE_CODES = (
    ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- "
    ".-- -..- -.-- --.."
)
_MORSE = dict(zip("abcdefghijklmnopqrstuvwxyz", _MORSE_CODES.split(), strict=True))


_ATBASH = str.maketrans("abcdefghijklmnopqrstuvwxyz", "zyxwvutsrqponmlkjihgfedcba")
_BRAILLE = str.maketrans(
    "abcdefghijklmnopqrstuvwxyz",
    "\u2801\u2803\u2809\u2819\u2811\u280b\u281b\u2813\u280a\u281a\u2805\u2807\u280d\u281d"
    "\u2815\u280f\u281f\u2817\u280e\u281e\u2825\u2827\u283a\u282d\u283d\u2835",
)


def _shifted(text: str, capital: int, small: int) -> str:
    return "".join(
        chr(capital + ord(c) - 65)
        if "A" <= c <= "Z"
        else chr(small + ord(c) - 97)
        if "a" <= c <= "z"
        else c
        for c in text
    )


def _between(mark: str) -> Disguise:
    """`mark` between every two letters of a word."""
    return lambda text: " ".join(mark.join(word) for word in text.split(" "))


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()


def _selectors(text: str) -> str:
    codes = (0xFE00 + b if b < 16 else 0xE0100 + b - 16 for b in text.encode())
    return "\N{SMILING FACE WITH SMILING EYES}" + "".join(map(chr, codes))


def _tags(text: str) -> str:
    return "hello" + "".join(chr(0xE0000 + ord(c)) if c.isascii() else c for c in text)


def _morse(text: str) -> str:
    words = (" ".join(_MORSE.get(c, "") for c in word) for word in text.lower().split())
    return " / ".join(words)


# A character stands for a character: any of them may be laid over any other.
LETTERS: Mapping[str, Disguise] = {
    "as it is": lambda text: text,
    "capitals": str.upper,
    "fullwidth": lambda text: _shifted(text, 0xFF21, 0xFF41),
    "mathematical": lambda text: _shifted(text, 0x1D400, 0x1D41A),
    "circled": lambda text: _shifted(text, 0x24B6, 0x24D0),
    "look-alikes": lambda text: text.translate(_LOOKALIKE),
    "zero-width": "\u200b".join,
    "soft hyphens": "\u00ad".join,
    "combining marks": "\u0336".join,
    "variation selectors between": "\ufe0e".join,
}
# The words are broken up or written with signs; letters must be ASCII.
WORDS: Mapping[str, Disguise] = {
    "leet": lambda text: text.translate(_LEET),
    "hyphens": _between("-"),
    "dots": _between("."),
    "spaces": lambda text: "   ".join(" ".join(word) for word in text.split(" ")),
    "empty tags": _between("<b></b>"),
    "comments": _between("<!-- -->"),
    "emphasis": lambda text: " ".join(f"{w[:2]}**{w[2:]}**" for w in text.split(" ")),
    "decimal entities": lambda text: "".join(f"&#{ord(c)};" for c in text),
    "hexadecimal entities": lambda text: "".join(f"&#x{ord(c):x}" + ";" for c in text),
    "percent": lambda text: "".join(f"%{b:02X}" for b in text.encode()),
    "backslash u": lambda text: "".join(f"\\u{ord(c):04x}" for c in text if ord(c) < 0x10000),
    "backslash x": lambda text: "".join(f"\\x{b:02x}" for b in text.encode()),
}
# The text as a whole becomes another one.
WHOLE: Mapping[str, Disguise] = {
    "base64": _base64,
    "base64, unpadded": lambda text: _base64(text).rstrip("="),
    "base64, for addresses": lambda text: urlsafe_b64encode(text.encode()).decode(),
    "base64, wrapped": lambda text: _wrapped(_base64(text), 24),
    "hex": lambda text: text.encode().hex(),
    "hex, spaced": lambda text: text.encode().hex(" "),
    "hex, prefixed": lambda text: " ".join(f"0x{b:02x}" for b in text.encode()),
    "binary": lambda text: " ".join(f"{b:08b}" for b in text.encode()),
    "decimal": lambda text: " ".join(map(str, text.encode())),
    "base32": lambda text: b32encode(text.encode()).decode(),
    "tag characters": _tags,
    "selectors": _selectors,
    "entities by name": html.escape,
}
# These are known by the words that they make: what is laid under them must be plain.
TURNED: Mapping[str, Disguise] = {
    "rot13": rot13,
    "atbash": lambda text: text.lower().translate(_ATBASH),
    "braille": lambda text: text.lower().translate(_BRAILLE),
    "reversed": lambda text: text[::-1],
    "words reversed": lambda text: " ".join(word[::-1] for word in text.split(" ")),
    "morse": _morse,
}


def _wrapped(text: str, width: int) -> str:
    return "\n".join(text[i : i + width] for i in range(0, len(text), width))
