"""Logging: to standard error, and a trouble that goes on is not told at every request."""

import logging
import time
import traceback
from collections.abc import Callable
from copy import copy

from rich.console import Console
from rich.logging import RichHandler

_REPEAT_AFTER_S = 10.0
_REMEMBERED = 256


def configure_logging(level: int = logging.WARNING) -> None:
    """Log from `level` on. Called once a process, before anything is served."""
    handler = _Handler(console=Console(stderr=True), show_path=False)
    handler.addFilter(Repeats())
    logging.basicConfig(level=level, format="%(message)s", handlers=[handler])


class _Handler(RichHandler):
    def emit(self, record: logging.LogRecord) -> None:
        super().emit(without_traceback(record))


def without_traceback(record: logging.LogRecord) -> logging.LogRecord:
    """The record with an exception's class and place in the stead of its message and traceback.

    A message can quote what a customer wrote, and logs are read by many.
    """
    shown = copy(record)
    message = record.getMessage()
    if message.startswith("Traceback "):  # how a server passes on what its application raised
        message = message.strip().rpartition("\n")[2].partition(":")[0]
    if record.exc_info and (error := record.exc_info[1]) is not None:
        frames = traceback.extract_tb(error.__traceback__)[-3:]
        places = " > ".join(f"{frame.filename}:{frame.lineno}" for frame in frames)
        message = f"{message.strip()}: {type(error).__name__} at {places}"
    shown.msg, shown.args, shown.exc_info, shown.exc_text = message, (), None, None
    return shown


class Repeats(logging.Filter):
    """Lets a message through once in `_REPEAT_AFTER_S` seconds.

    An outage fails every request in the same way: one line says so as well as a thousand.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self.last_told: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        message, now = record.getMessage(), self._clock()
        if now - self.last_told.get(message, -_REPEAT_AFTER_S) < _REPEAT_AFTER_S:
            return False
        if len(self.last_told) >= _REMEMBERED:
            self.last_told.clear()
        self.last_told[message] = now
        return True
