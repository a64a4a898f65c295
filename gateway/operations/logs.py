"""Logging: to standard error, with the request's id, and without what customers wrote.

A trouble that goes on is not told at every request.
"""

import logging
import sys
import time
import traceback
from collections.abc import Callable
from contextvars import ContextVar

from rich.console import Console
from rich.logging import RichHandler

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that the running code works for."""

_REPEAT_AFTER_S = 10.0
_REMEMBERED = 256


def configure_logging(level: int = logging.WARNING) -> None:
    """Log from `level` on: in colour to a terminal, a line each to anything else.

    Called once a process, before anything is served.
    """
    handler: logging.Handler = logging.StreamHandler()
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s: "))
    if sys.stderr.isatty():
        handler = RichHandler(console=Console(stderr=True), show_path=False)
        handler.setFormatter(_Formatter())
    handler.addFilter(Repeats())
    logging.basicConfig(level=level, handlers=[handler])


class _Formatter(logging.Formatter):
    """The prefix, what `told` says of the record, and the request under way, if there is one."""

    def __init__(self, prefix: str = "") -> None:
        super().__init__(prefix)
        self._with_time = bool(prefix)

    def format(self, record: logging.LogRecord) -> str:
        if self._with_time:
            record.asctime = self.formatTime(record)
        prefix = self.formatMessage(record) if self._with_time else ""
        request_id = REQUEST_ID.get()
        return prefix + told(record) + (f" (request {request_id})" if request_id else "")


def told(record: logging.LogRecord) -> str:
    """The record's message; an exception gives its class and its places in the code.

    What an exception itself says can quote what a customer wrote, and logs are read by many.
    """
    message = record.getMessage()
    if message.startswith("Traceback "):  # how a server passes on what its application raised
        message = message.strip().rpartition("\n")[2].partition(":")[0]
    if record.exc_info and (error := record.exc_info[1]) is not None:
        frames = traceback.extract_tb(error.__traceback__)[-3:]
        places = " > ".join(f"{frame.filename}:{frame.lineno}" for frame in frames)
        message = f"{message.strip()}: {type(error).__name__} at {places}"
    return message


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
