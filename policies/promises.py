"""Tells whether a sentence promises what it names: an amount, a day, a share off."""

from policies.patterns import Pattern

_PROMISE = Pattern(
    r"\b(?:refund of|you(?:'ll| will| are going to|'re going to| can| shall)?(?: now)?"
    r" (?:get|receive|have|save|be (?:refunded|credited|paid|reimbursed))|you only pay|deal|agreed"
    r"|discount of|(?:%|percent|euros?|dollars?|pounds?) off|off your|sold|yours for"
    r"|for only|for just"
    r"|(?:I|we)(?:'ll| will| can| am going to| are going to)? (?:give|grant|offer|refund|pay|credit"
    r"|reimburse|transfer|deliver|ship|send)"
    r"|(?:will|shall|'ll) (?:\S+ )?(?:be|arrive|come|receive|get"
    r"|cost|have|reach|ship|deliver|refund|pay|credit|send|call)|is on its way|guarantee\w*"
    r"|promise\w*|by (?:the )?(?:[0-9]+|[a-z]+day|tomorrow|end of|next"
    r"|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*)|sie (?:erhalten|bekommen)"
    r"|wir (?:erstatten|zahlen|liefern|gewähren"
    r"|geben)|abgemacht|vous (?:recevrez|aurez)|d'accord|recibirá|trato hecho)\b"
    r"|\b(?:it|that|this)(?:'ll| will) (?:be|cost)\b"
)
# What the customer wants, a question, a condition, a guess, a refusal.
_NO_PROMISE = Pattern(
    r"\?|\b(?:you(?:'d| would| were| are|'re)? (?:\S+ )?(?:like|want\w*|ask\w*|request\w*"
    r"|mention\w*|said|say|wrote|expect\w*|paid|report\w*|charged|need\w*|believe|think|claim)"
    r"|if|whether|unless|once|can't|cannot|can not|won't|not|no|unable|unfortunately|sorry"
    r"|understand|may|might|could|would"
    r"|charged (?:by|you)|please|usually|typically|normally|wenn|falls|ob|nicht|kein\w*|leider"
    r"|bitte|(?:by )?your bank|by the (?:bank|seller|merchant|shop)"
    r"|könnte\w*|konnte\w*|kann|si|pas|no puedo)\b"
)
_AGREED = Pattern(r"\b(?:deal|agreed|guarantee\w*|promise\w*|abgemacht|trato hecho)\b")
_REFUSED = Pattern(r"\b(?:no deal|not|\w+n't|cannot|unable|kein\w*|nicht)\b|\?")
_SENTENCE_END = Pattern(r"[.!?]+(?:\s|$)|\n")
_REACH = 160


def is_promised(text: str, start: int, end: int) -> bool:
    """Whether the sentence around `text[start:end]` promises it to the customer.

    It is read by its words, English and some German, French and Spanish: "you get", "refund of",
    "by", "within", "deal". What it asks, refuses, makes a condition of or reports is no promise.
    """
    sentence = sentence_around(text, start, end)
    if _AGREED.first(sentence) is not None and _REFUSED.first(sentence) is None:
        return True
    return _PROMISE.first(sentence) is not None and _NO_PROMISE.first(sentence) is None


def sentence_around(text: str, start: int, end: int) -> str:
    """The sentence that holds `text[start:end]`, as far as it reaches within 160 characters."""
    before = text[max(0, start - _REACH) : start]
    after = text[end : end + _REACH]
    begins = max((stop for _, stop in _SENTENCE_END.spans(before)), default=0)
    ends = next((stop for stop, _ in _SENTENCE_END.spans(after)), len(after))
    closing = after[ends : ends + 1] if after[ends : ends + 1] == "?" else ""
    return before[begins:] + text[start:end] + after[:ends] + closing
