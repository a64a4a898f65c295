"""Candidates to choose among, made up for the tests of the selectors."""

from collections.abc import Sequence

from gateway.types import Candidate, ScoredCandidate, Screening


def scored(rewards: Sequence[float], texts: Sequence[str] | None = None) -> list[ScoredCandidate]:
    """One that passed for each reward; their indices are 0, 3, 6 and so on."""
    answers = texts or ["a"] * len(rewards)
    return [
        ScoredCandidate(
            Candidate(i * 3, "finished", text=answer), Screening(answer, answer), reward
        )
        for i, (reward, answer) in enumerate(zip(rewards, answers, strict=True))
    ]
