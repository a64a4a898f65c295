"""The language of a short text, told by py3langid: byte n-grams and naive Bayes, no network.

Its model knows more than a hundred. Those are left out here that hardly anybody writes to a
customer service, and that short texts in a larger neighbour are taken for (Luxembourgish for
German, Afrikaans for Dutch, Latin for Italian, ...).
"""

from functools import cache
from typing import Any, Protocol

from py3langid import langid  # pyright: ignore[reportMissingTypeStubs] - the package has none

from gateway.normalisation import encodable

# ISO 639-1, as all that this module takes and gives.
LANGUAGES = (
    *("ar", "az", "be", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "es", "et", "eu", "fa"),
    *("fi", "fr", "gl", "gu", "he", "hi", "hr", "hu", "hy", "id", "is", "it", "ja", "ka", "kk"),
    *("kn", "ko", "lt", "lv", "mk", "ml", "mn", "mr", "ms", "ne", "nl", "no", "pa", "pl", "pt"),
    *("ro", "ru", "si", "sk", "sl", "sq", "sr", "sv", "sw", "ta", "te", "th", "tl", "tr", "uk"),
    *("ur", "vi", "zh"),
)

# A beginning says as much as all of it, and every text has a price it can't exceed.
_READ_CHARACTERS = 2000


def language_of(text: str, min_confidence: float = 0.6) -> str | None:
    """The language that a text begins in (ISO 639-1), or None where that is not sure.

    `min_confidence` is the least probability, 0 to 1, that the model must give the language; it
    reads the first 2000 characters. A text without letters has no language. About 30 µs for a
    sentence; the first call loads the model (half a second, 4 MB on disk).
    """
    beginning = text[:_READ_CHARACTERS]
    if not any(map(str.isalpha, beginning)):
        return None
    language, confidence = _identifier().classify(encodable(beginning))
    return language if confidence >= min_confidence else None


class _Identifier(Protocol):
    """What is used of py3langid's own class."""

    def classify(self, text: str) -> tuple[str, float]: ...

    def set_languages(self, langs: list[str]) -> None: ...


@cache
def _identifier() -> _Identifier:
    made: Any = langid.LanguageIdentifier.from_model_file(  # pyright: ignore[reportUnknownMemberType]
        langid.MODEL_FILE, norm_probs=True
    )
    identifier: _Identifier = made
    identifier.set_languages(list(LANGUAGES))
    return identifier
