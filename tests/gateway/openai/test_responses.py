"""What a response says of an exchange."""

from dataclasses import replace

from gateway.openai.responses import overhead_ms
from tests.gateway.ledger.exchanges import exchange


def test_our_own_time_has_no_waits_in_it():
    """Pruning waits for the reward model."""
    waits = {"sampling": 50.0, "reward": 10.0, "pruning": 20.0, "handoff": 5.0, "commit": 5.0}
    timings = {"total": 100.0, "guard_input": 6.0, "guard_output": 4.0, **waits}
    assert overhead_ms(replace(exchange(), timings_ms=timings)) == 10.0
