"""Exchanges and feedback for the tests of the ledger and of the exports."""

from datetime import UTC, datetime, timedelta

from gateway.types import (
    Caller,
    Candidate,
    ChatRequest,
    Choice,
    Conversation,
    Exchange,
    FeedbackEvent,
    Message,
    SamplingParameters,
    ScoredCandidate,
    Screening,
    Selection,
    Verdict,
)

START = datetime(2026, 11, 1, 12, tzinfo=UTC)
BLOCK = Verdict(policy="terms", stage="output", action="block", enforced=True)


def candidate(index: int, text: str, reward: float | None) -> ScoredCandidate:
    """A finished candidate that passed its policies."""
    return ScoredCandidate(
        candidate=Candidate(index=index, outcome="finished", text=text, finish_reason="stop"),
        screening=Screening(original=text, shown=text),
        reward=reward,
    )


def blocked(index: int, text: str) -> ScoredCandidate:
    """A finished candidate that a policy blocked."""
    return ScoredCandidate(
        candidate=Candidate(index=index, outcome="finished", text=text, finish_reason="stop"),
        screening=Screening(original=text, shown=text, verdicts=(BLOCK,), blocked_by=BLOCK),
    )


def request(question: str = "Where is my parcel?", *, consent: bool | None = None) -> ChatRequest:
    return ChatRequest(
        model="support",
        conversation=Conversation(
            messages=(Message("user", question),),
            operator_prompt="You answer for a courier service.",
        ),
        sampling=SamplingParameters(max_tokens=64, temperature=0.8),
        consent=consent,
    )


def exchange(
    number: int = 0,
    *,
    candidates: tuple[ScoredCandidate, ...] | None = None,
    shown: int = 0,
    asked: ChatRequest | None = None,
) -> Exchange:
    """An answered exchange of three candidates, best first, in which one was shown."""
    candidates = candidates or (
        candidate(0, f"It arrives tomorrow; order {number}.", 2.0),
        candidate(1, "It may be on its way.", 0.5),
        candidate(2, "No idea.", -1.0),
    )
    probabilities = {c.candidate.index: 1 / len(candidates) for c in candidates if c.eligible}
    return Exchange(
        id=f"exchange-{number:06}",
        created_at=START + timedelta(seconds=number),
        request=asked or request(f"Where is my parcel number {number}?"),
        caller=Caller(key_id="key-1", roles=frozenset({"chat"})),
        outcome="answered",
        policy_digest="digest",
        candidates=candidates,
        choices=(
            Choice(
                index=0,
                text=candidates[shown].shown,
                finish_reason="stop",
                candidate_index=candidates[shown].candidate.index,
                selection=Selection(
                    index=candidates[shown].candidate.index,
                    probability=1 / len(candidates),
                    strategy="soft_best_of_n",
                    probabilities=probabilities,
                    draw=0.25,
                ),
            ),
        ),
        reward_revision="reward-1",
        timings_ms={"total": 812.5},
    )


def vote(about: Exchange, **said: object) -> FeedbackEvent:
    """Feedback on the first choice of an exchange; `id` defaults to one of its own."""
    moment = about.created_at + timedelta(minutes=1)
    values: dict[str, object] = {
        "id": f"event-{about.id}",
        "exchange_id": about.id,
        "choice_index": 0,
        "created_at": moment,
        **said,
    }
    return FeedbackEvent(**values)  # pyright: ignore[reportArgumentType]  # a test's own fields
