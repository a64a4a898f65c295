"""An outage is told, and told again after a while, but not at every request."""

import logging
import sys

from gateway.operations.logs import Repeats, without_traceback


def record(message: str) -> logging.LogRecord:
    return logging.LogRecord("gateway", logging.WARNING, "", 0, message, None, None)


def test_a_message_comes_through_once_in_ten_seconds():
    """And another message at once."""
    now = 0.0
    repeats = Repeats(clock=lambda: now)
    assert repeats.filter(record("down"))
    assert not repeats.filter(record("down"))
    assert repeats.filter(record("late"))
    now = 10.0
    assert repeats.filter(record("down"))


def test_an_exceptions_message_is_left_out():
    """It can quote what a customer wrote; its class and its place are enough."""
    told = record("it broke")
    try:
        int("the card 4111")
    except ValueError:
        told.exc_info = sys.exc_info()
    shown = without_traceback(told)
    assert shown.getMessage().startswith("it broke: ValueError at ")
    assert "test_logs.py" in shown.getMessage()
    assert shown.exc_info is None


def test_a_traceback_in_the_text_is_cut_to_its_class():
    """Servers pass on what their application raised as text."""
    text = "Traceback (most recent call last):\n  File x\nValueError: the card 4111\n"
    assert without_traceback(record(text)).getMessage() == "ValueError"


def test_what_is_remembered_is_bounded():
    """Messages with a number in them are all different."""
    repeats = Repeats(clock=lambda: 0.0)
    for number in range(10_000):
        repeats.filter(record(f"draw {number} failed"))
    assert len(repeats.last_told) <= 256
