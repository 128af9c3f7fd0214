"""Browsers that ask without end and never read an answer: what the gateway itself would say to them has a bound."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from support.gateway import MANY_DIALS, Gateway, gateway
from support.programs import eventually
from support.raw_browser import PING, RawBrowser, header, raw_browser
from support.rfb_client import messages
from support.scripted_server import Connection, ScriptedServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

BELL = b"\x02"
MASK = bytes(4)
GROWTH = 8 * 1024 * 1024
MOST = 20 * 1024 * 1024  # bytes that are sent if nobody ends it

PINGS = (header(PING, 125, masked=True) + MASK + bytes(125)) * 50
FENCES = messages.fence(0x80000001, bytes(64)) * 50
"""Questions: each has an answer of the same length."""


@dataclass(slots=True)
class Machine:
    """Offers fences to its first client and leaves; afterwards it offers none, or serves nobody."""

    serves_again: bool
    server: ScriptedServer = field(init=False)

    def __post_init__(self) -> None:
        self.server = ScriptedServer(self._serve)

    async def _serve(self, connection: Connection) -> None:
        if self.server.connections > 1 and not self.serves_again:
            return
        await connection.handshake()
        if self.server.connections == 1:
            await connection.send(struct.pack(">B3xIB", 248, 0x80000001, 1) + b"x" + BELL)
            await connection.exactly(1)
            return
        while await connection.reader.read(65536):
            pass


@dataclass(frozen=True, slots=True)
class House:
    gateway: Gateway
    away: Machine
    other: Machine

    @contextlib.asynccontextmanager
    async def opened(self, console: str) -> AsyncIterator[RawBrowser]:
        """A browser with little room for answers, in an open session."""
        target = await self.gateway.target(console)
        async with raw_browser(self.gateway.port, target, receive_buffer=4096) as browser:
            await browser.handshake()
            assert (await browser.read(11))[-1:] == BELL
            yield browser

    async def flooded(self, browser: RawBrowser, data: bytes) -> int:
        """Send `data` again and again and read nothing, until it is not taken any more: how much memory it cost."""
        before, sent = self.gateway.process.rss(), 0
        with contextlib.suppress(TimeoutError, ConnectionError):
            while sent < MOST:
                await asyncio.wait_for(browser.write(data), 2)
                sent += len(data)
        return self.gateway.process.rss() - before


def frame(payload: bytes) -> bytes:
    return header(2, len(payload), masked=True) + MASK + payload


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(module_artifacts: Path) -> AsyncIterator[House]:
    away, other = Machine(serves_again=False), Machine(serves_again=True)
    async with away.server.running() as first, other.server.running() as second:
        consoles = {"away": first.url, "other": second.url}
        async with gateway(consoles, logs=module_artifacts, provider=MANY_DIALS) as running:
            yield House(running, away, other)


async def test_pings_without_end(house: House) -> None:
    async with house.opened("other") as browser:
        assert await house.flooded(browser, PINGS) < GROWTH


async def test_questions_while_there_is_no_machine(house: House) -> None:
    """The gateway answers fences itself as long as it looks for a new connection."""
    async with house.opened("away") as browser:
        await browser.send(messages.update_request(0, 0, 9, 9, incremental=True))
        await eventually(lambda: house.away.server.connections > 1, what="the loss of the machine")
        assert await house.flooded(browser, frame(FENCES)) < GROWTH


async def test_questions_to_a_machine_that_does_not_know_them(house: House) -> None:
    """Nor did the one before it end them: the gateway answers for this one, too."""
    house.other.server.connections = 0
    async with house.opened("other") as browser:
        await browser.send(messages.update_request(0, 0, 9, 9, incremental=True))
        await eventually(lambda: house.other.server.connections > 1, what="the second connection")
        assert await house.flooded(browser, frame(FENCES)) < GROWTH
