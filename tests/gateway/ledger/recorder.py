"""Records exchanges and prints the id of each that was acknowledged; run and killed by a test."""

import asyncio
import sys

from gateway.ledger.sql import SqlLedger
from tests.gateway.ledger.exchanges import exchange


async def record(url: str, first: int) -> None:
    async with SqlLedger(url) as ledger:

        async def one(number: int) -> None:
            await ledger.record(exchange(number))
            print(f"exchange-{number:06}", flush=True)

        for start in range(first, first + 100_000, 16):
            await asyncio.gather(*(one(number) for number in range(start, start + 16)))


asyncio.run(record(sys.argv[1], int(sys.argv[2])))
