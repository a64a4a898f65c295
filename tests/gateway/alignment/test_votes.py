"""Votes read from a real ledger: whose counts, and on what."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.alignment.votes import CERTAIN, Vote, Votes, read_votes
from gateway.errors import ConfigurationError
from gateway.ledger.schema import upgrade
from gateway.ledger.sql import SqlLedger
from gateway.types import Candidate, Choice, Exchange, FeedbackEvent, ScoredCandidate, Selection
from tests.gateway.ledger.exchanges import blocked, candidate, exchange, request, vote

REVISION = "reward-1"


@pytest.fixture
def url(tmp_path: Path) -> str:
    address = f"sqlite:///{tmp_path}/winnow.db"
    upgrade(address)
    return address


def unseen(read: int, in_all: int) -> None:
    assert 0 < read <= in_all


def read(
    url: str,
    exchanges: Sequence[Exchange],
    events: Sequence[FeedbackEvent],
    since: datetime | None = None,
) -> Votes:
    asyncio.run(fill(url, exchanges, events))
    return read_votes(url, REVISION, since, unseen)


async def fill(url: str, exchanges: Sequence[Exchange], events: Sequence[FeedbackEvent]) -> None:
    async with SqlLedger(url) as ledger:
        await asyncio.gather(*(ledger.record(e) for e in exchanges))
        for event in events:
            await ledger.add_feedback(event)


def selected(about: Exchange, **changes: object) -> Exchange:
    """The exchange with another selection."""
    choice = about.choices[0]
    assert choice.selection is not None
    selection = replace(choice.selection, **changes)  # pyright: ignore[reportArgumentType]
    return replace(about, choices=(replace(choice, selection=selection),))


def test_a_vote_comes_with_all_that_it_was_chosen_from(url: str):
    """Blocked candidates are none of it, but they were drawn; a spare was not one draw more."""
    spare = ScoredCandidate(Candidate(index=3, outcome="censored", hedges=0))
    drawn = (candidate(0, "a", 2.0), blocked(1, "b"), candidate(2, "c", 0.5), spare)
    about = selected(exchange(candidates=drawn, shown=2), probabilities={0: 0.9, 2: 0.1})
    [found] = read(url, [about], [vote(about, rating=-1)]).by_voter["customer"]
    assert found == Vote(
        about.conversation_id, (2.0, 0.5), (0.9, 0.1), shown=1, good=False, drawn=3
    )


def test_the_last_word_of_each_person_counts(url: str):
    """A retraction takes it back, a majority decides, a tie says nothing."""
    changed, retracted, split, tied = (exchange(n) for n in range(4))
    later = changed.created_at + timedelta(hours=1)
    events = [
        vote(changed, rating=-1, by="a"),
        vote(changed, rating=1, by="a", id="second", created_at=later),
        vote(retracted, rating=1, by="a"),
        vote(retracted, by="a", id="third", created_at=later, retracts=f"event-{retracted.id}"),
        *(vote(split, rating=r, by=b, id=f"split-{b}") for b, r in (("a", 1), ("b", 1), ("c", -1))),
        *(vote(tied, rating=r, by=b, id=f"tied-{b}") for b, r in (("a", 1), ("b", -1))),
    ]
    found = read(url, [changed, retracted, split, tied], events)
    assert [v.good for v in found.by_voter["customer"]] == [True, True]
    assert found.exchanges == 4
    assert not found.left_out


def test_reviewers_and_customers_are_told_apart(url: str):
    """And what was only observed is no vote at all."""
    about, other = exchange(0), exchange(1)
    events = [
        vote(about, rating=1),
        vote(about, rating=-1, source="reviewer", id="r"),
        vote(other, rating=1, source="implicit"),
    ]
    found = read(url, [about, other], events).by_voter
    assert [v.good for v in found["customer"]] == [True]
    assert [v.good for v in found["reviewer"]] == [False]


def pruned(about: Exchange) -> Exchange:
    cut = ScoredCandidate(Candidate(index=3, outcome="censored", text="It"), prefix_reward=-2.0)
    return replace(about, candidates=(*about.candidates, cut))


def unscored(about: Exchange) -> Exchange:
    first, *others = about.candidates
    return replace(about, candidates=(replace(first, reward=None), *others))


def template(about: Exchange) -> Exchange:
    choice = Choice(0, "Sorry.", "content_filter")
    return replace(about, outcome="blocked_output", choices=(choice,))


ABOUT = exchange()
SEVERAL = replace(request(), n_choices=2)


@pytest.mark.parametrize(
    ("about", "reason"),
    [
        (replace(ABOUT, request=request(consent=False)), "consent was withheld"),
        (replace(ABOUT, request=SEVERAL), "the client asked for several answers"),
        (template(ABOUT), "nothing of the model was shown"),
        (replace(ABOUT, reward_degraded=True), "the reward model failed"),
        (replace(ABOUT, reward_revision="reward-0"), "another reward model scored it"),
        (selected(ABOUT, stage="prefix"), "it was chosen by prefixes"),
        (pruned(ABOUT), "it was chosen by prefixes"),
        (replace(ABOUT, stopped_by="threshold"), "sampling was stopped early"),
        (unscored(ABOUT), "an answer has no reward or no probability"),
        (selected(ABOUT, probabilities={0: 1.0}), "an answer has no reward or no probability"),
        (selected(ABOUT, probabilities={0: 1.0, 1: 0.0, 2: 0.0}), CERTAIN),
    ],
)
def test_what_says_nothing_of_the_selection_is_left_out(url: str, about: Exchange, reason: str):
    """And counted by why."""
    found = read(url, [about], [vote(about, rating=1)])
    assert not found.by_voter["customer"]
    assert found.left_out == {reason: 1}


def test_a_single_answer_is_a_choice_of_one(url: str):
    """It was certain, and hid no other."""
    about = exchange(candidates=(candidate(0, "a", 1.0),))
    assert about.choices[0].selection == Selection(0, 1.0, "soft_best_of_n", {0: 1.0}, 0.25)
    [found] = read(url, [replace(about, stopped_by="limit")], [vote(about, rating=1)]).by_voter[
        "customer"
    ]
    assert (found.rewards, found.probabilities) == ((1.0,), (1.0,))


def test_only_the_asked_for_period_is_read(url: str):
    """Its exchanges too are counted from then on; comments alone are no votes."""
    numbered = [exchange(n) for n in range(6)]
    events = [vote(e, rating=1) for e in numbered[:5]] + [vote(numbered[5], comment="Hm.")]
    found = read(url, numbered, events, since=numbered[3].created_at)
    assert found.exchanges == 3
    assert len(found.by_voter["customer"]) == 2
    future = read_votes(url, REVISION, datetime(2030, 1, 1, tzinfo=UTC), unseen)
    assert future == Votes({"customer": [], "reviewer": []}, {}, 0)


def test_a_ledger_that_is_not_there_is_named(tmp_path: Path):
    """Not made."""
    with pytest.raises(ConfigurationError, match=r"none\.db"):
        read_votes(f"sqlite:///{tmp_path}/none.db", REVISION, None, unseen)
    assert not list(tmp_path.iterdir())
