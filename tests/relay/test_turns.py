"""One connection that never stops talking does not hold up the others."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from support.gateway import gateway
from support.raw_browser import RawBrowser, raw_browser
from support.rfb_client import messages
from support.scripted_server import Connection, Script, ScriptedServer, idle

FLOOD = messages.pointer(1, 1) * 4000  # the smallest messages cost the most
KEY = messages.key(0x61, down=True)


async def rings_for_each_key(connection: Connection) -> None:
    await connection.handshake()
    while await connection.exactly(len(KEY)):
        await connection.send(b"\x02")


async def rings_without_end(connection: Connection) -> None:
    await connection.handshake()
    while True:
        await connection.send(b"\x02" * 65536)


async def longest_trip(honest: RawBrowser) -> float:
    """Seconds of the slowest of some round trips."""
    trips = []
    for _ in range(10):
        started = time.monotonic()
        await honest.send(KEY)
        assert await honest.read(1, within=60) == b"\x02"
        trips.append(time.monotonic() - started)
    return max(trips)


@contextlib.asynccontextmanager
async def beside(
    artifacts: Path, script: Script, load: Callable[[RawBrowser], Awaitable[None]]
) -> AsyncIterator[RawBrowser]:
    """An honest browser, beside two under `load` whose servers run `script`."""
    async with (
        ScriptedServer(script).running() as odd,
        ScriptedServer(rings_for_each_key).running() as ringing,
        gateway({"odd": odd.url, "ringing": ringing.url}, logs=artifacts) as at,
        contextlib.AsyncExitStack() as stack,
    ):

        async def opened(console: str) -> RawBrowser:
            browser = await stack.enter_async_context(raw_browser(at.port, f"/ws/lab/{console}"))
            await browser.handshake()
            return browser

        honest = await opened("ringing")
        loads = [asyncio.create_task(load(await opened("odd"))) for _ in range(2)]
        await asyncio.sleep(0.5)  # until the kernel's buffers are full
        try:
            yield honest
        finally:
            for task in loads:
                task.cancel()


async def test_browsers_that_flood_leave_others_their_turn(artifacts: Path):
    """Without turns a round trip beside one such browser took ten seconds."""

    async def flood(browser: RawBrowser) -> None:
        while True:
            await browser.send(FLOOD)

    async with beside(artifacts, idle, flood) as honest:
        assert await longest_trip(honest) < 1.0


async def test_servers_that_flood_leave_others_their_turn(artifacts: Path):
    """Without turns a round trip beside them took half a minute."""

    async def listen(browser: RawBrowser) -> None:
        while await browser.reader.read(65536):
            pass

    async with beside(artifacts, rings_without_end, listen) as honest:
        assert await longest_trip(honest) < 3.0
