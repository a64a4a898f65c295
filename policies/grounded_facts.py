"""Ways to reach somebody that the model made up."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass as value
from functools import cached_property, lru_cache

from pydantic.dataclasses import dataclass

from gateway.types import Conversation, Finding, Subject
from policies.contacts import Contact, contacts
from policies.grounding import grounds
from policies.patterns import cased_readings, texts_read
from policies.phones import PhoneBook, digit_runs

_REPLACEMENTS = {
    "email": "[address removed]",
    "phone": "[number removed]",
    "url": "[link removed]",
    "link": "[link removed]",
}
# Each candidate of a request leans on the same conversation, and of these few are under way.
_MOST_CONVERSATIONS = 16
_BETWEEN = "\n;\n"  # no contact goes on across it


@value(frozen=True, slots=True)
class _Facts:
    """What an answer may say: exact contacts, and hosts of which every page will do."""

    values: frozenset[str]
    hosts: frozenset[str]
    phones: PhoneBook

    def hold(self, contact: Contact) -> bool:
        if contact.kind == "phone":
            return contact.value in self.phones
        return contact.kind != "link" and contact.value in self.values

    def allow(self, contact: Contact) -> bool:
        if contact.kind != "url":
            return self.hold(contact)
        labels = contact.host.split(".")
        return any(".".join(labels[i:]) in self.hosts for i in range(len(labels)))


@dataclass(frozen=True, config={"extra": "forbid"})
class GroundedFacts:
    """Finds every web address, e-mail address and telephone number that nobody gave the model.

    A contact is grounded when it stands in the conversation (what users, tools and earlier
    answers said, never a client's system message) or in the operator's prompt. A web address
    must be the same page at the same port, or the bare host of a page given; a telephone number
    must be the same but for its country code, or the same digits in full. A link of another
    scheme than http and https (javascript:, data:, file:) is never grounded. `allow` takes
    domains (all pages of these and of their subdomains), e-mail addresses and telephone numbers.

    The facts of the last few conversations are kept in memory.
    """

    allow: tuple[str, ...] = ()
    category: str = "ungrounded_fact"

    @cached_property
    def _allowed(self) -> _Facts:
        return _facts(self.allow)

    @cached_property
    def _given(self) -> Callable[[Conversation], _Facts]:
        return lru_cache(_MOST_CONVERSATIONS)(_facts_of)

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        claims = [
            (reading.origin(claim.start, claim.end), claim)
            for reading in cased_readings(subject)
            for claim in contacts(reading.text)
        ]
        if not claims:
            return ()
        given = self._given(subject.conversation)
        return [
            Finding(*span, self.category, _REPLACEMENTS[claim.kind], f"ungrounded {claim.kind}")
            for span, claim in claims
            if not (given.hold(claim) or self._allowed.allow(claim))
        ]


def _facts_of(conversation: Conversation) -> _Facts:
    return _facts(grounds(conversation))


def _facts(texts: Iterable[str]) -> _Facts:
    # As one text, so that what is read of a conversation has a limit, however many turns it has.
    read = texts_read(_BETWEEN.join(texts))
    found = [contact for text in read for contact in contacts(text)]
    pages = [contact for contact in found if contact.kind == "url"]
    hosts = frozenset(page.host for page in pages)
    emails = (contact.value for contact in found if contact.kind == "email")
    return _Facts(
        values=frozenset({*emails, *(page.value for page in pages)}) | hosts,
        hosts=hosts,
        phones=PhoneBook(
            (contact.value for contact in found if contact.kind == "phone"),
            (digits for text in read for digits in digit_runs(text)),
        ),
    )
