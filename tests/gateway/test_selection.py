"""Choosing: different eligible candidates, and a stated order when nobody scored."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from gateway.selection import choose
from gateway.types import Candidate, ScoredCandidate, Screening, Verdict
from reward_filters.soft_best_of_n import SoftBestOfN

BLOCK = Verdict("terms", "output", "block", enforced=True)


def candidate(index: int, reward: float | None, *, blocked: bool = False) -> ScoredCandidate:
    screening = Screening("a", "a", blocked_by=BLOCK if blocked else None)
    return ScoredCandidate(Candidate(index, "finished", text="a"), screening, reward)


@given(
    candidates=st.lists(st.tuples(st.none() | st.floats(-9, 9), st.booleans()), max_size=8),
    n=st.integers(1, 5),
)
def test_picks_are_different_and_eligible_and_as_many_as_there_are(
    candidates: list[tuple[float | None, bool]], n: int
):
    """A blocked candidate is never chosen, and none is chosen twice."""
    pool = [candidate(i, reward, blocked=b) for i, (reward, b) in enumerate(candidates)]
    eligible = {c.candidate.index for c in pool if c.eligible}
    picks = [p.index for p in choose(pool, n, SoftBestOfN(), Random(0))]
    assert len(picks) == min(n, len(eligible))
    assert len(set(picks)) == len(picks)
    assert set(picks) <= eligible


def test_without_rewards_the_first_candidate_is_taken_for_certain():
    """A failed reward model degrades to a stated order, never to chance."""
    (pick,) = choose([candidate(2, None), candidate(1, None)], 1, SoftBestOfN(), Random(0))
    assert (pick.index, pick.probability, pick.strategy) == (1, 1.0, "unscored-in-order")


def test_a_score_that_others_lack_decides_nothing():
    """Half a failure is a failure: the one that got a score may be the worst."""
    (pick,) = choose([candidate(0, None), candidate(1, -9.0)], 1, SoftBestOfN(), Random(0))
    assert (pick.index, pick.strategy) == (0, "unscored-in-order")
