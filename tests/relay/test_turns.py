"""One connection that never stops talking does not hold up the others."""

import asyncio
import contextlib
import time
from pathlib import Path

from support.gateway import gateway
from support.raw_browser import RawBrowser, raw_browser
from support.rfb_client import messages
from support.scripted_server import Connection, ScriptedServer, idle

FLOOD = messages.pointer(1, 1) * 4000  # the smallest messages cost the most
KEY = messages.key(0x61, down=True)


async def rings_for_each_key(connection: Connection) -> None:
    await connection.handshake()
    while await connection.exactly(len(KEY)):
        await connection.send(b"\x02")


async def test_browsers_that_flood_leave_others_their_turn(artifacts: Path):
    """Without turns a round trip beside one such browser took ten seconds."""

    async def flood(browser: RawBrowser) -> None:
        while True:
            await browser.send(FLOOD)

    async with (
        ScriptedServer(idle).running() as quiet,
        ScriptedServer(rings_for_each_key).running() as ringing,
        gateway({"quiet": quiet.url, "ringing": ringing.url}, logs=artifacts) as at,
        contextlib.AsyncExitStack() as stack,
    ):

        async def opened(console: str) -> RawBrowser:
            browser = await stack.enter_async_context(raw_browser(at.port, f"/ws/lab/{console}"))
            await browser.handshake()
            return browser

        honest = await opened("ringing")
        flooding = [asyncio.create_task(flood(await opened("quiet"))) for _ in range(2)]
        try:
            await asyncio.sleep(0.5)  # until the kernel's buffers are full
            trips = []
            for _ in range(20):
                started = time.monotonic()
                await honest.send(KEY)
                assert await asyncio.wait_for(honest.read(1), 30) == b"\x02"
                trips.append(time.monotonic() - started)
        finally:
            for task in flooding:
                task.cancel()
        assert max(trips) < 1.0, f"{[round(trip, 3) for trip in trips]} s"
