"""Browsers on thin lines are never called lost, those that take nothing are (rfb.md §7, "Liveness").

An ordinary run lets time pass twenty times as fast as an ordinary configuration does, so the lines are twenty times as
wide; a long one takes the time that it takes.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from support.chaos.stories import Stories, stories
from support.chaos.trial import CUTS
from support.inprocess import Site, ending, rfb_handshake, site
from support.scripted_server import Connection, Script, ScriptedServer

from gateway.relay import liveness
from gateway.sessions import registry

pytestmark = pytest.mark.asyncio(loop_scope="session")

SCALE = 1 if CUTS else 20
PING = 20 / SCALE
KEEPALIVE = {"browser_ping": PING, "browser_timeout": PING}
STALLED = liveness.STALLED_AFTER / SCALE
MEGABIT, MODEM = 125_000 * SCALE, 8_000 * SCALE  # bytes a second
PICTURE = struct.pack(">BxHHHHHi", 0, 1, 0, 0, 256, 256, 0) + bytes(4 * 256 * 256)
SMALL = 16 * 1024  # bytes of a receive buffer: what the line does not take waits in the gateway's kernel


class Thin:
    """A line of so many bytes a second towards the browser. `carried`: how many it has taken."""

    def __init__(self, port: int, rate: float) -> None:
        self.port = 0
        self.rate = rate
        self.carried = 0
        self._gateway = port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = socket.socket()
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", self._gateway))
        down, up = await asyncio.open_connection(sock=connection, limit=SMALL)
        upwards = asyncio.create_task(_pass(reader, up))
        try:
            due = asyncio.get_running_loop().time()
            while data := await down.read(SMALL):
                self.carried += len(data)
                writer.write(data)
                await writer.drain()
                now = asyncio.get_running_loop().time()
                due = max(due, now) + len(data) / self.rate
                await asyncio.sleep(due - now)
        finally:
            upwards.cancel()
            up.transport.abort()
            writer.transport.abort()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Thin"]:
        tasks = set()

        def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tasks.add(asyncio.create_task(self._serve(reader, writer)))

        server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=SMALL)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await server.wait_closed()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(SMALL):
        writer.write(data)
        await writer.drain()


async def flood(connection: Connection) -> None:
    """Pictures without end, as fast as they are taken."""
    await connection.handshake()
    while True:
        await connection.send(PICTURE)


async def bursts(connection: Connection) -> None:
    """As much as fits into the buffers between here and the browser, then nothing while that trickles away."""
    await connection.handshake()
    while True:
        for _ in range(2):
            await connection.send(PICTURE)
        await asyncio.sleep(5 * PING)


@contextlib.asynccontextmanager
async def watched(script: Script, rate: float) -> AsyncIterator[tuple[Site, Thin, aiohttp.ClientWebSocketResponse]]:
    """A browser behind a thin line, after its handshake."""
    server = ScriptedServer(script)
    async with (
        server.running(),
        site({"vm": server.url}, keepalive=KEEPALIVE) as running,
        Thin(running.gateway.public_port, rate).running() as line,
    ):
        url = f"http://127.0.0.1:{line.port}/ws/lab/vm"
        ws = await running.http.ws_connect(url, protocols=["binary"], max_msg_size=0)
        await rfb_handshake(ws)
        yield running, line, ws


async def reads_on(script: Script, rate: float) -> None:
    """Take what the line carries, for ten pings."""
    async with watched(script, rate) as (running, line, ws):
        reading = asyncio.create_task(ending(ws, within=20 * PING))
        carried = line.carried
        await asyncio.sleep(10 * PING)
        assert await running.metric("vnc_gateway_endings_total", reason="browser_lost") == 0
        assert await running.metric("vnc_gateway_sessions") == 1
        assert line.carried > carried
        reading.cancel()


async def takes_nothing() -> float:
    """Stop taking anything: after how long that is an end."""
    async with watched(flood, MEGABIT) as (running, line, _):
        line.rate = 1e-3  # the next bytes take for ever
        began = asyncio.get_running_loop().time()
        async with asyncio.timeout(4 * STALLED):
            while await running.metric("vnc_gateway_endings_total", reason="browser_lost") < 1:
                await asyncio.sleep(PING / 20)
        return asyncio.get_running_loop().time() - began


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def told() -> AsyncIterator[Stories]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "TICK", registry.TICK / SCALE)
        patch.setattr(liveness, "STALLED_AFTER", STALLED)
        async with stories() as telling:
            for rate in (MEGABIT, MODEM):
                for script in (flood, bursts):
                    telling.begin(f"{script.__name__} {rate}", reads_on(script, rate))
            telling.begin("nothing", takes_nothing())
            yield telling


@pytest.mark.parametrize("rate", [MEGABIT, MODEM], ids=["1-mbit", "64-kbit"])
@pytest.mark.parametrize("script", [flood, bursts], ids=["flood", "bursts"])
async def test_a_browser_that_takes_what_its_line_carries_is_never_lost(
    told: Stories, script: Script, rate: float
) -> None:
    await told.end(f"{script.__name__} {rate}")


async def test_a_browser_that_takes_nothing_is_lost_in_time(told: Stories) -> None:
    assert await told.end("nothing") >= STALLED - PING
