"""Pruning: what is compared, and who goes on."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from gateway.protocols import RewardModel
from gateway.pruning import LEAST_CORRELATION, Pruning, beginnings, survivors, why_not
from gateway.types import Candidate, ScoredCandidate, Screening
from reward_filters.best_of_n import BestOfN

PRUNING = Pruning(at_tokens=32, keep=2)


def running(index: int, text: str) -> ScoredCandidate:
    return ScoredCandidate(Candidate(index, "censored", text))


def ended(index: int, text: str) -> ScoredCandidate:
    return ScoredCandidate(Candidate(index, "finished", text), Screening(text, text))


def test_beginnings_are_of_one_length():
    """An answer that has come further, or to its end, is not judged by that."""
    candidates = [running(0, "abcdef"), running(1, "ghij"), ended(2, "klmnopqrst")]
    assert beginnings(candidates) == {0: "abcd", 1: "ghij", 2: "klmn"}


def test_what_has_left_the_race_is_not_compared():
    """Failed draws and blocked answers are out already."""
    failed = ScoredCandidate(Candidate(1, "failed", "half"))
    assert set(beginnings([running(0, "abc"), failed])) == {0}


def test_with_nothing_at_work_there_is_nothing_to_prune():
    """What has ended costs nothing more."""
    assert beginnings([ended(0, "abc")]) == {}


@given(
    st.dictionaries(st.integers(0, 20), st.none() | st.floats(allow_nan=False), max_size=9),
    st.integers(1, 9),
)
def test_the_best_go_on(rewards: dict[int, float | None], keep: int):
    """As many as asked for, none of them worse than one that must stop."""
    kept = survivors(rewards, keep)
    assert len(kept) == min(keep, len(rewards))
    lowest = float("-inf")
    assert (
        min((_or(rewards[i], lowest) for i in kept), default=0.0)
        >= max((_or(rewards[i], lowest) for i in rewards if i not in kept), default=lowest)
        or not kept
    )


def _or(reward: float | None, lowest: float) -> float:
    return lowest if reward is None else reward


@dataclass
class Measured:
    """A reward model that was measured on beginnings."""

    correlation: float | None
    revision: str = "measured"

    async def score(self, conversation: object, answers: object) -> list[float]:
        raise AssertionError((conversation, answers))

    def prefix_correlation(self, tokens: int) -> float | None:
        return self.correlation if tokens >= 32 else None


def test_pruning_is_allowed_by_a_measurement_and_by_nothing_else():
    """A reward model that can't judge beginnings would throw away the best answers."""
    assert why_not(PRUNING, Measured(LEAST_CORRELATION)) is None
    assert "0.59" in (why_not(PRUNING, Measured(0.59)) or "")
    assert "not measured" in (why_not(Pruning(8, 2), Measured(0.9)) or "")
    assert why_not(PRUNING, Measured(None)) is not None
    assert why_not(PRUNING, None) is not None
    unmeasured: RewardModel = BestOfN()  # pyright: ignore[reportAssignmentType]
    assert "nobody measured" in (why_not(PRUNING, unmeasured) or "")
