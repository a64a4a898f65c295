"""Which policy sets would judge an exchange if a new one were in force, and what they say."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.alignment.recorded_texts import RecordedText
from gateway.errors import ConfigurationError
from gateway.guard import Guard
from gateway.judgement import redacted
from gateway.policy_sets import PolicyEntry, PolicySet
from gateway.types import Screening, Verdict


@dataclass(frozen=True, slots=True)
class Lineup:
    """The sets of a config: those that judge every request, and those that a request may add."""

    always: tuple[PolicySet, ...]
    optional: tuple[PolicySet, ...] = ()

    def judging(self, added: Sequence[str]) -> tuple[PolicySet, ...]:
        """The sets that judge a request that adds these; a name that is not optional adds none."""
        names = {s.name for s in self.always}
        extra = [s for s in self.optional if s.name in added and s.name not in names]
        return (*self.always, *sorted(extra, key=lambda s: added.index(s.name)))

    @property
    def entries(self) -> Sequence[PolicyEntry]:
        """All policies of all sets."""
        return [entry for s in (*self.always, *self.optional) for entry in s.entries]

    def missing(self, added: Sequence[str]) -> Sequence[str]:
        """Those of the names that a request added which no set has."""
        names = {s.name for s in (*self.always, *self.optional)}
        return [name for name in added if name not in names]

    def place_of(self, trial: PolicySet, in_place_of: str | None) -> str | None:
        """The name of the set that a set on trial replaces; None where it is added to the others.

        That is the one named, or else the one that has its own name.

        Raises:
            ConfigurationError: there is no set of the name given.
        """
        names = [s.name for s in (*self.always, *self.optional)]
        place = in_place_of or trial.name
        if place in names:
            return place
        if in_place_of is None:
            return None
        raise ConfigurationError(f"no policy set {in_place_of!r}: there are {', '.join(names)}")

    def with_trial(self, trial: PolicySet, place: str | None) -> "Lineup":
        """The line-up with a set in the place of another one, or added to judge every request."""
        if place is None:
            return replace(self, always=(*self.always, trial))
        return Lineup(
            _exchanged(self.always, place, trial), _exchanged(self.optional, place, trial)
        )


@dataclass(frozen=True, slots=True)
class Renewed:
    """What the sets on trial say of a recorded text.

    `undecided` names the policies without which that can't be told: they ask another server, and
    what they had said of this text then, if anything, they had said with other options. Where
    something else blocks the text it is empty.
    """

    screening: Screening
    undecided: tuple[str, ...] = ()


class Trial:
    """Judges recorded texts by policy sets that are open.

    A policy that asks another server (it says so in an attribute `remote`) is not asked: what
    customers wrote goes nowhere. What such a policy found then, it finds again, as long as it is
    the same one as among `in_force`, the sets of the config.
    """

    def __init__(self, sets: Sequence[PolicySet], in_force: Sequence[PolicySet]) -> None:
        self._remote = [e for s in sets for e in s.entries if is_remote(e) and e.mode != "off"]
        known = {e.name: e.policy for s in in_force for e in s.entries if is_remote(e)}
        self._same = {e.name for e in self._remote if known.get(e.name) == e.policy}
        self._guard = Guard(
            [replace(s, entries=tuple(e for e in s.entries if not is_remote(e))) for s in sets]
        )

    async def judge(self, text: RecordedText) -> Renewed:
        """Every verdict on a text, also behind a block."""
        if text.newest:
            screening = await self._guard.inspect_turns(text.conversation)
        else:
            screening = await self._guard.inspect(
                text.screening.original, text.stage, text.conversation, text.role
            )
        remote = [entry for entry in self._remote if text.stage in entry.stages]
        recorded = {
            v.policy: v
            for v in text.screening.verdicts
            if v.policy in self._same and v.action != "error"
        }
        kept = [_again(recorded[e.name], e) for e in remote if e.name in recorded]
        silent = [e.name for e in remote if e.name not in recorded and e.mode == "enforce"]
        screening = _with(screening, kept)
        return Renewed(screening, tuple(silent) if screening.passed else ())


def is_remote(entry: PolicyEntry) -> bool:
    """Whether a policy asks another server."""
    return bool(getattr(entry.policy, "remote", False))


def _exchanged(sets: tuple[PolicySet, ...], name: str, trial: PolicySet) -> tuple[PolicySet, ...]:
    return tuple(replace(trial, name=name) if s.name == name else s for s in sets)


def _again(verdict: Verdict, entry: PolicyEntry) -> Verdict:
    """What was found then, with what now follows from it."""
    action = entry.on_fail if verdict.findings else "pass"
    return replace(verdict, action=action, enforced=entry.mode == "enforce", withheld=False)


def _with(screening: Screening, more: Sequence[Verdict]) -> Screening:
    """A screening with verdicts added to it."""
    if not more:
        return screening
    verdicts = (*screening.verdicts, *more)
    blocking = (v for v in more if v.enforced and v.action == "block")
    redactions = [f for v in verdicts if v.enforced and v.action == "redact" for f in v.findings]
    return Screening(
        original=screening.original,
        shown=redacted(screening.original, redactions),
        verdicts=verdicts,
        blocked_by=screening.blocked_by or next(blocking, None),
    )
