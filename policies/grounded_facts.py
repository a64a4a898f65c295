"""Facts that the model made up: ways to reach somebody, prices, dates, actions done."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass as value
from functools import cached_property, lru_cache
from typing import Literal

from pydantic.dataclasses import dataclass

from gateway.types import Conversation, Finding, Subject
from policies.actions import ActionClaim, ActionRecords, claimed_actions
from policies.contacts import Contact, contacts, load_public_suffixes
from policies.dates import Calendar, Date, dates
from policies.decodings import decodings
from policies.encodings import LEET
from policies.grounding import firm_grounds, grounds, tool_answers
from policies.patterns import Reading, cased_readings, texts_read
from policies.phones import PhoneBook, digit_runs
from policies.prices import Price, PriceList, prices
from policies.promises import is_promised

FactKind = Literal["url", "email", "phone", "price", "date", "action"]

_CONTACT_KINDS: tuple[FactKind, ...] = ("url", "email", "phone")
_REPLACEMENTS = {
    "email": "[address removed]",
    "phone": "[number removed]",
    "url": "[link removed]",
    "link": "[link removed]",
    "price": "[amount removed]",
    "date": "[date removed]",
    "action": "[claim removed]",
}
# Each candidate of a request leans on the same conversation, and of these few are under way.
_MOST_CONVERSATIONS = 16
_BETWEEN = "\n;\n"  # no contact goes on across it

_Claim = Contact | Price | Date | ActionClaim


@value(frozen=True)
class _Facts:
    """What an answer may say, each kind read when it is first asked for.

    `told` are the texts that count as fact, as they are read; `answers` those that say what has
    been done.
    """

    told: Sequence[str]
    answers: Sequence[str]

    @cached_property
    def _contacts(self) -> Sequence[Contact]:
        return [contact for text in self.told for contact in contacts(text)]

    @cached_property
    def hosts(self) -> frozenset[str]:
        return frozenset(contact.host for contact in self._contacts if contact.kind == "url")

    @cached_property
    def _addresses(self) -> frozenset[str]:
        given = (c.value for c in self._contacts if c.kind in ("email", "url"))
        return frozenset(given) | self.hosts

    @cached_property
    def _phones(self) -> PhoneBook:
        return PhoneBook(
            (contact.value for contact in self._contacts if contact.kind == "phone"),
            (digits for text in self.told for digits in digit_runs(text)),
        )

    @cached_property
    def _prices(self) -> PriceList:
        return PriceList(self.told)

    @cached_property
    def _dates(self) -> Calendar:
        return Calendar(self.told)

    @cached_property
    def _actions(self) -> ActionRecords:
        return ActionRecords(self.answers)

    def hold(self, claim: _Claim) -> bool:
        match claim:
            case Price():
                return claim in self._prices
            case Date():
                return claim in self._dates
            case ActionClaim():
                return claim in self._actions
            case Contact(kind="phone"):
                return claim.value in self._phones
            case Contact():
                return claim.kind != "link" and claim.value in self._addresses

    def allow(self, claim: _Claim) -> bool:
        if not isinstance(claim, Contact) or claim.kind != "url":
            return self.hold(claim)
        labels = claim.host.split(".")
        return any(".".join(labels[i:]) in self.hosts for i in range(len(labels)))


@value(frozen=True)
class _Sources:
    """The facts of a conversation: `firm` ones of the operator and of tools, and `all`."""

    firm: _Facts
    all: _Facts


@dataclass(frozen=True, config={"extra": "forbid"})
class GroundedFacts:
    """Finds what nobody gave the model: web addresses, e-mail addresses, telephone numbers,
    prices, dates, and claims that something has been done.

    A fact is grounded when it stands in the conversation (what users, tools and earlier answers
    said, never a client's system message) or in the operator's prompt. A web address must be the
    same page at the same port, or the bare host of a page given; a telephone number must be the
    same but for its country code, or the same digits in full. A link of another scheme than http
    and https (javascript:, data:, file:) is never grounded. A price must be the same amount in
    the same currency (nothing is reckoned), a date the same day. A claim of an action ("I have
    refunded you") is grounded only by a tool's answer that holds the word: never by a prompt, by
    what the customer says or by an earlier answer.

    `kinds` are those looked for: contacts, unless more are asked for. `customer_grounds` are the
    kinds that the customer's word and earlier answers ground wherever they are said. A price or
    date that is not among them they ground only where the answer does not promise it ("you were
    charged $20", not "you get $20" or "it will arrive by Friday"): for a promise it takes the
    operator's prompt or a tool.

    `allow` takes domains (all pages of these and of their subdomains), e-mail addresses, telephone
    numbers, prices, dates and actions ("forwarded").

    The facts of the last few conversations are kept in memory.
    """

    kinds: tuple[FactKind, ...] = _CONTACT_KINDS
    customer_grounds: tuple[FactKind, ...] = _CONTACT_KINDS
    allow: tuple[str, ...] = ()
    category: str = "ungrounded_fact"

    def __post_init__(self) -> None:
        load_public_suffixes()

    @cached_property
    def _allowed(self) -> _Facts:
        actions = [word for word in self.allow if word.isalpha()]  # "booking.com" books nothing
        return _Facts(_as_read(self.allow), actions)

    @cached_property
    def _given(self) -> Callable[[Conversation], _Sources]:
        return lru_cache(_MOST_CONVERSATIONS)(_sources_of)

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        claims = [
            (reading, claim, kind)
            for reading in (*cased_readings(subject), *_decoded(subject))
            for claim, kind in self._claims(reading.text)
        ]
        if not claims:
            return ()
        given = self._given(subject.conversation)
        return [
            Finding(
                *reading.origin(claim.start, claim.end),
                self.category,
                _REPLACEMENTS[kind],
                f"ungrounded {kind}",
            )
            for reading, claim, kind in claims
            if not (self._allowed.allow(claim) or self._is_given(reading.text, claim, kind, given))
        ]

    def _is_given(self, text: str, claim: _Claim, kind: str, given: _Sources) -> bool:
        if given.firm.hold(claim):
            return True
        if isinstance(claim, Price | Date) and kind not in self.customer_grounds:
            return given.all.hold(claim) and not is_promised(text, claim.start, claim.end)
        return kind in self.customer_grounds and given.all.hold(claim)

    def _claims(self, text: str) -> Iterator[tuple[_Claim, str]]:
        if any(kind in self.kinds for kind in _CONTACT_KINDS):
            for contact in contacts(text):
                if contact.kind in self.kinds or (contact.kind == "link" and "url" in self.kinds):
                    yield contact, contact.kind
        if "price" in self.kinds:
            yield from ((price, "price") for price in prices(text))
        if "date" in self.kinds:
            yield from ((date, "date") for date in dates(text))
        if "action" in self.kinds:
            yield from ((claim, "action") for claim in claimed_actions(text))


def _decoded(subject: Subject) -> Iterator[Reading]:
    """What the text hides; not with letters for digits and for "@", of which facts are made."""
    return (reading for reading in decodings(subject) if LEET.name not in reading.scheme)


def _sources_of(conversation: Conversation) -> _Sources:
    answers = _as_read(tool_answers(conversation))
    return _Sources(
        firm=_Facts(_as_read(firm_grounds(conversation)), answers),
        all=_Facts(_as_read(grounds(conversation)), answers),
    )


def _as_read(texts: Sequence[str]) -> Sequence[str]:
    # As one text, so that what is read of a conversation has a limit, however many turns it has.
    return texts_read(_BETWEEN.join(texts))
