"""What stop rules are told, made up for their tests."""

from collections.abc import Sequence

from hypothesis import strategies as st

from gateway.protocols import Progress
from gateway.types import Candidate, ScoredCandidate, Screening, Verdict

BLOCK = Verdict("terms", "output", "block", enforced=True)


def finished(
    reward: float | None = None, p_ok: float | None = None, *, index: int = 0, tokens: int = 10
) -> ScoredCandidate:
    """A draw that passed its policies."""
    candidate = Candidate(index, "finished", text="a", completion_tokens=tokens)
    return ScoredCandidate(candidate, Screening("a", "a"), reward, p_ok)


def blocked(index: int = 0, tokens: int = 10) -> ScoredCandidate:
    """A draw that a policy took out of the race."""
    candidate = Candidate(index, "finished", text="a", completion_tokens=tokens)
    return ScoredCandidate(candidate, Screening("a", "a", (BLOCK,), BLOCK))


def failed(index: int = 0) -> ScoredCandidate:
    """A draw that brought nothing."""
    return ScoredCandidate(Candidate(index, "failed", error="upstream_unavailable"))


def progress(
    ended: Sequence[ScoredCandidate] = (),
    *,
    running: int = 0,
    room: int = 4,
    elapsed_ms: float = 0,
    tokens: int | None = None,
) -> Progress:
    """`tokens` are those of the ended draws, if nothing else is said."""
    spent = sum(c.candidate.completion_tokens or 0 for c in ended) if tokens is None else tokens
    return Progress(tuple(ended), running, room, elapsed_ms, spent)


probabilities = st.floats(0, 1)
rewards = st.floats(-1e9, 1e9)
endings = st.one_of(
    st.builds(finished, st.none() | rewards, st.none() | probabilities, tokens=st.integers(0, 500)),
    st.builds(blocked),
    st.builds(failed),
)
"""How a draw may end."""

moments = st.builds(
    Progress,
    st.lists(endings, max_size=8).map(tuple),
    running=st.integers(0, 8),
    room=st.integers(0, 8),
    elapsed_ms=st.floats(0, 1e6),
    tokens=st.integers(0, 10_000),
)
"""Anything that a rule may be told."""
