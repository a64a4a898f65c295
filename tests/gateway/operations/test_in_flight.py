"""Nothing is closed underneath what is under way."""

import asyncio

import pytest

from gateway.operations.in_flight import InFlight


async def test_drained_waits_for_all_that_is_under_way():
    """Two at once: the last one counts."""
    in_flight, release = InFlight(), asyncio.Event()

    async def request() -> None:
        with in_flight.one():
            await release.wait()

    assert await in_flight.drained(0)
    async with asyncio.TaskGroup() as requests:
        for _ in range(2):
            requests.create_task(request())
        await asyncio.sleep(0)
        assert not await in_flight.drained(0.01)
        release.set()
        assert await in_flight.drained(5)


async def test_a_request_that_fails_is_over():
    """An exception must not leave the count up for ever."""
    in_flight = InFlight()
    with pytest.raises(ValueError, match="broken"), in_flight.one():
        raise ValueError("broken")
    assert await in_flight.drained(0)
