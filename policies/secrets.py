"""Keys, tokens and passwords of machines."""

from collections import Counter
from collections.abc import Iterator, Sequence
from math import log2

from pydantic import NonNegativeFloat
from pydantic.dataclasses import dataclass

from gateway.types import Finding, Subject
from policies.patterns import Pattern, readings

# Formats as their issuers publish them; `\b` keeps them from matching inside a longer word.
_FORMATS = {
    "OpenAI or Anthropic key": r"\bsk-(?:ant-|proj-|svcacct-)?[A-Za-z0-9_\-]{20,}",
    "AWS access key id": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})",
    "GitLab token": r"\bglpat-[A-Za-z0-9_\-]{20,}",
    "Slack token": r"\bxox[abposr]-[A-Za-z0-9\-]{10,}",
    "Google API key": r"\bAIza[A-Za-z0-9_\-]{35}",
    "Stripe key": r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}",
    "Hugging Face token": r"\bhf_[A-Za-z0-9]{30,}",
    "Winnow key": r"\bwn-[A-Za-z0-9_\-]{20,}",
    "JSON Web Token": r"\beyJ[A-Za-z0-9_\-]{8,}\.eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}",
    "private key": r"-----BEGIN [A-Z ]{0,24}PRIVATE KEY-----"
    r"(?:[A-Za-z0-9+/=\s]*-----END [A-Z ]{0,24}PRIVATE KEY-----)?",
}
_ANY_FORMAT = Pattern("|".join(f"({expression})" for expression in _FORMATS.values()))
_KINDS = tuple((kind, Pattern(expression)) for kind, expression in _FORMATS.items())

# A run long enough to be a key. Slashes and dots are left out, so that no address is one.
_RUN = Pattern(r"\b[A-Za-z0-9_+=\-]{24,128}\b")

_LEAST_DIGITS = 3


@dataclass(frozen=True, config={"extra": "forbid"})
class Secrets:
    """Finds keys of known formats, and runs of characters that only a machine would write.

    A run counts when it mixes lower case, upper case and digits, and its characters have at
    least `min_entropy_bits` of Shannon entropy each; 0 switches this rule off. Hexadecimal runs
    (hashes, UUIDs, order numbers) stay below the default of 4 bits and are let through.
    """

    min_entropy_bits: NonNegativeFloat = 4.0
    category: str = "secrets"

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        found = [
            Finding(*reading.origin(start, end), self.category, "[secret removed]", kind)
            for reading in readings(subject)
            for kind, start, end in _known_formats(reading.text)
        ]
        if self.min_entropy_bits > 0:
            found += [
                Finding(start, end, self.category, "[secret removed]", "high-entropy run")
                for start, end in _RUN.spans(subject.text)
                if _looks_random(subject.text[start:end], self.min_entropy_bits)
            ]
        return found


def _known_formats(text: str) -> Iterator[tuple[str, int, int]]:
    # Nearly every text has none of them: one scan says so.
    if _ANY_FORMAT.first(text) is None:
        return
    for kind, pattern in _KINDS:
        for start, end in pattern.spans(text):
            yield kind, start, end


def _looks_random(run: str, min_entropy_bits: float) -> bool:
    digits = sum(character.isdigit() for character in run)
    if run.islower() or run.isupper() or digits < _LEAST_DIGITS:
        return False
    counts = Counter(run).values()
    return -sum(n / len(run) * log2(n / len(run)) for n in counts) >= min_entropy_bits
