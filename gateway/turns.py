"""The turns of a conversation: those judged before, and those of one author as one text."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

from gateway.types import SYSTEM_ROLES, Conversation, Verdict

_MOST_REMEMBERED = 4096
_BEFORE_THE_LAST = 2000


class Memory:
    """What was said of turns that clients send along for ever, by a hash; it keeps no text.

    The verdicts of a policy that could not run are not kept: it may be able to the next time.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, Sequence[Verdict]] = OrderedDict()

    def recall(self, key: bytes) -> Sequence[Verdict] | None:
        """The verdicts kept under a key of `keys_of`; they took no time now."""
        verdicts = self._kept.get(key)
        if verdicts is None:
            return None
        self._kept.move_to_end(key)
        return [replace(verdict, duration_ms=0.0) for verdict in verdicts]

    def keep(self, key: bytes, verdicts: Sequence[Verdict]) -> None:
        if any(verdict.action == "error" for verdict in verdicts):
            return
        self._kept[key] = verdicts
        if len(self._kept) > _MOST_REMEMBERED:
            self._kept.popitem(last=False)


def keys_of(conversation: Conversation) -> Sequence[bytes]:
    """For each turn a hash of all that is said up to it: what its verdicts may depend on."""
    so_far = hashlib.sha256(_bytes(conversation.operator_prompt))
    keys: list[bytes] = []
    for message in conversation.messages:
        so_far.update(_bytes((message.role, message.name, message.content)))
        keys.append(so_far.digest())
    return keys


def turns_as_one(conversation: Conversation) -> tuple[str, int]:
    """What the author of the last turn said up to now as one text, and where that turn begins.

    0 where it is the first one. Texts of the roles "system" and "developer" are one author's: the
    model is given them as one. Of what stands before the turn the end counts, up to 2,000
    characters.
    """
    *earlier, last = conversation.messages
    authors = SYSTEM_ROLES if last.role in SYSTEM_ROLES else (last.role,)
    said = [message.content for message in earlier if message.role in authors]
    before = "".join(f"{text} " for text in said)[-_BEFORE_THE_LAST:]
    return before + last.content, len(before)


def crossing(verdict: Verdict, border: int) -> Verdict:
    """The verdict on a last turn that begins at `border`, of one on all turns as one text.

    Findings count that begin before the border and end behind it, by the part that stands behind.
    A policy that could not run says nothing here: it has judged the last turn alone.
    """
    findings = tuple(
        replace(f, start=0, end=f.end - border, detail=f"{f.detail} over several turns".lstrip())
        for f in verdict.findings
        if f.start < border < f.end
    )
    return replace(
        verdict,
        action=verdict.action if findings else "pass",
        findings=findings,
        detail="; ".join(dict.fromkeys(f.detail for f in findings)),
        withheld=False,
    )


def _bytes(value: object) -> bytes:
    return repr(value).encode("utf-8", "surrogatepass")
