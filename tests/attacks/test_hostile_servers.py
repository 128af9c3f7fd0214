"""VNC servers that want the gateway's memory or its time: lengths without end, floods, bombs.

Each pours into a session whose browser reads everything. The gateway's memory stays, a neighbour's session goes on
meanwhile, and what a length announced is neither waited for nor believed.
"""

import asyncio
import contextlib
import struct
import zlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from support.gateway import MANY_DIALS, Gateway, gateway
from support.raw_browser import Closed, RawBrowser, raw_browser
from support.rfb_client import messages
from support.rfb_client.wire import Encoding
from support.scripted_server import Connection, ScriptedServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

BELL = b"\x02"
HUGE = 2**31 - 1
POURED = 24 * 1024 * 1024  # six times what a session may hold
PIECE = bytes(64 * 1024)
GROWTH = 12 * 1024 * 1024  # bytes: limits.held, what sockets and the allocator keep, and the picture of a slow machine

MANY_PIECES = 64 * 1024 * 1024  # of one read that is changed at every fourth byte, until it is written

NOT_UNDERSTOOD = Closed(4506, "not_understood")
UPSTREAM_CHANGED = Closed(4504, "upstream_changed")


def update(encoding: int, body: bytes, width: int = 64, height: int = 48) -> bytes:
    return struct.pack(">BxH4Hi", 0, 1, 0, 0, width, height, encoding) + body


def length(value: int) -> bytes:
    return struct.pack(">I", value)


ENDLESS = {
    "zrle of 2 GiB": update(Encoding.ZRLE, length(HUGE)),
    "zrle of 4 GiB": update(Encoding.ZRLE, length(2**32 - 1)),
    "zlib of 2 GiB": update(Encoding.ZLIB, length(HUGE)),
    "rre of 2^32 rectangles": update(Encoding.RRE, length(2**32 - 1) + bytes(4)),
    "corre of 2^32 rectangles": update(Encoding.CORRE, length(2**32 - 1) + bytes(4)),
    "desktop name of 4 GiB": update(Encoding.DESKTOP_NAME, length(2**32 - 1)),
    "cursor of 65535 by 65535": update(Encoding.CURSOR, b"", 65535, 65535),
    "x cursor of 65535 by 65535": update(Encoding.X_CURSOR, bytes(6), 65535, 65535),
    "raw of 65535 by 65535": update(Encoding.RAW, b"", 65535, 65535),
    "hextile of 65535 by 65535": update(Encoding.HEXTILE, b"", 65535, 65535),
}
"""What begins like this goes on for as long as the server likes."""

NO_LENGTH = {
    "cut text of 2 GiB": struct.pack(">B3xi", 3, HUGE),
    "cut text of -2 GiB": struct.pack(">B3xi", 3, -(2**31)),
    "cut text of minus one byte": struct.pack(">B3xi", 3, -1),
    "audio of 4 GiB": struct.pack(">BBHI", 255, 1, 2, 2**32 - 1),
    "fence of 255 bytes": struct.pack(">B3xIB", 248, 0, 255),
}
"""Beyond what any server means: framing is lost."""


def colour_maps() -> Iterator[bytes]:
    """65,535 colours at a time, which a client of true colour has no use for and never gets."""
    whole = struct.pack(">BxHH", 1, 0, 65535) + bytes(6 * 65535)
    for _ in range(POURED // len(whole)):
        yield whole


def bomb() -> Iterator[bytes]:
    """Rectangles of ZRLE, 64 KB each, that unfold to 64 MB each: the gateway never unfolds them."""
    stream = zlib.compressobj(1)
    packed = b"".join(stream.compress(PIECE) for _ in range(1024)) + stream.flush(zlib.Z_FULL_FLUSH)
    head = update(Encoding.ZRLE, length(len(packed)), 65535, 65535)
    again = update(Encoding.ZRLE, length(len(packed) - 2), 65535, 65535) + packed[2:]  # nothing refers back
    yield head + packed
    yield from (again for _ in range(50))


def many_rectangles() -> Iterator[bytes]:
    """Updates of as many empty rectangles as their count can say."""
    whole = struct.pack(">BxH", 0, 65534) + struct.pack(">4Hi", 0, 0, 0, 0, Encoding.RAW) * 65534
    yield from (whole for _ in range(8))


def fences() -> Iterator[bytes]:
    """Questions that nobody answers."""
    whole = (struct.pack(">B3xIB", 248, 0x80000001, 64) + bytes(64)) * 1000
    yield from (whole for _ in range(100))


def sizes() -> Iterator[bytes]:
    """A desktop that changes its size all the time, to the largest there is and back."""
    one = update(Encoding.DESKTOP_SIZE, b"", 65535, 65535) + update(Encoding.DESKTOP_SIZE, b"", 1, 1)
    yield from (one * 500 for _ in range(100))


def empty_updates() -> Iterator[bytes]:
    """Each is given a rectangle, since an update without one stops noVNC."""
    yield from (bytes(4) * 4096 for _ in range(32))


FLOODS = {
    "colour maps": (colour_maps, False),
    "zip bomb": (bomb, True),
    "rectangles": (many_rectangles, True),
    "fences": (fences, True),
    "sizes": (sizes, True),
    "empty updates": (empty_updates, False),
}
"""What is sent, and whether the browser gets it as it is."""


async def pour(connection: Connection, console: str) -> None:
    """Play `console`'s part when the browser asks for its first picture, and close in the middle of it."""
    await connection.handshake()
    await connection.exactly(1)
    if console in FLOODS:
        for piece in FLOODS[console][0]():
            await connection.send(piece)
        await connection.send(BELL)
        await connection.reader.read()
    else:
        await connection.send(ENDLESS.get(console) or NO_LENGTH[console])
        for _ in range(poured(console) // len(PIECE)):
            await connection.send(PIECE)


async def echo(connection: Connection) -> None:
    """The neighbour: a bell for everything that it hears."""
    await connection.handshake()
    while await connection.reader.read(65536):
        await connection.send(BELL)


def poured(what: str) -> int:
    """How much of it is sent. A tile of Hextile may have one byte: all 16 million of them came to an end."""
    return POURED // 4 if "hextile" in what else POURED


def name(what: str) -> str:
    return what.replace(" ", "-").replace("^", "")


@dataclass(frozen=True, slots=True)
class House:
    gateway: Gateway
    neighbour: RawBrowser

    @contextlib.asynccontextmanager
    async def opened(self, what: str) -> AsyncIterator[RawBrowser]:
        async with raw_browser(self.gateway.port, await self.gateway.target(name(what))) as browser:
            assert browser.status == 101
            await browser.handshake()
            await browser.send(messages.update_request(0, 0, 64, 48, incremental=False))
            yield browser

    @contextlib.asynccontextmanager
    async def watched(self, growth: int = GROWTH) -> AsyncIterator[None]:
        """Meanwhile memory grows by less than `growth`, and the neighbour is answered within two seconds."""
        before, highest, over = self.gateway.process.rss(), 0, asyncio.Event()

        async def look() -> None:
            nonlocal highest
            while not over.is_set():
                await self.neighbour.send(messages.key(0x61, down=True))
                assert await self.neighbour.read(1, within=2) == BELL
                highest = max(highest, self.gateway.process.rss())
                await asyncio.sleep(0.01)

        looking = asyncio.create_task(look())
        try:
            yield
        finally:
            over.set()
            await looking
        assert highest - before < growth, f"{highest - before} bytes more memory"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(module_artifacts: Path) -> AsyncIterator[House]:
    async with contextlib.AsyncExitStack() as stack:
        consoles = {"neighbour": (await stack.enter_async_context(ScriptedServer(echo).running())).url}
        for what in (*ENDLESS, *NO_LENGTH, *FLOODS):
            server = ScriptedServer(lambda connection, what=what: pour(connection, what))
            consoles[name(what)] = (await stack.enter_async_context(server.running())).url
        brief = "[reconnect]\nwindow = 0"
        running = await stack.enter_async_context(
            gateway(consoles, logs=module_artifacts, provider=MANY_DIALS, more=brief)
        )
        neighbour = await stack.enter_async_context(raw_browser(running.port, await running.target("neighbour")))
        await neighbour.handshake()
        yield House(running, neighbour)


@pytest.mark.parametrize("what", ENDLESS)
async def test_what_has_no_end_passes_without_being_held(house: House, what: str) -> None:
    """It streams from its first byte; cut off in the middle, nobody can complete it: not Raw either, 17 GB of it."""
    async with house.opened(what) as browser, house.watched():
        begin = ENDLESS[what]
        assert await browser.read(len(begin)) == begin
        count = poured(what) - 64 * 1024
        while count > 0:
            count -= len(await browser.read(min(count, 1024 * 1024)))
        assert await browser.closed(within=20) == UPSTREAM_CHANGED


@pytest.mark.parametrize("what", NO_LENGTH)
async def test_a_length_that_nobody_means_is_lost_framing_at_once(house: House, what: str) -> None:
    async with house.opened(what) as browser, house.watched():
        assert await browser.closed() == NOT_UNDERSTOOD


@pytest.mark.parametrize("what", FLOODS)
async def test_a_flood_drowns_nobody(house: House, what: str) -> None:
    make, passes = FLOODS[what]
    growth = MANY_PIECES if what == "empty updates" else GROWTH
    async with house.opened(what) as browser, house.watched(growth):
        for piece in make() if passes else ():
            assert await browser.read(len(piece), within=30) == piece
        filled = (b"\0\0\0\1" + bytes(12)) * (4096 * 32) if what == "empty updates" else b""
        assert await browser.read(len(filled) + 1, within=30) == filled + BELL
