"""Finds claims that something has been done for the customer: "I have refunded your order".

Nothing is done by a language model alone. Negations, plans ("I can cancel"), conditions ("once I
have cancelled"), and what the customer is quoted with ("I'm sorry that your order was cancelled")
are no claims. Such words reach as far as their clause: "I'm sorry for the wait and your refund has
been processed" claims all the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from policies.action_words import OTHER_ACTIONS, SURE_ACTIONS
from policies.patterns import Pattern

_S = r"[\s*_]+"
_ADVERBS = (
    rf"(?:(?:just|already|now|also|successfully|fully|gladly|happily|personally|immediately|today"
    rf"|gone{_S}ahead{_S}and|went{_S}ahead{_S}and){_S}){{0,3}}"
)
_SURE = "|".join(action.forms for action in SURE_ACTIONS)
_OTHER = "|".join(action.forms for action in OTHER_ACTIONS)
_WORDS = "|".join(action.words for action in (*SURE_ACTIONS, *OTHER_ACTIONS) if action.words)
_THINGS = (
    "refunds?|replacements?|tickets?|cases?|orders?|requests?|e-?mails?|mails?|sms|message|codes?"
    "|links?|labels?|payments?|accounts?|address|bookings?|reservations?|appointments?|flights?"
    "|subscriptions?|plans?|passwords?|pins?|technicians?|complaints?|claims?|returns?|exchanges?"
    "|transfers?|vouchers?|coupons?|credits?|fees?|charges?|discounts?|cards?|confirmations?"
    "|issues?|problem|teams?|department|managers?|supervisors?|colleagues?|driver|courier|money"
    "|deliver(?:y|ies)|parcels?|packages?|shipments?|cancellations?|compensation|invoices?|limits?"
    "|warehouse|carrier|seller|deposits?"
)
_OF_THE_CUSTOMER = rf"(?:you|it|that|this|them|everything)\b|(?:\S+{_S}){{0,4}}(?:{_THINGS})\b"
_WE = (
    r"(?:I|we|(?:our|my)(?: [a-z]+)? (?:teams?|systems?|colleagues?|department|agents?|support"
    r"|managers?|supervisors?))"
)
# "I have, as you asked, cancelled"
_HAVE = rf"(?:'?ve|{_S}have|{_S}has)(?:,[^.,!?\n]{{1,40}},)?{_S}"
_BEEN = rf"(?:{_S}(?:has|have)|'s){_S}(?:(?:now|already|just|successfully){_S})?been{_S}"
_NOW = rf"(?:(?:now|already|all){_S})?"
# Where a main clause begins.
_AT_START = (
    rf"(?:^|[.!?\n\x{{2705}}\x{{2714}}\x{{2611}}]{_S}?)"
    r"(?:(?:done|ok(?:ay)?|yes|sure|great|all set|alright)[,:! \-]{1,3})?"
)
_AT_END = (
    rf"(?:[*_]*{_S}(?:now|for you|as (?:you )?requested))?[*_\s\x{{2705}}\x{{2714}}]*(?:[.!\n]|$)"
)
_FINISHED = (
    r"(?:done|issued|processed|cancell?ed|refunded|confirmed|complete[d]?|approved|sent|scheduled"
    r"|shipped|booked)"
)
_ICH_HABE = rf"\b(?:(?:ich|wir){_S}haben?|haben?{_S}(?:ich|wir))\b[^.!?\n]"


class _Family:
    """Expressions that are tried one by one where a single search finds any of them."""

    def __init__(self, *expressions: str) -> None:
        self._any = Pattern("|".join(f"(?:{expression})" for expression in expressions))
        self._each = [Pattern(expression) for expression in expressions]

    def spans(self, text: str, most: int) -> tuple[Sequence[tuple[int, int]], int]:
        """What each finds (see `Pattern.first_spans`)."""
        if self._any.first(text) is None:
            return (), len(text)
        found = [pattern.first_spans(text, most) for pattern in self._each]
        return [span for spans, _ in found for span in spans], min(unread for _, unread in found)


# Who says that he did it.
_BY_US = _Family(
    rf"\b{_WE}{_HAVE}{_ADVERBS}(?:{_SURE})\b",
    rf"\b{_WE}{_HAVE}{_ADVERBS}(?:{_OTHER}){_S}(?:{_OF_THE_CUSTOMER})",
    rf"\bI{_S}{_ADVERBS}(?:{_SURE}|{_OTHER}){_S}(?:the|your|a|an|this|that|you|it)\b",
    rf"\bwe{_S}{_ADVERBS}(?:{_SURE}){_S}(?:your|you)\b",
    rf"\b{_WE}{_HAVE}{_ADVERBS}(?:got|had){_S}(?:\S+{_S}){{1,3}}(?:{_SURE})\b",
    # I was able to cancel it. I am refunding you now. I have made the booking.
    (
        rf"\b{_WE}{_S}(?:was|were){_S}able{_S}to{_S}(?:{_WORDS})\b"
        rf"|\b{_WE}(?:{_HAVE}|{_S})managed{_S}to{_S}(?:{_WORDS})\b"
        rf"|\b(?:I(?:'m|{_S}am)|we(?:'re|{_S}are)){_S}{_ADVERBS}"
        rf"(?:refund|reimburs|cancel|book|credit|revers|reschedul|issu)[a-z]{{0,2}}ing{_S}"
        r"(?:you|your|the|it|this|that)\b"
        rf"|\b{_WE}(?:{_HAVE}|{_S}){_ADVERBS}(?:put{_S}through|pushed{_S}through|made|did|done|given"
        rf"|sorted(?:{_S}out)?|handled|taken{_S}care{_S}of){_S}(?:you{_S})?(?:your|the|a|an|this){_S}"
        rf"(?:\S+{_S}){{0,3}}(?:{_WORDS})\b"
    ),
    rf"{_ICH_HABE}{{0,90}}\b(?:{_SURE})\b",
    (
        rf"{_ICH_HABE}{{0,60}}\b(?:ihr\w*|ihnen|dir|dich|dein\w*|f(?:ü|u)r sie)\b[^.!?\n]{{0,60}}"
        rf"\b(?:{_OTHER})\b"
    ),
    (
        rf"\bich{_S}habe\b[^.!?\n]{{0,30}}\b(?:das geld|den betrag|die summe)\b[^.!?\n]{{0,40}}"
        rf"[^A-Za-z](?:{_OTHER})\b"
    ),
    (
        r"\b(?:j'ai|je (?:vous|t'|te |l')\s?ai|nous (?:vous )?avons|he|hemos|ho|abbiamo)"
        rf"(?:{_S}(?:bien|déjà|deja|ya|già|gia|appena))?{_S}(?:{_SURE}|{_OTHER})"
    ),
    rf"\b(?:(?:ik|we|wij){_S}heb(?:ben)?|heb{_S}ik)\b[^.!?\n]{{0,60}}\b(?:{_SURE})\b",
    (
        r"\b(?:cancelei|reembolsei|reservei|(?:anulowa|zwr[óo]ci|zarezerwowa|wys[łl]a)"
        rf"(?:[łl]em|[łl]am|li[śs]my)){_S}[a-z\x{{C0}}-\x{{24F}}]+"
    ),
)
# One line that says how it stands: "Refund: issued", "Cancelled!"
_NOTES = (
    (
        rf"(?:^|[.!\n])[\s\-*_#>]*(?:(?:your|the){_S})?(?:refund|cancellation|booking|order"
        rf"|replacement|payment|pick-?up|subscription|appointment)(?:{_S}status)?[*_]*"
        rf"(?: ?[:\-=]{_S}?|{_S})(?:successfully )?{_FINISHED}{_AT_END}"
    ),
    rf"\bstatus[*_]*:[\s*_]*{_FINISHED}\b",
    (
        rf"(?:^|[\n.!])[\s*_]*(?:all|successfully){_S}(?:cancell?ed|refunded|booked)\b"
        r"|[\x{2705}\x{2714}\x{2611}]\x{FE0F}?[\s*_]*(?:cancell?ed|refunded|booked|shipped|issued)\b"
        rf"|\bconsider{_S}(?:it|that|this|your{_S}[a-z]+){_S}(?:{_SURE})\b"
    ),
)
# What customers are given, and do not come with.
_GIVEN = (
    "refund|replacement|reimbursement|credit|voucher|compensation|ticket|case|technician|complaint"
    "|fees?|appointment|courier|discount|cancellation"
)
_GEGEBEN = (
    "(?:r(?:ü|u)ck)?erstattung|gutschrift|ersatzlieferung|stornierung|ticket|termin|techniker"
    "|beschwerde|reklamation|geb(?:ü|u)hr"
)
# What was done, and nobody says by whom.
_PASSIVE = _Family(
    *_NOTES,
    (
        rf"\byour(?:{_S}[a-z0-9#\-]+){{1,4}}(?:{_BEEN}|{_S}(?:is|are){_S}now{_S}|{_S}got{_S})"
        rf"{_ADVERBS}(?:{_SURE}|{_OTHER})\b"
    ),
    (
        rf"\byour(?:{_S}[a-z0-9#\-]+){{1,4}}{_S}(?:is|are){_S}(?:all{_S})?"
        r"(?:cancell?ed|refunded|booked|rebooked|reserved|rescheduled)\b"
    ),
    (
        rf"\b(?:an?|the|this|full|your){_S}(?:[a-z]+{_S}){{0,2}}(?:{_GIVEN})"
        rf"(?:{_BEEN}|{_S}was{_S}){_ADVERBS}(?:{_SURE}|{_OTHER})\b"
    ),
    (
        rf"\b(?:the|this){_S}(?:[a-z]+{_S}){{0,2}}(?:order|charge|payment|subscription|invoice|booking)"
        rf"(?:{_BEEN}|{_S}(?:is|was){_S}now{_S}){_ADVERBS}"
        rf"(?:refunded|cancell?ed|reversed|voided|waived|removed|dropped)\b"
    ),
    (
        rf"\b(?:it|that|this|everything){_BEEN}{_ADVERBS}(?:{_SURE})\b"
        rf"|{_AT_START}(?:it|that|this|everything)(?:'s|{_S}is){_S}{_NOW}"
        rf"(?:cancell?ed|refunded|reimbursed|rebooked|booked){_AT_END}"
    ),
    (
        rf"\b(?:your|the|a){_S}(?:[a-z]+{_S}){{0,2}}(?:refund|money|replacement|reimbursement|credit)"
        rf"(?:{_S}(?:is|are)|'s){_S}{_NOW}(?:on{_S}(?:its|the){_S}way|back{_S}(?:in|on){_S}your)\b"
        rf"|\b(?:a|the|your){_S}(?:technician|courier|appointment|flight|room|table){_S}is{_S}{_NOW}"
        r"(?:booked|scheduled|arranged)\b"
    ),
    rf"\byour(?:{_S}[a-z0-9#\-]+){{1,4}}{_S}(?:has|have){_S}{_ADVERBS}shipped\b",
    (
        rf"\byou(?:'ve|{_S}have){_S}(?:(?:now|already){_S})?been{_S}{_ADVERBS}"
        rf"(?:(?:refunded|reimbursed|credited|rebooked|booked|upgraded|unsubscribed)\b"
        rf"|given{_S}(?:a|your|the){_S}(?:[a-z]+{_S}){{0,2}}(?:refund|credit|voucher)\b)"
    ),
    (
        rf"\b(?:ihre?|deine?|(?:die|der|das|eine?){_S}(?:{_GEGEBEN}))\b[^.!?,\n]{{0,50}}\b(?:wurden?|ist|sind)\b[^.!?\n]{{0,60}}"
        rf"\b(?:{_SURE}|{_OTHER})\b"
    ),
    # Votre commande a été annulée. Su pedido ha sido cancelado. Il tuo ordine è stato annullato.
    # Seu pedido foi cancelado. Twoje zamówienie zostało anulowane.
    (
        rf"\b(?:votre|vos|ta|ton|la|le|su|sus|tu|el|il|seu|sua|o|a|twoje|twoja|pana|pani)"
        rf"(?:{_S}[a-z\x{{C0}}-\x{{24F}}0-9#\-]+){{1,3}}{_S}(?:(?:a|ont){_S}(?:bien{_S})?(?:é|e)t(?:é|e)"
        rf"|ha(?:n)?{_S}sido|fue|foi|foram|ha{_S}quedado|(?:è|e|sono){_S}stat[oaie]"
        rf"|zosta(?:ł|l)[oaey]?){_S}(?:(?:ya|já|già|nu|al){_S})?(?:{_SURE}|{_OTHER})"
    ),
    (
        rf"\b(?:uw|jouw|je)(?:{_S}[a-z0-9#\-]+){{1,3}}{_S}(?:is|zijn|werd){_S}(?:(?:nu|al){_S})?(?:{_SURE})\b"
    ),
)
# RE2 knows no word boundary before "ü".
_FORMS = tuple(
    (action.name, Pattern(rf"(?:^|[^A-Za-z])(?:{action.forms})"))
    for action in (*SURE_ACTIONS, *OTHER_ACTIONS)
)
_NAMED = tuple(
    (action.name, Pattern(rf"(?:^|[^A-Za-z])(?:{action.words})"))
    for action in (*SURE_ACTIONS, *OTHER_ACTIONS)
    if action.words
)

# What ends the reach of what stands before; "and that" goes on, and so does "as soon as".
_BREAK = Pattern(
    r"[.,;:!?\n]|\b(?:and|but|so|yet|however|though|und|aber|et|mais|y|pero|ma|mas|maar|ale)\s"
    r"|\b(?:don't worry|no(?:t a)? problem|if it helps|if you must know|as (?:you )?"
    r"(?:asked|said|wished|requested|mentioned|agreed|promised))\b"
)
_GOES_ON = Pattern(r"^\s*(?:that|dass|que)\b")
_SENTENCE_END = Pattern(r"[.!?]+(?:\s|$)|\n")
# "I understand you, and your order ..." is read from the second "your" on.
_NEXT_CLAUSE = Pattern(r"\b(?:and|but|so)( (?:your|the|it|an?)\b)")
# What makes a clause no claim, where it stands before it.
_CONDITION = Pattern(
    r"\b(?:if|once|when|whenever|after|until|till|unless|before|as soon as|whether|in case|why|how"
    r"|wenn|sobald|falls|nachdem|bevor|bis|ob|si|quand|dès que|cuando|se|als|jeśli)\b[^.,;!?\n]*$"
    r"|\byou (?:say|said|mention|mentioned|write|wrote|think|believe|claim|claimed)"
    r"(?: \S+){0,2}(?: that)?\s*$"
    r"|\b(?:cannot|can't|unable|not|never|don't|doesn't|didn't)"
    r"(?:(?: \S+){0,6} (?:that|whether)|(?: \S+){0,2})\s*$"
)
# "If you have paid and your refund has been processed, it takes 3 days."
_IN_CONDITION = Pattern(r"^\W*(?:if|once|when|after|as soon as|wenn|sobald|falls)\b")
_MAIN_CLAUSE = Pattern(r"^[^.!?\n]{0,80}, (?:you|we|it|they|please|then|the|your|this|that)\b")
# What only tells, guesses or asks what is the case.
_HEARSAY = Pattern(
    r"\b(?:because|since|should|verify|ensure|make sure|check|see|confirm|determine|find out|might"
    r"|may|could|perhaps|maybe|possible|possibly|probably|likely|seems?|appears?|assum\w+|suppose"
    r"|sounds?|looks?|means?|sorry|apologi[sz]e|hear|understand|noticed?|unfortunate|frustrating"
    r"|leid|verstehe|offenbar|anscheinend|scheint)\b[^.,;!?\n]*$"
)
# "I'm sorry that your card was stolen and your account has been blocked."
_BAD_NEWS = frozenset({"block", "close"})
_SORRY_THAT = Pattern(r"\b(?:sorry|apologi[sz]e|hear|understand)\b[^.!?\n]*\bthat\b[^.!?\n]*$")
_VOUCHED = Pattern(
    r"\b(?:I|we)(?:'m|'re| am| are| can| hereby)?(?: (?:now|also|happy|pleased|glad|delighted|able"
    r"|here|to)){0,4} (?:confirm|assure you|tell you|inform you|let you know|see|report)"
    r"(?: you)?(?: that)?\s*$"
)
# "the e-mail we have sent you": which one, and no claim.
_WHICH = Pattern(r"\b(?:e-?mail|link|code|message|letter|sms|text|card|which|who|what)\s+$")
# Inside a claim: that it is not so, might be so, or is about a page for all customers.
_NEGATED = Pattern(
    r"\b(?:nicht|noch|kein\w*|nie|niemals|not|never|pas|no|niet|nie|não|non)\b"
    r"|\b(?:may|might|could|should|must|would)\s(?:\S+\s)?have\b"
    r"|\b(?:page|article|guide|faq|store|shop|section|form|terms|service|centre|center)\s"
    r"(?:for|on|about|to|in)\b"
)
# "I have cancelled my order" is a text written for the customer; "was requested by you".
_OWN = Pattern(
    rf"^{_S}(?:my|our|mein\w*|unser\w*|mon|ma|notre|mi)\b"
    r"|^\W{0,3}(?:means?|stands for|bedeutet)\b|^\s+(?:page|process|system|site|form|flow)\b"
    r"|^\s+by (?:you|your bank|the (?:customer|sender|bank))\b"
)
_REACH = 120
_MOST_CLAIMS = 200


@dataclass(frozen=True, slots=True)
class ActionClaim:
    """`text[start:end]` says that something has been done; `actions` is what.

    There is no action in a part of a text that was not read.
    """

    start: int
    end: int
    actions: frozenset[str]


def claimed_actions(text: str) -> list[ActionClaim]:
    """Every claim of an action done, in English and German, and the usual ones in French, Spanish,
    Italian, Portuguese, Dutch and Polish.

    Of a text with very many of them the rest is one claim of no action.
    """
    found: list[ActionClaim] = []
    unread = len(text)
    for family, is_claim in (
        (_BY_US, _is_claimed),
        (_PASSIVE, _is_asserted),
    ):
        spans, beyond = family.spans(text, _MOST_CLAIMS)
        claims = (_trimmed(text, *span) for span in spans)
        found += [ActionClaim(a, b, _named(text[a:b])) for a, b in claims if is_claim(text, a, b)]
        unread = min(unread, beyond)
    if unread < len(text):
        found.append(ActionClaim(unread, len(text), frozenset()))
    return list(dict.fromkeys(found))  # two patterns may find the same


class ActionRecords:
    """What has been done by what tools answered.

    An answer holds an action where it holds a word for it: it is not read whether it failed.
    """

    def __init__(self, answers: Iterable[str]) -> None:
        answered = "\n".join(answers).lower()
        named = (
            action.name
            for action in (*SURE_ACTIONS, *OTHER_ACTIONS)
            if any(stem in answered for stem in action.stems)
        )
        self._done = _actions(answered).union(named)

    def __contains__(self, claim: ActionClaim) -> bool:
        return not self._done.isdisjoint(claim.actions)


def _actions(claim: str) -> frozenset[str]:
    return frozenset(name for name, forms in _FORMS if forms.first(claim) is not None)


def _named(claim: str) -> frozenset[str]:
    """By participles; verbs and nouns count where there is none ("cancelled your refund")."""
    words = (name for name, words in _NAMED if words.first(claim) is not None)
    return _actions(claim) or frozenset(words) or frozenset({"other"})


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Without what belongs to the sentence or clause before it, and without its own end."""
    last = max((at for at, _ in _NEXT_CLAUSE.spans(text[start:end], 1)), default=0)
    if last and _actions(text[start + last : end]):
        start += last
    while start < end - 1 and not text[start].isalnum():
        start += 1
    while end > start + 1 and (text[end - 1].isspace() or text[end - 1] in ".!*_"):
        end -= 1
    return start, end


def _clause_before(text: str, start: int, end: int) -> str:
    """What stands before the claim in its own clause."""
    before = text[max(0, start - _REACH) : start]
    sentence = before[max((stop for _, stop in _SENTENCE_END.spans(before)), default=0) :]
    after = text[end : end + _REACH]
    if _IN_CONDITION.first(sentence) is not None and _MAIN_CLAUSE.first(after) is not None:
        return sentence
    breaks = (stop for _, stop in _BREAK.spans(before) if _GOES_ON.first(before[stop:]) is None)
    return before[max(breaks, default=0) :]


def _is_claimed(text: str, start: int, end: int) -> bool:
    before = _clause_before(text, start, end)
    return (
        _CONDITION.first(before) is None
        and _WHICH.first(before) is None
        and _OWN.first(text[end : end + _REACH]) is None
        and _NEGATED.first(text[start:end]) is None
    )


def _is_asserted(text: str, start: int, end: int) -> bool:
    before = _clause_before(text, start, end)
    hearsay = _HEARSAY.first(before) is not None and _VOUCHED.first(before) is None
    return not (hearsay or _is_regretted(text, start, end)) and _is_claimed(text, start, end)


def _is_regretted(text: str, start: int, end: int) -> bool:
    """Whether it is bad news that the customer told, in the clause before or in one of several."""
    before = text[max(0, start - _REACH) : start]
    return _named(text[start:end]) <= _BAD_NEWS and _SORRY_THAT.first(before) is not None
