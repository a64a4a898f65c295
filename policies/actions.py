"""Finds claims that something has been done for the customer: "I have refunded your order".

Nothing is done by a language model alone. Negations, plans ("I can cancel"), conditions ("once I
have cancelled"), and what the customer is quoted with ("I'm sorry that your order was cancelled")
are no claims.
"""

from collections.abc import Iterable
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
_THINGS = (
    "refunds?|replacements?|tickets?|cases?|orders?|requests?|e-?mails?|mails?|sms|message|codes?"
    "|links?|labels?|payments?|accounts?|address|bookings?|reservations?|appointments?|flights?"
    "|subscriptions?|plans?|passwords?|pins?|technicians?|complaints?|claims?|returns?|exchanges?"
    "|transfers?|vouchers?|coupons?|credits?|fees?|charges?|discounts?|cards?|confirmations?"
    "|issues?|problem|teams?|department|managers?|supervisors?|colleagues?|driver|courier|money"
    "|deliver(?:y|ies)|parcels?|packages?|shipments?|cancellations?|compensation|invoices?|limits?"
)
_OF_THE_CUSTOMER = rf"(?:you|it|that|this|them|everything)\b|(?:\S+{_S}){{0,4}}(?:{_THINGS})\b"
_WE = (
    r"(?:I|we|(?:our|my)(?: [a-z]+)? (?:teams?|systems?|colleagues?|department|agents?|support"
    r"|managers?|supervisors?))"
)
# "I have, as you asked, cancelled"
_HAVE = rf"(?:'?ve|{_S}have|{_S}has)(?:,[^.,!?\n]{{1,40}},)?{_S}"
_BEEN = rf"(?:has|have){_S}(?:(?:now|already|just|successfully){_S})?been{_S}"
_ICH_HABE = rf"\b(?:(?:ich|wir){_S}haben?|haben?{_S}(?:ich|wir))\b[^.!?\n]"
# Who says that he did it.
_BY_US = (
    Pattern(rf"\b{_WE}{_HAVE}{_ADVERBS}(?:{_SURE})\b"),
    Pattern(rf"\b{_WE}{_HAVE}{_ADVERBS}(?:{_OTHER}){_S}(?:{_OF_THE_CUSTOMER})"),
    Pattern(rf"\bI{_S}{_ADVERBS}(?:{_SURE}|{_OTHER}){_S}(?:the|your|a|an|this|that|you)\b"),
    Pattern(rf"\bwe{_S}{_ADVERBS}(?:{_SURE}){_S}(?:your|you)\b"),
    Pattern(rf"{_ICH_HABE}{{0,90}}\b(?:{_SURE})\b"),
    Pattern(
        rf"{_ICH_HABE}{{0,60}}\b(?:ihr\w*|ihnen|dir|dich|dein\w*|f(?:ü|u)r sie)\b[^.!?\n]{{0,60}}"
        rf"\b(?:{_OTHER})\b"
    ),
    Pattern(
        r"\b(?:j'ai|nous avons|he|hemos)\b"
        rf"(?:{_S}(?:bien|déjà|deja|ya))?{_S}(?:{_SURE}|{_OTHER})"
    ),
    # Refund issued. Cancellation confirmed!
    Pattern(
        rf"(?:^|[.!\n]{_S}?)(?:refund|cancellation|booking|order|replacement|payment){_S}"
        r"(?:successfully )?(?:issued|processed|cancell?ed|confirmed|completed|approved|sent)"
        r"[*_]*(?:[.!\n]|$)"
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
_PASSIVE = (
    Pattern(
        rf"\byour(?:{_S}[a-z0-9#\-]+){{1,4}}{_S}(?:{_BEEN}|(?:is|are){_S}now{_S}|got{_S})"
        rf"{_ADVERBS}(?:{_SURE}|{_OTHER})\b"
    ),
    Pattern(
        rf"\byour(?:{_S}[a-z0-9#\-]+){{1,4}}{_S}(?:is|are){_S}(?:all{_S})?"
        r"(?:cancell?ed|refunded|booked|rebooked|reserved|rescheduled)\b"
    ),
    Pattern(
        rf"\b(?:an?|the|this|full|your){_S}(?:[a-z]+{_S}){{0,2}}(?:{_GIVEN}){_S}"
        rf"(?:{_BEEN}|was{_S}){_ADVERBS}(?:{_SURE}|{_OTHER})\b"
    ),
    Pattern(rf"\byour(?:{_S}[a-z0-9#\-]+){{1,4}}{_S}(?:has|have){_S}{_ADVERBS}shipped\b"),
    Pattern(
        rf"\byou(?:'ve|{_S}have){_S}(?:(?:now|already){_S})?been{_S}{_ADVERBS}"
        r"(?:refunded|reimbursed|credited|rebooked|booked|upgraded|unsubscribed)\b"
    ),
    Pattern(
        rf"\b(?:ihre?|deine?|(?:die|der|das|eine?){_S}(?:{_GEGEBEN}))\b[^.!?,\n]{{0,50}}\b(?:wurden?|ist|sind)\b[^.!?\n]{{0,60}}"
        rf"\b(?:{_SURE}|{_OTHER})\b"
    ),
)
# One search for the participles tells nearly every honest text from those to look into.
_ANY_FORM = Pattern(rf"(?:^|[^A-Za-z])(?:{_SURE}|{_OTHER})")
# RE2 knows no word boundary before "ü".
_FORMS = tuple(
    (action.name, Pattern(rf"(?:^|[^A-Za-z])(?:{action.forms})"))
    for action in (*SURE_ACTIONS, *OTHER_ACTIONS)
)

# What makes a clause no claim, where it stands before it.
_CONDITION = Pattern(
    r"\b(?:if|once|when|whenever|after|until|till|unless|before|as soon as|whether|in case"
    r"|you (?:say|said|mention|mentioned|write|wrote|think|believe|claim|claimed|ask|asked)"
    r"|cannot|can't|unable|not|never|don't|doesn't|wenn|sobald|falls|nachdem|bevor|bis|ob"
    r"|si|quand|dès que|cuando)\b[^.,;!?\n]*$"
)
# What only tells, guesses or asks what is the case.
_HEARSAY = Pattern(
    r"\b(?:because|since|should|verify|ensure|make sure|check|see|confirm|determine|find out|might"
    r"|may|could|perhaps|maybe|possible|possibly|probably|likely|seems?|appears?|assum\w+|suppose"
    r"|sounds?|looks?|sorry|apologi[sz]e|hear|understand|noticed?|unfortunate|frustrating"
    r"|leid|verstehe|offenbar|anscheinend|scheint)\b[^.,;!?\n]*$"
)
_VOUCHED = Pattern(
    r"\b(?:I|we)(?:'m|'re| am| are| can| hereby)?(?: (?:now|also|happy|pleased|glad|delighted|able"
    r"|here|to)){0,4} (?:confirm|assure you|tell you|inform you|let you know|see|report)"
    r"(?: you)?(?: that)?\s*$"
)
# "the e-mail we have sent you": which one, and no claim.
_WHICH = Pattern(r"\b(?:e-?mail|link|code|message|letter|sms|text|card|which|who|what)\s+$")
_NEGATED = Pattern(r"\b(?:nicht|noch|kein\w*|nie|niemals|not|never|pas|no)\b")
# "I have cancelled my order" is a text written for the customer.
_OWN = Pattern(rf"^{_S}(?:my|our|mein\w*|unser\w*|mon|ma|notre|mi)\b")
_REACH = 120
_MOST_CLAIMS = 200
# What an operator's prompt states as done; "refunds are issued within a day" is a rule.
_STATED = Pattern(
    rf"\b(?:has been|have been|was|were|wurden?|status:?)[ \w]{{0,24}}\b(?:{_SURE}|{_OTHER})\b"
)


@dataclass(frozen=True, slots=True)
class ActionClaim:
    """`text[start:end]` says that something has been done; `actions` is what.

    There is no action in a part of a text that was not read.
    """

    start: int
    end: int
    actions: frozenset[str]


def claimed_actions(text: str) -> list[ActionClaim]:
    """Every claim of an action done, in English and German, and some in French and Spanish.

    Of a text with very many of them the rest is one claim of no action.
    """
    if _ANY_FORM.first(text) is None:
        return []
    found: list[ActionClaim] = []
    unread = len(text)
    for patterns, is_claim in ((_BY_US, _is_claimed), (_PASSIVE, _is_asserted)):
        for pattern in patterns:
            spans, beyond = pattern.first_spans(text, _MOST_CLAIMS)
            claims = (span for span in spans if is_claim(text, *span))
            found += [ActionClaim(a, b, _actions(text[a:b])) for a, b in claims]
            unread = min(unread, beyond)
    if unread < len(text):
        found.append(ActionClaim(unread, len(text), frozenset()))
    return list(dict.fromkeys(found))  # two patterns may find the same


class ActionRecords:
    """What has been done by what tools answered and an operator states.

    A tool's answer holds an action where it holds a word for it: it is not read whether it
    failed. A statement holds one where it says that it has been done.
    """

    def __init__(self, answers: Iterable[str], statements: Iterable[str] = ()) -> None:
        answered = "\n".join(answers).lower()
        named = (
            action.name
            for action in (*SURE_ACTIONS, *OTHER_ACTIONS)
            if any(stem in answered for stem in action.stems)
        )
        self._done = _actions(answered).union(named)
        for statement in statements:
            for start, end in _STATED.first_spans(statement, _MOST_CLAIMS)[0]:
                if _NEGATED.first(statement[start:end]) is None:
                    self._done |= _actions(statement[start:end])

    def __contains__(self, claim: ActionClaim) -> bool:
        return not self._done.isdisjoint(claim.actions)


def _actions(claim: str) -> frozenset[str]:
    return frozenset(name for name, forms in _FORMS if forms.first(claim) is not None)


def _is_claimed(text: str, start: int, end: int) -> bool:
    before = text[max(0, start - _REACH) : start]
    return (
        _CONDITION.first(before) is None
        and _WHICH.first(before) is None
        and _OWN.first(text[end : end + _REACH]) is None
        and _NEGATED.first(text[start:end]) is None
    )


def _is_asserted(text: str, start: int, end: int) -> bool:
    before = text[max(0, start - _REACH) : start]
    hearsay = _HEARSAY.first(before) is not None and _VOUCHED.first(before) is None
    return not hearsay and _is_claimed(text, start, end)
