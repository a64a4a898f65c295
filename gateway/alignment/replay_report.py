"""What a replay of the policies found: counted as it goes, in memory that does not grow with it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from gateway.alignment.recorded_texts import NO_VOTES, RecordedText, Votes
from gateway.alignment.verdict_changes import Change, Effect, Kind, changes, outcome
from gateway.types import Screening

Ending = Literal[
    "refused_input",
    "no_survivor",
    "another_answer",
    "other_redactions",
    "goes_to_the_model",
    "answered_after_all",
]
"""How an exchange would have ended otherwise.

`refused_input`: its message would get a template. `no_survivor`: every candidate is blocked.
`another_answer`: an answer that was shown is blocked, and others are left. `other_redactions`: the
same answer, with other parts removed. `goes_to_the_model`, `answered_after_all`: the message, or
some candidate, that a template stood for is let through.
"""

_EXAMPLES = 3
_AROUND = 30
_LONGEST_EXCERPT = 90


@dataclass(frozen=True, slots=True)
class ChangedText:
    """A text on which a policy's verdict changed. `index` is the message's or the candidate's.

    `excerpt` is what stands around the finding: for the eyes of the operator, and no file.
    """

    exchange_id: str
    stage: str
    index: int
    start: int
    end: int
    votes: Votes
    excerpt: str | None


@dataclass(frozen=True, slots=True)
class PolicyChanges:
    """One policy over all texts: how many changed how, with the votes on them and examples."""

    policy: str
    texts: Mapping[Kind, int]
    votes: Mapping[Kind, Votes]
    examples: Mapping[Kind, Sequence[ChangedText]]


@dataclass(frozen=True, slots=True)
class OutcomeChange:
    """So many texts that had one outcome and would have another, and the votes on them."""

    before: Effect
    after: Effect
    texts: int
    votes: Votes


@dataclass(frozen=True, slots=True)
class EndingChange:
    """So many exchanges that would have ended otherwise, and the ids of the first few."""

    ending: Ending
    exchanges: int
    examples: Sequence[str]


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """The whole comparison.

    `unjudged` texts had no recorded verdict. `undecided` says for each policy that is not asked
    again how many outcomes can't be told without it. `other_policies` exchanges were judged by
    other sets than those in the config now, so that what differs there need not come from the
    set on trial. `missing_sets` had been added by so many exchanges, and are no longer there.
    """

    exchanges: int
    texts: int
    outcomes: Sequence[OutcomeChange]
    policies: Sequence[PolicyChanges]
    endings: Sequence[EndingChange]
    not_asked: Sequence[str]
    undecided: Mapping[str, int]
    unjudged: int
    other_policies: int
    missing_sets: Mapping[str, int]

    @property
    def newly_blocked(self) -> int:
        """How many texts would be blocked that were not."""
        return sum(o.texts for o in self.outcomes if o.after == "blocked" and o.before != "blocked")

    def without_texts(self) -> "ReplayReport":
        """The same with no excerpt in it."""
        policies = [
            replace(
                policy,
                examples={
                    kind: [replace(example, excerpt=None) for example in examples]
                    for kind, examples in policy.examples.items()
                },
            )
            for policy in self.policies
        ]
        return replace(self, policies=policies)


class Counts:
    """Counts what is added to it."""

    def __init__(self) -> None:
        self.exchanges = 0
        self.texts = 0
        self.unjudged = 0
        self.other_policies = 0
        self.undecided: Counter[str] = Counter()
        self.missing_sets: Counter[str] = Counter()
        self._outcomes: Counter[tuple[Effect, Effect]] = Counter()
        self._outcome_votes: dict[tuple[Effect, Effect], Votes] = {}
        self._policies: dict[str, _PolicyCounts] = {}
        self._endings: Counter[Ending] = Counter()
        self._ending_examples: dict[Ending, list[str]] = {}

    def add_verdicts(self, text: RecordedText, renewed: Screening) -> None:
        """The verdicts of the policies that were asked."""
        self.texts += 1
        for change in changes(text.screening, renewed.verdicts):
            counts = self._policies.setdefault(change.policy, _PolicyCounts())
            counts.add(change, text)

    def add_outcome(self, text: RecordedText, renewed: Screening) -> None:
        """What became of a text, where that can be told."""
        key = outcome(text.screening), outcome(renewed)
        self._outcomes[key] += 1
        self._outcome_votes[key] = self._outcome_votes.get(key, NO_VOTES) + text.votes

    def add_ending(self, ending: Ending, exchange_id: str) -> None:
        self._endings[ending] += 1
        examples = self._ending_examples.setdefault(ending, [])
        if len(examples) < _EXAMPLES:
            examples.append(exchange_id)

    def report(self, not_asked: Sequence[str]) -> ReplayReport:
        return ReplayReport(
            exchanges=self.exchanges,
            texts=self.texts,
            outcomes=[
                OutcomeChange(before, after, texts, self._outcome_votes[before, after])
                for (before, after), texts in self._outcomes.most_common()
            ],
            policies=[counts.report(name) for name, counts in self._policies.items()],
            endings=[
                EndingChange(ending, exchanges, self._ending_examples[ending])
                for ending, exchanges in self._endings.most_common()
            ],
            not_asked=not_asked,
            undecided=self.undecided,
            unjudged=self.unjudged,
            other_policies=self.other_policies,
            missing_sets=self.missing_sets,
        )


class _PolicyCounts:
    """Of one policy. As examples the changes are kept that people had most to say about."""

    def __init__(self) -> None:
        self._texts: Counter[Kind] = Counter()
        self._votes: dict[Kind, Votes] = {}
        self._examples: dict[Kind, list[ChangedText]] = {}

    def add(self, change: Change, text: RecordedText) -> None:
        kind = change.kind
        self._texts[kind] += 1
        self._votes[kind] = self._votes.get(kind, NO_VOTES) + text.votes
        if kind in ("unchanged", "unrecorded"):
            return
        examples = self._examples.setdefault(kind, [])
        example = _example(change, text)
        if any(e.excerpt == example.excerpt for e in examples):  # of one answer drawn twice, one
            return
        examples.append(example)
        examples.sort(
            key=lambda example: -(example.votes.up + example.votes.down)
        )  # stable: the first ones stay
        del examples[_EXAMPLES:]

    def report(self, policy: str) -> PolicyChanges:
        return PolicyChanges(policy, self._texts, self._votes, self._examples)


def _example(change: Change, text: RecordedText) -> ChangedText:
    original = text.screening.original
    spans = [(f.start, f.end) for f in change.verdict.findings] or [(0, 0)]
    start, end = spans[0]
    return ChangedText(
        exchange_id=text.exchange_id,
        stage=text.stage,
        index=text.index,
        start=start,
        end=end,
        votes=text.votes,
        excerpt=original[max(start - _AROUND, 0) : end + _AROUND][:_LONGEST_EXCERPT],
    )
