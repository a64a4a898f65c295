"""Metrics: what is counted of an exchange."""

from dataclasses import replace
from datetime import UTC, datetime

from gateway.operations.metrics import Metrics
from gateway.types import (
    Caller,
    Candidate,
    ChatRequest,
    Conversation,
    Exchange,
    Message,
    SamplingParameters,
    ScoredCandidate,
    Screening,
    Verdict,
)

BLOCK = Verdict("terms", "output", "block", enforced=True)
EXCHANGE = Exchange(
    id="x",
    created_at=datetime.now(UTC),
    request=ChatRequest(
        "support", Conversation((Message("user", "my secret"),)), SamplingParameters(max_tokens=8)
    ),
    caller=Caller("k1", frozenset({"chat"})),
    outcome="answered",
    policy_digest="d",
    candidates=(
        ScoredCandidate(Candidate(0, "finished", "a", completion_tokens=5), Screening("a", "a")),
        ScoredCandidate(
            Candidate(1, "finished", "b", completion_tokens=7),
            Screening("b", "b", (BLOCK,), blocked_by=BLOCK),
        ),
        ScoredCandidate(Candidate(2, "censored", "c", completion_tokens=2, hedges=1)),
        ScoredCandidate(Candidate(3, "failed")),
    ),
    stopped_by="limit",
)


def test_draws_and_their_tokens_are_counted_by_what_became_of_them():
    """The cost of losers is the cost of best-of-n."""
    metrics = Metrics()
    metrics.observe(EXCHANGE)
    metrics.observe(replace(EXCHANGE, reward_failure="timeout"))
    lines = metrics.rendered().decode().splitlines()
    for line in (
        'winnow_exchanges_total{model="support",outcome="answered"} 2.0',
        'winnow_candidates_total{model="support",outcome="finished"} 4.0',
        'winnow_candidate_tokens_total{model="support",outcome="finished"} 24.0',
        'winnow_candidate_tokens_total{model="support",outcome="censored"} 4.0',
        'winnow_candidates_blocked_total{model="support"} 2.0',
        'winnow_candidate_spares_total{model="support"} 2.0',
        'winnow_sampling_stops_total{model="support",reason="limit"} 2.0',
        'winnow_reward_failures_total{cause="timeout"} 1.0',
    ):
        assert line in lines


def test_a_server_that_counts_backwards_counts_as_nothing():
    """A counter only goes up, and an answer must not fail for its statistics."""
    metrics = Metrics()
    backwards = ScoredCandidate(Candidate(0, "finished", "a", completion_tokens=-5))
    metrics.observe(replace(EXCHANGE, candidates=(backwards,)))
    line = 'winnow_candidate_tokens_total{model="support",outcome="finished"} 0.0'
    assert line in metrics.rendered().decode().splitlines()


def test_no_text_is_among_the_numbers():
    """Labels are names that the operator chose, and outcomes."""
    metrics = Metrics()
    metrics.observe(EXCHANGE)
    assert b"secret" not in metrics.rendered()
