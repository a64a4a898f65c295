"""What is read of the ledger for a fit: every draw with its reward, and no text."""

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.alignment.reward_records import DrawRecord, RewardRecord, reward_records
from gateway.ledger.history import open_history
from gateway.ledger.schema import upgrade
from gateway.ledger.sql import SqlLedger
from gateway.types import Candidate, Exchange, ScoredCandidate, Screening
from tests.gateway.ledger.exchanges import blocked, candidate, exchange


@pytest.fixture
def url(tmp_path: Path) -> str:
    address = f"sqlite:///{tmp_path}/winnow.db"
    upgrade(address)
    return address


async def recorded(
    url: str, *exchanges: Exchange, revision: str | None = None
) -> list[RewardRecord]:
    async with SqlLedger(url) as ledger:
        for one in exchanges:
            await ledger.record(one)
    with open_history(url) as history:
        return list(reward_records(history, revision))


async def test_every_draw_is_told_with_what_became_of_it(url: str):
    """Scored, blocked, cut off: the length is that of the text as it was scored."""
    redacted = replace(
        candidate(0, "Call 0800 123", 1.5), screening=Screening("Call 0800 123", "Call [removed]")
    )
    censored = ScoredCandidate(
        Candidate(2, "censored", text="It is", completion_tokens=2, hedges=1)
    )
    one = exchange(candidates=(redacted, blocked(1, "Go away"), censored))
    [record] = await recorded(url, one)
    assert record == RewardRecord(
        exchange_id=one.id,
        conversation_id=one.conversation_id,
        model="support",
        mode="quality",
        revision="reward-1",
        draws=(
            DrawRecord(0, "finished", len("Call [removed]"), passed=True, reward=1.5),
            DrawRecord(1, "finished", len("Go away"), passed=False),
            DrawRecord(2, "censored", len("It is"), tokens=2, hedges=1),
        ),
    )


async def test_only_the_asked_revision_is_read(url: str):
    """Scores of two revisions can't be compared; an exchange without a reward model has none."""
    renamed = replace(exchange(1), reward_revision="reward-2", reward_degraded=True)
    unscored = replace(exchange(2), reward_revision=None)
    undrawn = replace(exchange(3), candidates=(), choices=(), outcome="blocked_input")
    written = (exchange(0), renamed, unscored, undrawn)
    [record] = await recorded(url, *written, revision="reward-2")
    assert (record.exchange_id, record.degraded) == (renamed.id, True)
    with open_history(url) as history:
        assert [r.revision for r in reward_records(history)] == ["reward-1", "reward-2"]
