"""An outage is told, and told again after a while, but not at every request."""

import logging
import sys

import pytest

from gateway.operations.logs import REQUEST_ID, Repeats, configure_logging, told


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
    broken = record("it broke")
    try:
        int("the card 4111")
    except ValueError:
        broken.exc_info = sys.exc_info()
    assert told(broken).startswith("it broke: ValueError at ")
    assert "test_logs.py" in told(broken)
    assert "4111" not in told(broken)


def test_a_traceback_in_the_text_is_cut_to_its_class():
    """Servers pass on what their application raised as text."""
    text = "Traceback (most recent call last):\n  File x\nValueError: the card 4111\n"
    assert told(record(text)) == "ValueError"


def test_a_line_names_the_request_it_is_about(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """One line each, where nobody sits at a terminal."""
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    configure_logging()
    token = REQUEST_ID.set("abc-1")
    logging.getLogger("gateway.test").warning("the model's server is down %s", "x" * 200)
    REQUEST_ID.reset(token)
    (line,) = capsys.readouterr().err.splitlines()
    assert "WARNING gateway.test: the model's server is down" in line
    assert line.endswith("(request abc-1)")


def test_what_is_remembered_is_bounded():
    """Messages with a number in them are all different."""
    repeats = Repeats(clock=lambda: 0.0)
    for number in range(10_000):
        repeats.filter(record(f"draw {number} failed"))
    assert len(repeats.last_told) <= 256
