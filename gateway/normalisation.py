# ruff: noqa: RUF001, RUF002 - the table of look-alikes is made of ambiguous letters
"""Unicode folding: what a text says to a reader, whatever characters it is written with.

Folded are: compatibility forms (NFKD: fullwidth, mathematical, circled letters), case, accents
and variation selectors (combining marks), invisible characters (format, control and private-use
characters, fillers, lone surrogates), letters hidden in the tag block (decoded, not dropped, so
that what they spell is judged), digits of all scripts, letters of other alphabets that look like
Latin ones, quotes, dashes, dots, bullets and strokes of all kinds (each is the ASCII one; bullets
are "·"), and white space (each run is one space).

The folded text is for matching, not for showing: "Ä" becomes "a", Cyrillic "а" becomes Latin "a".
Whoever matches against it folds what he looks for in the same way.
"""

import re
import unicodedata
from array import array
from collections.abc import Sequence
from functools import lru_cache

# Letters of living alphabets whose prototype is one ASCII letter by Unicode's confusables (UTS #39,
# as the package confusable-homoglyphs 3.3.1 has them), by the case-folded prototype; capital
# iota-like letters are put under "i". The second part of each row is ours: small capitals and
# letters with a stroke, which Unicode keeps apart and readers do not.
_LOOKALIKES = {
    "a": "ɑΑαАаᎪꓮⲀⲁ" + "ᴀ",
    "b": "ƄΒВЬᏏᏴꓐⲂⲃ" + "ʙƀ",
    "c": "СсᏟᴄϲϹꓚⲤⲥ",
    "d": "ԁᎠᏧꓓ" + "ᴅđĐ",
    "e": "ΕЕеҽᎬꓰⲈⲉ" + "ᴇɇ",
    "f": "ϜքẝꞘꞙꓝ" + "ꜰ",
    "g": "ƍɡԌցᏀᏳꓖ" + "ɢǥ",
    "h": "ΗНһհᎻᏂꓧⲎⲏ" + "ʜħĦ",
    "i": "ıɩɪιіӏᎥΙІӀꓲⲒⲓ" + "ɨ",
    "j": "ͿϳЈјᎫꓙ" + "ᴊɉ",
    "k": "ΚКᏦꓗⲔⲕ" + "ᴋк",
    "l": "ƖǀᏞꓡ" + "ʟłŁ",
    "m": "ΜϺМᎷꓟⲘⲙ" + "ᴍм",
    "n": "ΝոռΠꓠⲚⲛ" + "ɴп",
    "o": "ΟοσОоՕօᴏᴑꓳⲞⲟ" + "øØ",
    "p": "ΡρРрᏢꓑⲢⲣ" + "ᴘ",
    "q": "ԛգզ",
    "r": "ƦгᎡᏒᴦꓣ" + "ʀ",
    "s": "ƽЅѕՏᏕᏚꜱꓢ",
    "t": "ΤТᎢꓔⲦⲧ" + "ᴛтŧŦτ",
    "u": "ʋՍսᴜꓴ" + "υ",
    "v": "νѴѵᏙᴠꓦ",
    "w": "ɯѡԜԝաᎳᏔᴡꓪ",
    "x": "ΧХхχꓫⲬⲭ",
    "y": "ɣʏΥγУуҮүყᎩᎽꓬⲨⲩ",
    "z": "ΖᏃᴢꓜⲌⲍ",
}
# Marks that readers and linkers take for one another. None of them is a letter, so that folding
# them never makes a word. The grave accent is ASCII: see `normalise`.
_MARKS = {
    "'": "‘’‚‛′‵ʹʻʼʽˈˊˋ´＇ꞌ`",
    '"': "“”„‟«»″‶〝〞〟",
    "-": "‐‑‒–—―⁃−⸺⸻〜",
    ".": "。｡۔܁܂․﹒",
    "·": "•‧∙⋅●▪・･ᐧ᛫⸱",
    "/": "⁄∕⧸╱",
    "|": "∣❘│┃¦",
    ":": "∶ː։׃꞉",
    ",": "،、",
}
_TAG_BLOCK = 0xE0000
# Runs of A to Z in emoji shapes that have no compatibility form: negative circled, negative
# squared, regional indicators.
_EMOJI_ALPHABETS = (0x1F150, 0x1F170, 0x1F1E6)

_TO_LATIN = {
    **{ord(look): mark for mark, looks in _MARKS.items() for look in looks},
    **{ord(look): letter for letter, looks in _LOOKALIKES.items() for look in looks},
    **{start + i: chr(ord("a") + i) for start in _EMOJI_ALPHABETS for i in range(26)},
    **{_TAG_BLOCK + code: chr(code) for code in range(0x20, 0x7F)},
}

# Linear: one pass, no alternative can match where the other does. Everything between two matches
# is printable ASCII with single spaces, which folds to its lower case in place.
_NOT_PLAIN = re.compile(r"[^!-~]{2,}|[^ -~]")

_DROPPED = frozenset({"Mn", "Me", "Cf", "Cc", "Cs", "Co"})
# Default_Ignorable_Code_Point (Unicode 15, DerivedCoreProperties) where the category does not say
# so: Hangul fillers, reserved code points; and the empty Braille cell, which no font draws.
_IGNORABLE = frozenset(
    map(chr, (0x115F, 0x1160, 0x2065, 0x2800, 0x3164, 0xFFA0, *range(0xFFF0, 0xFFF9)))
) | frozenset(map(chr, range(0xE0000, 0xE1000)))
# U+FDFA alone stands for eighteen characters: folded, a text of it would be eighteen times as
# long. What stands for more than these is one ornament to a reader too, and is left as it is.
_MOST_CHARACTERS_OF_ONE = 4


def normalise(text: str) -> tuple[str, Sequence[int]]:
    """Fold a text, and say where in it each folded character came from.

    Returns the folded text and its offsets: `offsets[i]` is the position in `text` of the
    character that gave `folded[i]`, and the last entry, one more than there are characters, is
    `len(text)`. Offsets never decrease. Any str is taken, and folding twice changes nothing.
    Linear in the length of the text.
    """
    first = _NOT_PLAIN.search(text)
    if first is None:
        return _folded_ascii(text), range(len(text) + 1)
    pieces: list[str] = []
    offsets = array("Q")
    done = 0
    for match in _NOT_PLAIN.finditer(text, first.start()):
        start, end = match.span()
        pieces.append(_folded_ascii(text[done:start]))
        offsets.extend(range(done, start))
        _fold_run(text, start, end, pieces, offsets)
        done = end
    pieces.append(_folded_ascii(text[done:]))
    offsets.extend(range(done, len(text) + 1))
    return "".join(pieces), offsets


def encodable(text: str) -> str:
    """The text with each lone surrogate, which UTF-8 can't hold, as "?": same positions."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _fold_run(text: str, start: int, end: int, pieces: list[str], offsets: "array[int]") -> None:
    after_space = False
    for position in range(start, end):
        for folded in _fold_character(text[position]):
            if folded == " " and after_space:
                continue
            after_space = folded == " "
            pieces.append(folded)
            offsets.append(position)


def _folded_ascii(text: str) -> str:
    return text.lower().replace("`", "'")


@lru_cache(maxsize=8192)
def _fold_character(character: str) -> str:
    """What one character folds to: nothing, one character or several; a fixed point."""
    if unicodedata.category(character) == "Lo" and _stands_for_itself(character):
        return character
    if len(unicodedata.normalize("NFKD", character)) > _MOST_CHARACTERS_OF_ONE:
        return character
    folded = character
    while (once_more := "".join(map(_fold_once, folded))) != folded:
        folded = once_more
    return folded


def _stands_for_itself(letter: str) -> bool:
    """Of letters without case: most of those of Chinese, Japanese, Korean, in a tenth the time."""
    return not (
        unicodedata.decomposition(letter) or ord(letter) in _TO_LATIN or letter in _IGNORABLE
    )


def _fold_once(character: str) -> str:
    if character.isspace():
        return " "
    bare = "".join(
        c
        for c in unicodedata.normalize("NFKD", character.translate(_TO_LATIN))
        if unicodedata.category(c) not in _DROPPED and c not in _IGNORABLE
    )
    latin = "".join(map(_ascii_digit, bare)).translate(_TO_LATIN).casefold()
    # A Hangul syllable falls apart under NFKD; this puts it together again.
    return unicodedata.normalize("NFC", latin)


def _ascii_digit(character: str) -> str:
    value = unicodedata.decimal(character, None)
    return character if value is None else str(value)
