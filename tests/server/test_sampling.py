"""What the model's server sees of a race: a real socket, and a server that writes a log."""

import time
from pathlib import Path

from gateway.upstreams.scripted import Line
from tests.server.conftest import GOOD, running

LONG = Line("and so on " * 400, pace_s=0.01)
FIRST = {"use": "reward_filters.threshold:Threshold", "p_ok": 0.0, "at_once": 4}


def test_losers_stop_at_once_and_their_tokens_are_known(tmp_path: Path):
    """The log of the server: one call answered, three aborted, none that went on to its end."""
    script = [Line(GOOD), LONG, LONG, LONG]
    with running(tmp_path, script, candidates={"stop_rule": FIRST}) as up:
        body = up.chat().json()
        answered_at = time.monotonic()
        while any(call.ended == "running" for call in up.seen.calls):
            assert time.monotonic() < answered_at + 5
            time.sleep(0.01)
        assert sorted(call.ended for call in up.seen.calls) == ["aborted"] * 3 + ["answered"]
        # The server may have written a few words that nobody read any more.
        told, written = body["winnow"]["candidates"]["completion_tokens"], up.upstream.tokens
        assert told <= written <= told + 60
        assert body["winnow"]["candidates"]["sampled"] == 4


def test_all_answers_of_one_call_come_over_one_connection(tmp_path: Path):
    """Where the upstream is told so: `n` in one body, and each answer with its own tokens."""
    pace = 0.001
    script = [Line("one", pace_s=pace), Line("two words", pace_s=pace), Line("a b c", pace_s=pace)]
    with running(tmp_path, script, together=True, candidates={"n": 3}, reward=None) as up:
        explained = up.chat(winnow={"explain": True}).json()["winnow"]["explain"]["candidates"]
        [call] = up.seen.calls
        assert call.body["n"] == 3
        assert [c["completion_tokens"] for c in explained] == [1, 2, 3]


def test_a_stuck_call_gets_a_spare(tmp_path: Path):
    """The customer waits for the second try, not for the first; the server sees the first leave."""
    usual, stuck = [Line(GOOD)] * 70, Line("never", delay_s=30)
    hedge = {"share": 0.5, "times": 1.0, "least_s": 0.2}
    candidates = {"n": 1, "hedge": hedge}
    with running(tmp_path, [*usual, stuck, Line(GOOD)], candidates=candidates, reward=None) as up:
        for _ in usual:
            up.chat()
        started = time.monotonic()
        assert up.chat().json()["choices"][0]["message"]["content"] == GOOD
        assert time.monotonic() - started < 10
        assert up.seen.aborted == 1
        assert (
            'winnow_candidate_spares_total{model="support"} 1.0' in up.client.get("/metrics").text
        )
