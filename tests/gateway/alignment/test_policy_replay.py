"""A policy set run over a ledger: what would change, and what can't be said."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.alignment.policy_replay import replay
from gateway.alignment.policy_trial import Lineup
from gateway.alignment.recorded_texts import Votes
from gateway.alignment.replay_report import ReplayReport
from gateway.guard import Guard
from gateway.ledger.history import open_history
from gateway.ledger.schema import upgrade
from gateway.ledger.sql import SqlLedger
from gateway.policy_sets import PolicySet
from gateway.types import Exchange, FeedbackEvent, Verdict
from tests.gateway.alignment.recordings import policy_set, recorded, words
from tests.gateway.alignment.test_policy_trial import remote
from tests.gateway.ledger.exchanges import vote

TURNS = ["Where is my parcel?"]
RUDE = "You idiot."


@pytest.fixture
def before(tmp_path: Path) -> PolicySet:
    return policy_set(tmp_path, words("rude", "idiot", stages="[input, output]"))


async def replayed(
    folder: Path,
    exchanges: Sequence[Exchange],
    in_force: Lineup | PolicySet,
    trial: PolicySet,
    votes: Sequence[FeedbackEvent] = (),
) -> ReplayReport:
    """The report over a ledger that holds these exchanges."""
    url = f"sqlite:///{folder}/winnow.db"
    upgrade(url)
    async with SqlLedger(url) as ledger:
        for exchange in exchanges:
            await ledger.record(exchange)
        for event in votes:
            await ledger.add_feedback(event)
    lineup = in_force if isinstance(in_force, Lineup) else Lineup((in_force,))
    on_trial = lineup.with_trial(trial, lineup.place_of(trial, None))
    seen: list[int] = []
    with open_history(url) as history:
        report = await replay(history, lineup, on_trial, lambda done, _: seen.append(done))
    assert seen == list(range(1, len(exchanges) + 1))
    return report


def outcomes(report: ReplayReport) -> dict[tuple[str, str], int]:
    return {(o.before, o.after): o.texts for o in report.outcomes}


def endings(report: ReplayReport) -> dict[str, int]:
    return {e.ending: e.exchanges for e in report.endings}


async def test_the_set_that_judged_changes_nothing(tmp_path: Path, before: PolicySet):
    """Whatever became of the exchanges then."""
    exchanges = [
        await recorded([before], TURNS, ["Fine.", RUDE], number=1),
        await recorded([before], TURNS, [RUDE], number=2),
        await recorded([before], [RUDE], number=3),
    ]
    report = await replayed(tmp_path, exchanges, before, before)
    assert outcomes(report) == {("passed", "passed"): 3, ("blocked", "blocked"): 3}
    assert endings(report) == {}
    assert [set(policy.texts) for policy in report.policies] == [{"unchanged"}]
    assert (report.exchanges, report.texts, report.other_policies) == (3, 6, 0)
    assert report.newly_blocked == 0


async def test_what_is_newly_blocked_is_counted_with_the_votes_on_it(
    tmp_path: Path, before: PolicySet
):
    """Thumbs up on an answer that would be blocked are false alarms foretold."""
    exchanges = [
        await recorded([before], TURNS, ["Dear customer!", "No."], number=n) for n in range(4)
    ]
    votes = [vote(e, rating=1 if n else -1) for n, e in enumerate(exchanges)]
    trial = policy_set(tmp_path, words("rude", "idiot", "dear customer"))
    report = await replayed(tmp_path, exchanges, before, trial, votes)
    (rude,) = report.policies
    assert rude.texts["newly_blocked"] == 4
    assert rude.votes["newly_blocked"] == Votes(up=3, down=1)
    assert outcomes(report)["passed", "blocked"] == report.newly_blocked == 4
    (example,) = rude.examples["newly_blocked"]  # of one text that came four times, one
    assert (example.exchange_id, example.stage, example.index) == (exchanges[0].id, "output", 0)
    assert example.excerpt == "Dear customer!"
    (without,) = report.without_texts().policies
    assert without.examples["newly_blocked"][0].excerpt is None


async def test_what_is_newly_let_through_is_counted_with_the_votes_on_its_template(
    tmp_path: Path, before: PolicySet
):
    """A thumb down on a template speaks for the change."""
    refused = await recorded([before], [RUDE], number=1)
    unanswered = await recorded([before], TURNS, [RUDE], number=2)
    votes = [vote(refused, rating=-1), vote(unanswered, rating=-1)]
    trial = policy_set(tmp_path, words("rude", "moron"))
    report = await replayed(tmp_path, [refused, unanswered], before, trial, votes)
    assert report.policies[0].texts["newly_passed"] == 2
    assert report.policies[0].votes["newly_passed"] == Votes(down=2)
    assert endings(report) == {"goes_to_the_model": 1, "answered_after_all": 1}


async def test_exchanges_that_would_end_otherwise_are_told_by_how(tmp_path: Path):
    """For the customer it is all the same which policy it was."""
    before = policy_set(tmp_path, words("w", "nothing"))
    exchanges = [
        await recorded([before], ["You moron"], ["Fine."], number=1),
        await recorded([before], TURNS, ["Moron.", "moron!"], number=2),
        await recorded([before], TURNS, ["Moron.", "Fine."], number=3),
        await recorded([before], TURNS, ["It is Bob."], number=4),
        await recorded([before], TURNS, ["Fine.", "Moron."], number=5),
    ]
    trial = policy_set(
        tmp_path,
        words("w", "moron", stages="[input, output]"),
        words("name", "Bob", on_fail="redact"),
    )
    report = await replayed(tmp_path, exchanges, before, trial)
    assert endings(report) == {
        "refused_input": 1,
        "no_survivor": 1,
        "another_answer": 1,
        "other_redactions": 1,
    }
    assert {e.ending: list(e.examples) for e in report.endings}["no_survivor"] == [exchanges[1].id]


async def test_a_turn_that_is_sent_along_again_is_judged_once(tmp_path: Path, before: PolicySet):
    """A long conversation does not count its first message many times; its last always counts."""
    exchanges = [
        await recorded([before], ["One", "Yes", "Two", "Yes", "Three"][: 2 * n + 1], number=n)
        for n in range(3)
    ]
    again = replace(exchanges[2], id="exchange-again")
    report = await replayed(tmp_path, [*exchanges, again], before, before)
    # One; Yes, Two; Three (the second Yes is known); Three.
    assert report.texts == 5


async def test_what_cannot_be_compared_is_named(tmp_path: Path, before: PolicySet):
    """Never guessed: other servers, other sets, sets that are gone, texts that nobody judged."""
    lineup = Lineup((before,))
    trial = policy_set(tmp_path, words("rude", "idiot"), remote())
    other = policy_set(tmp_path, words("old", "x"), name="old")
    ended = replace(await recorded([before], TURNS, number=2), input_screenings=(), choices=())
    exchanges = [
        await recorded([before], TURNS, ["Fine."], number=1),
        ended,
        await recorded([other], TURNS, ["Fine."], number=3),
        await recorded([before], TURNS, ["Fine."], number=4, added=("gone",)),
    ]
    report = await replayed(tmp_path, exchanges, lineup, trial)
    assert report.not_asked == ["remote"]
    assert report.undecided == {"remote": 3}
    assert report.unjudged == 1
    assert report.other_policies == 1
    assert report.missing_sets == {"gone": 1}
    assert outcomes(report) == {("passed", "passed"): 3}  # the messages; the answers are undecided
    assert endings(report) == {}


async def test_what_a_server_said_under_other_policies_stands_for_nothing(
    tmp_path: Path, before: PolicySet
):
    """A file that was edited in place looks like the config's; only the digest tells."""
    edited = policy_set(tmp_path, words("rude", "idiot"), remote())
    exchange = await recorded([before], TURNS, ["Fine."])
    [candidate] = exchange.candidates
    assert candidate.screening is not None
    passed = Verdict("remote", "output", "pass", enforced=True)
    screening = replace(candidate.screening, verdicts=(*candidate.screening.verdicts, passed))
    then = replace(exchange, candidates=(replace(candidate, screening=screening),))
    now = replace(then, id="exchange-now", policy_digest=Guard([edited]).digest)
    report = await replayed(tmp_path, [then, now], edited, edited)
    assert report.other_policies == 1
    assert report.undecided == {"remote": 1}


async def test_an_exchange_is_judged_by_the_sets_that_it_had_added(
    tmp_path: Path, before: PolicySet
):
    """A set on trial in place of an optional one changes nothing for the others."""
    optional = policy_set(tmp_path, words("shop", "acme"), name="shop")
    exchanges = [
        await recorded([before, optional], TURNS, ["Acme."], number=1, added=("shop",)),
        await recorded([before], TURNS, ["Acme."], number=2),
    ]
    trial = policy_set(tmp_path, words("shop", "other"), name="shop")
    report = await replayed(tmp_path, exchanges, Lineup((before,), (optional,)), trial)
    assert report.other_policies == 0
    assert outcomes(report)["blocked", "passed"] == 1
    assert endings(report) == {"answered_after_all": 1}
