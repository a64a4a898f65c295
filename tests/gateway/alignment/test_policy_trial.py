"""Which sets would judge, and what they say of a recorded text."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from gateway.alignment.policy_trial import Lineup, Renewed, Trial
from gateway.alignment.recorded_texts import RecordedText, recorded_texts
from gateway.errors import ConfigurationError
from gateway.policy_sets import PolicySet
from gateway.types import Finding, Subject
from tests.gateway.alignment.recordings import entry, policy_set, recorded, words


@dataclass(frozen=True)
class Elsewhere:
    """Stands for a policy that asks another server, which finds something in every text."""

    remote: ClassVar[bool] = True

    url: str = "http://127.0.0.1:9"

    async def judge(self, subject: Subject) -> Sequence[Finding]:
        return (Finding(0, len(subject.text), "elsewhere"),)


def remote(options: str = "{}", **keys: str) -> str:
    use = "tests.gateway.alignment.test_policy_trial:Elsewhere"
    return entry("remote", options, use=use, **keys)


async def texts(
    sets: Sequence[PolicySet], turns: Sequence[str], *answers: str
) -> list[RecordedText]:
    return list(recorded_texts(await recorded(sets, turns, answers), ()))


async def on_trial(
    trial: PolicySet, text: RecordedText, in_force: PolicySet | None = None
) -> Renewed:
    return await Trial([trial], [in_force or trial]).judge(text)


def test_a_set_takes_the_place_of_the_one_of_its_name_or_of_the_one_named(tmp_path: Path):
    """Its position stays; where there is none it is added, and a wrong name is an error."""
    first, second, extra, new = (
        policy_set(tmp_path, words("w", name), name=name)
        for name in ("first", "second", "extra", "new")
    )
    lineup = Lineup((first, second), (extra,))

    def digests(trial: PolicySet, in_place_of: str | None, *added: str) -> list[str]:
        placed = lineup.with_trial(trial, lineup.place_of(trial, in_place_of))
        return [s.digest for s in placed.judging(added)]

    assert digests(new, None) == [first.digest, second.digest, new.digest]
    assert digests(new, "first") == [new.digest, second.digest]
    assert digests(first, None) == [first.digest, second.digest]
    assert digests(new, "extra") == [first.digest, second.digest]
    assert digests(new, "extra", "extra", "gone") == [first.digest, second.digest, new.digest]
    assert lineup.missing(("extra", "gone")) == ["gone"]
    with pytest.raises(ConfigurationError, match="'third': there are first, second, extra"):
        lineup.place_of(new, "third")


async def test_every_policy_judges_also_behind_a_block(tmp_path: Path):
    """So that all that a file changes is seen at once."""
    trial = policy_set(tmp_path, words("a", "idiot"), words("b", "idiot"))
    _, answer = await texts([policy_set(tmp_path, words("c", "x"))], ["Hello"], "You idiot.")
    renewed = await on_trial(trial, answer)
    assert [v.action for v in renewed.screening.verdicts] == ["block", "block"]
    assert renewed.screening.blocked_by == renewed.screening.verdicts[0]


async def test_what_is_spread_over_turns_is_found(tmp_path: Path):
    """As in a chat, for the last message."""
    harmless = policy_set(tmp_path, words("w", "x", stages="[input]"))
    *_, last = await texts([harmless], ["please shut", "What?", "up now"])
    trial = policy_set(tmp_path, words("w", "shut up", stages="[input]"))
    renewed = await on_trial(trial, last)
    assert renewed.screening.blocked_by is not None
    assert "several turns" in renewed.screening.blocked_by.detail


async def test_another_server_is_not_asked_and_what_it_found_then_stands(tmp_path: Path):
    """With what follows from it now."""
    before = policy_set(tmp_path, remote(on_fail="flag"))
    _, answer = await texts([before], ["Hello"], "Hello, dear customer.")
    redacting = await on_trial(policy_set(tmp_path, remote(on_fail="redact")), answer)
    assert redacting.screening.shown == "[removed]"
    assert redacting.undecided == ()
    blocking = await on_trial(policy_set(tmp_path, remote()), answer)
    assert not blocking.screening.passed


async def test_without_its_recorded_verdict_the_outcome_is_undecided(tmp_path: Path):
    """Unless something else blocks the text, or the policy could not."""
    before = policy_set(tmp_path, words("w", "x"))
    _, answer = await texts([before], ["Hello"], "You idiot.")
    assert (await on_trial(policy_set(tmp_path, remote()), answer)).undecided == ("remote",)
    shadow = policy_set(tmp_path, remote(mode="shadow"))
    assert (await on_trial(shadow, answer)).undecided == ()
    both = policy_set(tmp_path, words("w", "idiot"), remote())
    renewed = await on_trial(both, answer)
    assert (renewed.undecided, renewed.screening.passed) == ((), False)
    elsewhere = policy_set(tmp_path, remote(stages="[input]"))
    assert (await on_trial(elsewhere, answer)).undecided == ()


async def test_what_another_server_found_stands_only_for_the_same_policy(tmp_path: Path):
    """With other options it might have found something else."""
    before = policy_set(tmp_path, remote(on_fail="flag"))
    _, answer = await texts([before], ["Hello"], "Hello, dear customer.")
    changed = policy_set(tmp_path, remote("{url: 'http://127.0.0.1:10'}"))
    assert (await on_trial(changed, answer, before)).undecided == ("remote",)
    same = policy_set(tmp_path, remote())
    assert not (await on_trial(same, answer, before)).screening.passed
