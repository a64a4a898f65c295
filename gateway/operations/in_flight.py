"""Counts what is under way, so that nothing is closed underneath it."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager


class InFlight:
    """How many requests are being answered."""

    def __init__(self) -> None:
        self._count = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @contextmanager
    def one(self) -> Generator[None]:
        """Around one request."""
        self._count += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._count -= 1
            if not self._count:
                self._idle.set()

    async def drained(self, timeout_s: float) -> bool:
        """Whether all that is under way ended within `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True
