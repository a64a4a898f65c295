"""Several reward models as one: how their scores are combined, and what happens if one fails."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.errors import ConfigurationError
from gateway.plugins import build_plugin
from gateway.protocols import RewardFailure, RewardModel
from gateway.types import Conversation, Message
from reward_filters.ensemble import Ensemble, Member
from reward_filters.heuristics import Heuristics

QUESTION = Conversation((Message("user", "Where is my parcel?"),))
SCORES = st.lists(st.floats(-100, 100), min_size=2, max_size=2)


@dataclass
class Stated:
    """Gives the scores that it was made with, or fails; meets others at a barrier, if any."""

    scores: Sequence[float] = ()
    failure: Exception | None = None
    meeting: asyncio.Barrier | None = None
    log: list[str] = field(default_factory=list[str])

    @property
    def revision(self) -> str:
        return "stated-1"

    async def __aenter__(self) -> Self:
        self.log.append("opened")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.log.append("closed")

    async def score(self, conversation: Conversation, answers: Sequence[str]) -> Sequence[float]:  # noqa: ARG002 - the protocol's
        if self.failure is not None:
            raise self.failure
        if self.meeting is not None:
            await self.meeting.wait()
        return self.scores


async def combined(*members: Member, answers: int = 1, **options: Any) -> Sequence[float]:
    async with Ensemble(members, **options) as ensemble:
        return await ensemble.score(QUESTION, ["x"] * answers)


async def test_the_mean_is_weighted():
    """The default."""
    members = (Member(Stated([1.0, 0.0])), Member(Stated([5.0, 0.0]), weight=3))
    assert await combined(*members, answers=2) == pytest.approx([4, 0])


async def test_the_worst_is_the_least_of_the_rescaled_scores():
    """By the raw ones the other member would be the least, always."""
    coarse = Member(Stated([110.0, 90.0]), center=100, scale=10)
    fine = Member(Stated([0.5, 2.0]))
    assert await combined(coarse, fine, answers=2, combine="worst") == pytest.approx([0.5, -1])


async def test_the_pessimistic_score_falls_where_members_disagree():
    """Mean less k times variance: 2 - 3 * 1, and 2 where both say so."""
    members = (Member(Stated([1.0, 2.0])), Member(Stated([3.0, 2.0])))
    scores = await combined(*members, answers=2, combine="pessimistic", k=3)
    assert scores == pytest.approx([-1, 2])


@given(st.lists(SCORES, min_size=1, max_size=4), st.floats(0, 10))
async def test_pessimism_never_raises_a_score(scores: list[list[float]], k: float):
    """Worst and pessimistic are at most the mean; all three are the score of a lonely member."""
    members = [Member(Stated(of_one)) for of_one in scores]
    mean = await combined(*members, answers=2)
    for combine in ("worst", "pessimistic"):
        careful = await combined(*members, answers=2, combine=combine, k=k)
        assert all(c <= m + 1e-9 for c, m in zip(careful, mean, strict=True))
        if len(scores) == 1:
            assert careful == pytest.approx(mean)


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (Stated(failure=RewardFailure("the server answered 503")), "the server answered 503"),
        (Stated(failure=ValueError("Where is my parcel?")), "raised ValueError"),
        (Stated([1.0, 2.0]), "no finite score per answer"),
        (Stated([float("nan")]), "no finite score per answer"),
    ],
    ids=["failure", "bug", "too-many", "nan"],
)
async def test_no_member_is_left_out_when_it_fails(broken: Stated, told: str):
    """There is no score then; the message names the member and quotes no text."""
    with pytest.raises(RewardFailure, match=f"member 1 .stated-1. .*{told}") as failure:
        await combined(Member(Heuristics()), Member(broken))
    assert "parcel" not in str(failure.value)


async def test_a_failure_ends_the_others_work():
    """Nobody waits for scores that count no more."""
    alone = asyncio.Barrier(2)
    with pytest.raises(RewardFailure):
        await combined(Member(Stated([1.0], meeting=alone)), Member(Stated(failure=OSError())))
    assert alone.n_waiting == 0


async def test_members_are_asked_at_the_same_time():
    """Each waits for the other to have been asked."""
    meeting = asyncio.Barrier(2)
    members = [Member(Stated([float(i)], meeting=meeting)) for i in range(2)]
    async with asyncio.timeout(5):
        assert await combined(*members) == [0.5]


async def test_members_are_opened_and_closed_with_it():
    """Also those opened before one that could not be."""
    first, second = Stated([1.0]), Stated([2.0])
    await combined(Member(first), Member(second), Member(Heuristics()))
    assert first.log == second.log == ["opened", "closed"]

    class Unopened(Stated):
        async def __aenter__(self) -> Self:
            raise OSError

    with pytest.raises(OSError):
        await combined(Member(first), Member(Unopened()))
    assert first.log == ["opened", "closed"] * 2


def test_a_config_names_the_members():
    """As nested plug-ins; what is no reward model is refused, and so is no member at all."""
    use = "reward_filters.ensemble:Ensemble"
    rules = {"use": "reward_filters.heuristics:Heuristics"}
    options = {"members": [{"model": rules, "scale": 2.0}], "combine": "worst"}
    built = build_plugin(use, options, "reward", RewardModel)
    assert built.revision.startswith("ensemble-worst@")
    rule = {"use": "reward_filters.fixed_n:FixedN"}
    for members in ([], [{"model": rule}], [{"model": rules, "scale": 0}]):
        with pytest.raises(ConfigurationError, match="members"):
            build_plugin(use, {"members": members}, "reward", RewardModel)


def test_misspelt_options_fail_at_start():
    """Those of the ensemble and those of a member."""
    with pytest.raises(ValidationError, match="kombine"):
        Ensemble((Member(Heuristics()),), kombine="mean")  # pyright: ignore[reportCallIssue]
    with pytest.raises(ValidationError, match="weigth"):
        Member(Heuristics(), weigth=2)  # pyright: ignore[reportCallIssue]
