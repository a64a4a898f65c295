"""Ways to reach somebody that the model made up."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass as value
from functools import cached_property

from pydantic.dataclasses import dataclass

from gateway.types import Finding, Subject
from policies.contacts import Contact, contacts, digit_runs, same_phone
from policies.grounding import grounds
from policies.patterns import readings

_REPLACEMENTS = {
    "email": "[address removed]",
    "phone": "[number removed]",
    "url": "[link removed]",
}


@value(frozen=True, slots=True)
class _Facts:
    """What an answer may say: exact contacts, and hosts of which every page will do."""

    values: frozenset[str]
    hosts: frozenset[str]
    phones: frozenset[str]

    def hold(self, contact: Contact) -> bool:
        if contact.kind == "phone":
            return any(same_phone(contact.value, phone) for phone in self.phones)
        return contact.value in self.values

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
    must be the same page, or the bare host of a page given. `allow` takes domains (all pages of
    these and of their subdomains), e-mail addresses and telephone numbers.
    """

    allow: tuple[str, ...] = ()
    category: str = "ungrounded_fact"

    @cached_property
    def _allowed(self) -> _Facts:
        return _facts(self.allow)

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        claims = [
            (reading.origin(claim.start, claim.end), claim)
            for reading in readings(subject)
            for claim in contacts(reading.text)
        ]
        if not claims:
            return ()
        given = _facts(grounds(subject.conversation))
        return [
            Finding(*span, self.category, _REPLACEMENTS[claim.kind], f"ungrounded {claim.kind}")
            for span, claim in claims
            if not (given.hold(claim) or self._allowed.allow(claim))
        ]


def _facts(texts: Iterable[str]) -> _Facts:
    texts = tuple(texts)
    found = [contact for text in texts for contact in contacts(text)]
    hosts = {contact.host for contact in found if contact.kind == "url"}
    return _Facts(
        values=frozenset({contact.value for contact in found} | hosts),
        hosts=frozenset(hosts),
        phones=frozenset(digits for text in texts for digits in digit_runs(text)),
    )
