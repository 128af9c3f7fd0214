"""Browsers that break the rules: each gets its close code, and none costs the gateway memory or its other sessions."""

import asyncio
import contextlib
import struct
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from support.gateway import MANY_DIALS, Gateway, gateway
from support.programs import LOOPBACK, eventually
from support.raw_browser import BINARY, TEXT, Closed, RawBrowser, header, raw_browser
from support.rfb_client import messages
from support.scripted_server import Connection, ScriptedServer, idle

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROTOCOL_ERROR = Closed(1002, "protocol_error")
NOT_BINARY = Closed(1003, "not_binary")
TOO_BIG = Closed(1009, "too_big")

MASK = bytes(4)
HUNDRED_MEGABYTES = 100 * 1024 * 1024


@dataclass(slots=True)
class Firehose:
    """A VNC server that sends full Raw pictures as fast as they are taken, asked for or not."""

    sent: int = 0
    server: ScriptedServer = field(init=False)

    def __post_init__(self) -> None:
        self.server = ScriptedServer(self._pour)

    async def _pour(self, connection: Connection) -> None:
        await connection.handshake()
        update = struct.pack(">BxH4Hi", 0, 1, 0, 0, 64, 48, 0) + bytes(64 * 48 * 4)
        batch = update * 8
        while True:
            await connection.send(batch)
            self.sent += len(batch)
            await asyncio.sleep(0)


@dataclass(slots=True)
class Listener:
    """A VNC server that keeps what it hears after the handshake."""

    heard: bytearray = field(default_factory=bytearray)
    server: ScriptedServer = field(init=False)

    def __post_init__(self) -> None:
        self.server = ScriptedServer(self._listen)

    async def _listen(self, connection: Connection) -> None:
        await connection.handshake()
        while data := await connection.reader.read(65536):
            self.heard += data


@dataclass(frozen=True, slots=True)
class House:
    """The gateway, and the servers behind its consoles."""

    gateway: Gateway
    firehose: Firehose
    listener: Listener

    @contextlib.asynccontextmanager
    async def browser(self, console: str = "quiet", *, receive_buffer: int = 0) -> AsyncIterator[RawBrowser]:
        """A browser whose upgrade was answered."""
        target = await self.gateway.target(console)
        async with raw_browser(self.gateway.port, target, receive_buffer=receive_buffer) as browser:
            assert browser.status == 101
            yield browser

    @contextlib.asynccontextmanager
    async def opened(self, console: str = "quiet", *, receive_buffer: int = 0) -> AsyncIterator[RawBrowser]:
        """A browser in an open session."""
        async with self.browser(console, receive_buffer=receive_buffer) as browser:
            await browser.handshake()
            yield browser


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(module_artifacts: Path) -> AsyncIterator[House]:
    firehose, listener = Firehose(), Listener()
    async with (
        ScriptedServer(idle).running() as quiet,
        firehose.server.running() as pouring,
        listener.server.running() as hearing,
    ):
        consoles = {"quiet": quiet.url, "honest": quiet.url, "firehose": pouring.url, "listener": hearing.url}
        async with gateway(consoles, logs=module_artifacts, provider=MANY_DIALS) as running:
            yield House(running, firehose, listener)


FRAMES = {
    "text": (header(TEXT, 3, masked=True) + MASK + b"abc", NOT_BINARY),
    "unmasked": (header(BINARY, 3, masked=False) + b"abc", PROTOCOL_ERROR),
    "hundred megabytes": (header(BINARY, HUNDRED_MEGABYTES, masked=True) + MASK, TOO_BIG),
    "length of 64 bits": (header(BINARY, (1 << 64) - 1, masked=True) + MASK, PROTOCOL_ERROR),
    "reserved bit": (header(BINARY, 1, masked=True, reserved=4) + MASK + b"a", PROTOCOL_ERROR),
    "reserved opcode": (header(3, 1, masked=True) + MASK + b"a", PROTOCOL_ERROR),
    "reserved control opcode": (header(11, 0, masked=True) + MASK, PROTOCOL_ERROR),
    "long ping": (header(9, 126, masked=True) + MASK + bytes(126), PROTOCOL_ERROR),
    "fragmented ping": (header(9, 1, masked=True, final=False) + MASK + b"a", PROTOCOL_ERROR),
    "continuation of nothing": (header(0, 1, masked=True) + MASK + b"a", PROTOCOL_ERROR),
    "close of one byte": (header(8, 1, masked=True) + MASK + b"a", PROTOCOL_ERROR),
}


@pytest.mark.parametrize("name", FRAMES)
async def test_frames_that_break_websocket(house: House, name: str) -> None:
    frame, end = FRAMES[name]
    async with house.opened() as browser:
        await browser.write(frame)
        assert await browser.closed() == end


@pytest.mark.parametrize("name", ["text", "unmasked", "hundred megabytes"])
async def test_the_same_before_the_session_is_open(house: House, name: str) -> None:
    frame, end = FRAMES[name]
    async with house.browser() as browser:
        await browser.read(12)
        await browser.write(frame)
        assert await browser.closed() == end


RFB = {
    "unknown message": (bytes((99,)) * 20, PROTOCOL_ERROR),
    "http": (b"GET / HTTP/1.1\r\n\r\n", PROTOCOL_ERROR),
    "cut text of 2 GB": (struct.pack(">B3xI", 6, 0x7FFFFFFF), TOO_BIG),
    "extended cut text of 2 GB": (struct.pack(">B3xi", 6, -0x7FFFFFFF), TOO_BIG),
}


@pytest.mark.parametrize("name", RFB)
async def test_messages_that_break_rfb(house: House, name: str) -> None:
    data, end = RFB[name]
    async with house.opened() as browser:
        await browser.send(data)
        assert await browser.closed() == end


@pytest.mark.parametrize("greeting", [b"GET / HTTP/1", b"RFB 003.008\x00", bytes(12)], ids=["http", "end", "zero"])
async def test_a_greeting_that_is_not_rfb(house: House, greeting: bytes) -> None:
    async with house.browser() as browser:
        await browser.read(12)
        await browser.send(greeting)
        assert await browser.closed() == PROTOCOL_ERROR


async def test_a_security_type_that_was_not_offered(house: House) -> None:
    async with house.browser() as browser:
        await browser.read(12)
        await browser.send(b"RFB 003.008\n")
        assert await browser.read(2) == b"\x01\x01"
        await browser.send(b"\x02")
        assert await browser.closed() == PROTOCOL_ERROR


async def test_a_message_that_was_never_offered_does_not_reach_the_upstream(house: House) -> None:
    """gii, which the gateway strips from SetEncodings: dropped, or the end, but never passed on."""
    gii = bytes((253, 0x81, 0, 4)) + bytes(4)
    async with house.opened("listener") as browser:
        await browser.send(gii + messages.key(0x61, down=True))
        wanted = messages.key(0x61, down=True)
        await eventually(lambda: len(house.listener.heard) >= len(wanted), within=5)
        assert house.listener.heard == wanted


async def test_half_a_handshake_and_silence_ends(house: House) -> None:
    """Three kinds at once, since each takes a deadline: half a request, none at all, half an RFB opening."""
    before = await house.gateway.metrics()

    async def half_request(text: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(LOOPBACK, house.gateway.port)
        writer.write(text)
        try:
            return await asyncio.wait_for(reader.read(), 60)
        finally:
            writer.transport.abort()

    async def half_opening() -> Closed:
        async with house.browser() as browser:
            await browser.read(12)
            await browser.send(b"RFB 003")
            return await browser.closed(within=60)

    answer, nothing, end = await asyncio.gather(
        half_request(b"GET /ws/lab/quiet HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgr"), half_request(b""), half_opening()
    )
    assert b"101" not in answer + nothing
    assert end == PROTOCOL_ERROR or end.code is None
    after = await house.gateway.metrics()
    # Fewer, if the last test's session had not quite gone when this one began.
    assert after["vnc_gateway_sessions"] <= before["vnc_gateway_sessions"]


async def test_a_browser_that_never_reads_slows_its_upstream(house: House) -> None:
    """Nothing queues: the upstream is not read any more, and memory stays as it was."""
    async with house.opened("firehose", receive_buffer=4096):
        start = time.monotonic()
        before = house.gateway.process.rss()
        seen = -1

        def stopped() -> bool:
            nonlocal seen, start
            if house.firehose.sent != seen:
                seen, start = house.firehose.sent, time.monotonic()
            return time.monotonic() - start > 1.0

        await eventually(stopped, within=15, what="the upstream to be slowed")
        grown = house.gateway.process.rss() - before
        assert seen < 16 * 1024 * 1024, f"{seen} bytes taken from the upstream for nobody"
        assert grown < 8 * 1024 * 1024, f"{grown} bytes more memory"


async def test_memory_is_flat_at_full_speed(house: House) -> None:
    """A reader that keeps up: some hundred megabytes pass, and memory does not grow with them."""
    async with house.opened("firehose") as browser:
        await _drain(browser, 20_000_000)
        before = house.gateway.process.rss()
        await _drain(browser, 150_000_000)
        grown = house.gateway.process.rss() - before
        assert grown < 4 * 1024 * 1024, f"{grown} bytes more memory after 150 MB"


async def _drain(browser: RawBrowser, count: int) -> None:
    async with asyncio.timeout(60):
        while count > 0:
            data = await browser.reader.read(1 << 16)
            assert data
            count -= len(data)


async def test_other_sessions_do_not_notice(house: House) -> None:
    """An honest session beside many bad ones goes on."""
    async with house.opened("honest") as honest:
        for frame, end in FRAMES.values():
            async with house.opened() as bad:
                await bad.write(frame)
                assert await bad.closed() == end
        await honest.send(messages.key(0x61, down=True))
        await honest.write(header(9, 2, masked=True) + MASK + b"hi")
        assert await honest.reader.readexactly(4) == b"\x8a\x02hi"


async def test_a_close_is_answered_in_kind(house: House) -> None:
    async with house.opened() as browser:
        await browser.send(struct.pack(">H", 1000), opcode=8)
        assert (await browser.closed()).code == 1000
