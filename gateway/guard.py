"""Judges texts by policy sets: the one place that says whether a text may pass."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property

from gateway.judgement import judge, redacted
from gateway.normalisation import normalise
from gateway.policy_files import Fallback
from gateway.policy_sets import PolicyEntry, PolicySet
from gateway.protocols import Handoff
from gateway.turns import Memory, crossing, keys_of, turns_as_one
from gateway.types import AUTHORS, Conversation, Exchange, Role, Screening, Stage, Subject, Verdict

# Policies that hold nothing judge on the event loop, where no time-out can interrupt them. Behind
# each that judged a text this long, whatever else waits has its turn; for a short one that would
# cost more.
_LONG = 4096


def _of_no_known_language(_: str) -> str | None:
    return None


class Guard:
    """Several policy sets as one: the first set's policies come first, and so on.

    What is shown and done in the place of an answer is told by the last set that says it: a set
    that is added to the shipped one speaks in its stead. `language_of` says what language
    (ISO 639-1) a customer writes in, or None.
    """

    def __init__(
        self,
        policy_sets: Sequence[PolicySet],
        *,
        language_of: Callable[[str], str | None] = _of_no_known_language,
        handoff: Handoff | None = None,
    ) -> None:
        if not policy_sets:
            raise ValueError("a guard needs at least one policy set")
        self._sets = tuple(policy_sets)
        self._entries = tuple(
            entry for s in self._sets for entry in s.entries if entry.mode != "off"
        )
        self._language_of = language_of
        self._handoff = handoff
        self._memory = Memory()
        # Clients send back what they were shown: our own words are no answer of the model's.
        by_language = [texts for s in self._sets for texts in s.templates.values()]
        templates = [text for texts in by_language for text in texts.values()]
        self._own_words = frozenset([*templates, *(s.fallback.template for s in self._sets)])
        digests = "\n".join(policy_set.digest for policy_set in self._sets)
        self._digest = hashlib.sha256(digests.encode()).hexdigest()

    @property
    def digest(self) -> str:
        """Names exactly what judges: sha256 over the digests of the sets, in their order."""
        return self._digest

    @cached_property
    def fallback(self) -> Fallback:
        stated = [s.fallback.model_dump(exclude_unset=True) for s in self._sets]
        return Fallback.model_validate({k: v for fallback in stated for k, v in fallback.items()})

    def template(self, category: str, addressee: str = "") -> str:
        """What a customer reads in place of a text blocked for `category`.

        Looked for in this order: the category in the language of `addressee` (what the customer
        wrote last), in English, then the category "default" in that language, then the
        fallback's template.
        """
        language = self._language_of(addressee) or "en"
        wanted = ((category, language), (category, "en"), ("default", language))
        found = (
            s.templates[key][tongue]
            for key, tongue in wanted
            for s in reversed(self._sets)
            if key in s.templates and tongue in s.templates[key]
        )
        return next(found, self.fallback.template)

    async def hand_over(self, exchange: Exchange) -> bool | None:
        """Ask a person to take over: whether that was accepted, None where nobody is asked."""
        return None if self._handoff is None else await self._handoff.hand_over(exchange)

    async def screen(
        self, text: str, stage: Stage, conversation: Conversation, role: Role = "user"
    ) -> Screening:
        """Judge a text by the policies of its stage.

        The file's order is the order of precedence. Those that hold nothing open are asked first,
        one after the other; the others after them, all at once. The first enforced block, or
        enforced error that withholds, ends it. Every policy judges the original text, so that
        all findings are positions in it: enforced redactions compose, and where they overlap one
        removal covers them all. Shadow verdicts are recorded and change nothing.
        """
        subject = Subject(text, stage, conversation, normalise, role)
        return _screening(text, await _verdicts(self._asked(subject), subject, _stops))

    async def inspect(
        self, text: str, stage: Stage, conversation: Conversation, role: Role = "user"
    ) -> Screening:
        """As `screen`, with the verdict of every policy: a block ends nothing."""
        subject = Subject(text, stage, conversation, normalise, role)
        return _screening(text, await _verdicts(self._asked(subject), subject, _goes_on))

    async def screen_turns(self, conversation: Conversation) -> tuple[Screening, ...]:
        """Judge every message that a client sent, each in the conversation up to it.

        What was judged before is remembered, so that of a conversation that goes on only the new
        turns cost something. The turns of one author are also read as one text, since a phrase
        may be spread over them: what a policy that holds nothing open finds across the border of a
        turn counts against it.
        """
        screenings: list[Screening] = []
        for i, key in enumerate(keys_of(conversation)):
            turn = conversation.messages[i]
            verdicts = self._memory.recall(key)
            if verdicts is None:
                verdicts = await self._judge_turn(conversation.until(i))
                self._memory.keep(key, verdicts)
                await asyncio.sleep(0)  # whatever else waits has its turn between two turns
            screenings.append(_screening(turn.content, verdicts))
        return tuple(screenings)

    async def inspect_turns(self, conversation: Conversation) -> Screening:
        """The last turn as `inspect` judges it, read with the others as `screen_turns` does.

        The earlier turns themselves are not judged.
        """
        turn = conversation.messages[-1]
        last = await self.inspect(turn.content, "input", conversation, turn.role)
        if not last.passed:
            return last
        across = await self._judge_across_turns(conversation)
        return _screening(turn.content, (*last.verdicts, *across))

    def entries_at(self, stage: Stage) -> Sequence[PolicyEntry]:
        """The policies of a stage, in the order of precedence: that of an inspection's verdicts."""
        return [entry for entry in self._entries if stage in entry.stages]

    async def _judge_turn(self, conversation: Conversation) -> Sequence[Verdict]:
        turn = conversation.messages[-1]
        if turn.role == "assistant" and turn.content in self._own_words:
            return ()
        subject = Subject(turn.content, "input", conversation, normalise, turn.role)
        verdicts = await _verdicts(self._asked(subject), subject, _stops)
        if any(map(_stops, verdicts)):
            return verdicts
        return (*verdicts, *await self._judge_across_turns(conversation))

    async def _judge_across_turns(self, conversation: Conversation) -> Sequence[Verdict]:
        """The verdict that stops the last turn for what it completes, if there is one."""
        text, border = turns_as_one(conversation)
        if border == 0:
            return ()

        def stops(verdict: Verdict) -> bool:
            return _stops(crossing(verdict, border))

        subject = Subject(text, "input", conversation, normalise, conversation.messages[-1].role)
        asked = self._asked(subject)
        # A model's finding is a window, which says nothing of where in it the phrase stands.
        exact = [e for e in asked if not e.waits]
        blocking = [e for e in exact if e.on_fail == "block" and e.mode == "enforce"]
        verdicts = await _verdicts(blocking, subject, stops)
        return [crossing(verdict, border) for verdict in verdicts if stops(verdict)]

    def _asked(self, subject: Subject) -> Sequence[PolicyEntry]:
        return [e for e in self.entries_at(subject.stage) if subject.role in e.roles]


def example_subject(text: str, stage: Stage, conversation: Conversation) -> Subject:
    """A text on its own, in the role that its stage suggests."""
    return Subject(text, stage, conversation, normalise, AUTHORS[stage])


async def _verdicts(
    entries: Sequence[PolicyEntry], subject: Subject, stops: Callable[[Verdict], bool]
) -> Sequence[Verdict]:
    """What the policies say, in their order, up to the first verdict that stops.

    Of several that wait, the first one in the file's order stops, however late it answers.
    """
    verdicts: dict[int, Verdict] = {}
    for i, entry in enumerate(entries):
        if not entry.waits:
            verdicts[i] = await judge(entry, subject)
            if stops(verdicts[i]):
                return [verdicts[k] for k in sorted(verdicts)]
            if len(subject.text) >= _LONG:
                await asyncio.sleep(0)
    waiting = {i: entry for i, entry in enumerate(entries) if entry.waits}
    if waiting:
        async with asyncio.TaskGroup() as group:
            tasks = {i: group.create_task(judge(e, subject)) for i, e in waiting.items()}
            for i, task in tasks.items():
                verdicts[i] = await task
                if stops(verdicts[i]):
                    for other in tasks.values():
                        other.cancel()
                    break
    return [verdicts[k] for k in sorted(verdicts)]


def _screening(text: str, verdicts: Sequence[Verdict]) -> Screening:
    redactions = [f for v in verdicts if v.enforced and v.action == "redact" for f in v.findings]
    blocked_by = next(filter(_stops, verdicts), None)
    return Screening(text, redacted(text, redactions), tuple(verdicts), blocked_by)


def _stops(verdict: Verdict) -> bool:
    return verdict.withheld or (verdict.enforced and verdict.action == "block")


def _goes_on(_: Verdict) -> bool:
    return False
