"""Keys, tokens and passwords."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import log2

from pydantic import NonNegativeFloat
from pydantic.dataclasses import dataclass

from gateway.types import Conversation, Finding, Subject
from policies.decodings import decodings
from policies.encodings import LEET
from policies.patterns import Pattern, Reading, readings
from policies.secret_formats import SECRET_FORMATS

_ANY_FORMAT = Pattern("|".join(f"(?:{expression})" for expression in SECRET_FORMATS.values()))
_KINDS = tuple((kind, Pattern(expression)) for kind, expression in SECRET_FORMATS.items())

# "Your new password is hunter2", "PIN: 4821": a word for a secret, and what it is.
_NAMED_VALUE = Pattern(
    r"\b(?:password|passcode|passphrase|passwd|pwd|pw|pin(?: code| number)?"
    r"|security code|cvv|cvc|otp"
    r"|one[ \-]time (?:code|password|passcode)|(?:verification|access|confirmation|login) code"
    r"|(?:api|access|auth|bearer|secret|session|private)[ _\-]?(?:key|token|secret)"
    r"|passwort|kennwort|geheimzahl|zugangscode|mot de passe|contraseña|contrasena"
    r"|hasło|haslo|senha|wachtwoord)"
    r"[*_\"'`]{0,3}(?: (?:for|of) [a-z ]{1,24})?\s{0,2}"
    r"(?:(?:is|was|will be|ist|lautet|est|es)(?: now| still| jetzt| nun)?|=|:"
    r"|(?:has been |is |was )?(?:set|reset|changed) to)"
    r"[\s*_\"'`:]{1,4}([^\s\"'`*<>]{4,128})"
)
# "PIN 4821", "CVV 123", "one-time code is 482 913", "log in with admin/admin123"
_BARE_VALUES = (
    (
        r"\b(?:pin|cvv|cvc|otp|passcode)(?: code| number)?[*_\"'`]{0,3}:? [*_\"'`]{0,3}"
        r"([0-9]{3,8})(?:$|[^0-9\-]|-[^0-9a-z])"
    ),
    (
        r"\b(?:one[ \-]time|verification|access|confirmation|login|security) (?:code|pin|passcode)"
        r"(?: is|:)[\s*_\"'`]{1,4}([0-9]{3}[ \-][0-9]{3})\b"
    ),
    (
        r"\b(?:log ?in|sign ?in|credentials|username and password)\b[^.!?\n]{0,16}?"
        r"(?:\s(?:with|as|using|are)|:)\s+[*_\"'`]{0,3}"
        r"([a-z0-9._@\-]{2,32} ?/ ?[^\s\"'`*<>/]*[0-9][^\s\"'`*<>/]*)"
    ),
)
_ANY_BARE_VALUE = Pattern("|".join(f"(?:{expression})" for expression in _BARE_VALUES))
_EACH_BARE_VALUE = tuple(Pattern(expression) for expression in _BARE_VALUES)
_VALUE_END = ".,;:!?)]}"
# "is 4-digit", "is 6-8 characters": how long a secret is.
_LENGTH = Pattern(r"[0-9]{1,2}(?:[\-+].*|[a-z]{0,2})|.*://.*")
_PLACEHOLDER = Pattern(r"\[.*|\{.*|\(.*|\$.*|x+|\.+|password[0-9]?")

# A run long enough to be a key. Slashes and dots are left out, so that no address is one.
_RUN = Pattern(r"\b[A-Za-z0-9_+=\-]{24,128}\b")
# A picture, or the hash of a file: long, mixed and no secret.
_NO_KEY = Pattern(
    r"data:[a-z]+/[a-z0-9.+\-]+;base64,[A-Za-z0-9+/=\s]+|\bsha(?:256|384|512)-[A-Za-z0-9+/=]+"
)

_LEAST_DIGITS = 2
# Of neighbours in a random run 62 % are of two kinds (small, capital, digit); in names such as
# getAccountById2 fewer are.
_LEAST_CHANGES = 0.45
_MOST_VALUES = 128


@dataclass(frozen=True, config={"extra": "forbid"})
class Secrets:
    """Finds keys of known formats, what is called a password or PIN, and runs of characters that
    only a machine would write.

    A value behind a word ("your password is ...") counts where it holds a digit or a mark; so
    does no plain word ("your password is wrong"). A run counts when it mixes lower case, upper
    case and digits throughout, and its characters have at least `min_entropy_bits` of Shannon
    entropy each; 0 switches this rule off. Hexadecimal runs (hashes, UUIDs, order numbers) stay
    below the default of 4 bits and are let through, and so are pictures in base64.

    An answer may repeat a named value or a run that the customer wrote; a key of a known format
    is found wherever it stands. The operator's prompt gives nothing free.
    """

    min_entropy_bits: NonNegativeFloat = 4.0
    category: str = "secrets"

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        decoded = [r for r in decodings(subject) if LEET.name not in r.scheme]
        found = [
            self._finding(reading, kind, start, end)
            for reading in (*readings(subject), *decoded)
            for kind, start, end in _known_formats(reading.text)
        ]
        raw = Reading(subject.text, range(len(subject.text) + 1))
        for reading in (raw, *decoded):
            unknown = [("named secret", *span) for span in _named_values(reading.text)]
            unknown += [("high-entropy run", *span) for span in self._runs(reading.text)]
            found += [
                self._finding(reading, kind, start, end)
                for kind, start, end in unknown
                if not _is_given(reading.text[start:end], subject)
            ]
        return found

    def _runs(self, text: str) -> Iterator[tuple[int, int]]:
        if self.min_entropy_bits == 0:
            return
        harmless = list(_NO_KEY.spans(text))
        for start, end in _RUN.spans(text):
            inside = any(a <= start and end <= b for a, b in harmless)
            if not inside and _looks_random(text[start:end], self.min_entropy_bits):
                yield start, end

    def _finding(self, reading: Reading, kind: str, start: int, end: int) -> Finding:
        return Finding(*reading.origin(start, end), self.category, "[secret removed]", kind)


def _is_given(secret: str, subject: Subject) -> bool:
    """Whether an answer only repeats what the customer wrote."""
    return subject.stage == "output" and any(
        secret in said for said in _said_by_customer(subject.conversation)
    )


def _said_by_customer(conversation: Conversation) -> Iterator[str]:
    return (message.content for message in conversation.messages if message.role == "user")


def _known_formats(text: str) -> Iterator[tuple[str, int, int]]:
    # Nearly every text has none of them: one scan says so.
    if _ANY_FORMAT.first(text) is None:
        return
    for kind, pattern in _KINDS:
        for start, end in pattern.spans(text):
            yield kind, start, end


def _named_values(text: str) -> Iterator[tuple[int, int]]:
    spans, unread = _NAMED_VALUE.first_spans(text, _MOST_VALUES, 1)
    for start, end in spans:
        value = text[start:end].rstrip(_VALUE_END)
        marked = any(not c.isalpha() and c not in "-'/" for c in value)
        if marked and not (_LENGTH.matches(value) or _PLACEHOLDER.matches(value)):
            yield start, start + len(value)
    bare_values = _EACH_BARE_VALUE if _ANY_BARE_VALUE.first(text) is not None else ()
    for pattern in bare_values:
        bare, beyond = pattern.first_spans(text, _MOST_VALUES, 1)
        yield from ((start, start + len(text[start:end].rstrip(_VALUE_END))) for start, end in bare)
        unread = min(unread, beyond)
    if unread < len(text):
        yield unread, len(text)


def _looks_random(run: str, min_entropy_bits: float) -> bool:
    digits = sum(character.isdigit() for character in run)
    if run.islower() or run.isupper() or digits < _LEAST_DIGITS:
        return False
    kinds = [(c.isdigit(), c.isupper()) for c in run]
    changes = sum(a != b for a, b in pairwise(kinds))
    if changes < _LEAST_CHANGES * len(run):
        return False
    counts = Counter(run).values()
    return -sum(n / len(run) * log2(n / len(run)) for n in counts) >= min_entropy_bits
