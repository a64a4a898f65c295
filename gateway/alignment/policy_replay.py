"""What a policy set would have said of the texts in the ledger, beside what was said then.

Nothing is guessed: a text without a recorded verdict is counted and left out, and so is the
outcome of one that depends on a policy which is not asked again (see `policy_trial`).
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import sha256

from gateway.alignment.policy_trial import Lineup, Renewed, Trial, is_remote
from gateway.alignment.recorded_texts import RecordedText, recorded_texts, unjudged
from gateway.alignment.replay_report import Counts, Ending, ReplayReport
from gateway.guard import Guard
from gateway.ledger.history import History
from gateway.types import Exchange

Report = Callable[[int, int], None]
"""Told `(exchanges read, exchanges in all)` after each exchange."""

Judged = tuple[RecordedText, Renewed]

_TURNS_REMEMBERED = 50_000
_COMBINATIONS = 64


async def replay(
    history: History, in_force: Lineup, on_trial: Lineup, report: Report
) -> ReplayReport:
    """Judge every recorded text by the sets on trial, which have to be open.

    A turn of a conversation that clients send along again with each message is judged once, with
    the first exchange that has it; the last message of an exchange always is.
    """

    @lru_cache(_COMBINATIONS)
    def trial_of(added: tuple[str, ...], *, same_policies: bool) -> Trial:
        # What another server found under other policies may have been found with other options.
        known = in_force.judging(added) if same_policies else ()
        return Trial(on_trial.judging(added), known)

    @lru_cache(_COMBINATIONS)
    def digest_of(added: tuple[str, ...]) -> str:
        return Guard(in_force.judging(added)).digest

    counts, seen, in_all = Counts(), _Seen(), len(history)
    for exchange, events in history:
        added = exchange.request.policy_sets
        texts = [t for t in recorded_texts(exchange, events) if seen.first_time(exchange, t)]
        same_policies = exchange.policy_digest == digest_of(added)
        trial = trial_of(added, same_policies=same_policies)
        judged = [(text, await trial.judge(text)) for text in texts]
        _count(counts, exchange, judged)
        counts.missing_sets.update(in_force.missing(added))
        counts.other_policies += not same_policies
        report(counts.exchanges, in_all)
    return counts.report([entry.name for entry in on_trial.entries if is_remote(entry)])


def ending(exchange: Exchange, judged: Sequence[Judged]) -> Ending | None:
    """How an exchange would have ended; None for as it did, and where that can't be told."""
    newest = next((renewed.screening for text, renewed in judged if text.newest), None)
    if newest is None or any(renewed.undecided for _, renewed in judged):
        return None
    if exchange.outcome == "blocked_input":
        return "goes_to_the_model" if newest.passed else None
    if exchange.outcome == "answered" and not newest.passed:
        return "refused_input"
    answers = {t.index: (t, renewed) for t, renewed in judged if t.stage == "output"}
    survivors = any(renewed.screening.passed for _, renewed in answers.values())
    if exchange.outcome == "blocked_output":
        return "answered_after_all" if newest.passed and survivors else None
    shown = [answers[c.candidate_index] for c in exchange.choices if c.candidate_index in answers]
    if not all(renewed.screening.passed for _, renewed in shown):
        return "another_answer" if survivors else "no_survivor"
    same = all(renewed.screening.shown == text.screening.shown for text, renewed in shown)
    return None if same else "other_redactions"


def _count(counts: Counts, exchange: Exchange, judged: Sequence[Judged]) -> None:
    counts.exchanges += 1
    counts.unjudged += unjudged(exchange)
    for text, renewed in judged:
        counts.add_verdicts(text, renewed.screening)
        counts.undecided.update(renewed.undecided)
        if not renewed.undecided:
            counts.add_outcome(text, renewed.screening)
    if (otherwise := ending(exchange, judged)) is not None:
        counts.add_ending(otherwise, exchange.id)


class _Seen:
    """The turns judged so far, by their hashes, the last ones of very many."""

    def __init__(self) -> None:
        self._keys: OrderedDict[bytes, None] = OrderedDict()

    def first_time(self, exchange: Exchange, text: RecordedText) -> bool:
        """Whether a text is new, or has to be judged whether it is new or not."""
        turn = (exchange.conversation_id, text.role, text.screening.original)
        key = sha256(repr(turn).encode("utf-8", "surrogatepass")).digest()
        known = key in self._keys
        self._keys[key] = None
        if len(self._keys) > _TURNS_REMEMBERED:
            self._keys.popitem(last=False)
        return text.newest or text.stage == "output" or not known
