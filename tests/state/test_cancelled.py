"""Who is cancelled while Redis is asked stops asking, whenever it comes: sessions end by being cancelled."""

import asyncio
import time
from contextlib import aclosing
from pathlib import Path

import pytest
from support.components import needs
from support.servers.redis import redis_server

from gateway.config.state import address
from gateway.state.redis import connected

pytestmark = needs("redis")


@pytest.mark.parametrize("what", ["a call", "news"])
async def test_a_cancellation_is_never_lost(artifacts: Path, what: str):
    async with redis_server(artifacts) as server, connected(address(server.url), "vg:", "replica") as state:

        async def ask() -> None:
            while what == "a call":
                await state.sessions()
            async with aclosing(state.news()) as each:
                async for _ in each:
                    pass

        began = time.monotonic()
        for turns in range(60):
            asking = asyncio.create_task(ask())
            for _ in range(turns):
                await asyncio.sleep(0)
            asking.cancel()
            assert (await asyncio.wait([asking], timeout=10))[0], f"after {turns} turns of the loop"
        assert time.monotonic() - began < 30
