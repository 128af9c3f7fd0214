"""WebSocket servers upstream: frames cut and mixed as the protocol allows, and servers that break it."""

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from support.gateway import Gateway, gateway
from support.programs import eventually
from support.raw_browser import Closed, RawBrowser, header, raw_browser
from support.rfb_client import messages
from support.scripted_server import SERVER_INIT, Connection, ScriptedServer
from support.tap import websocket_payload

pytestmark = pytest.mark.asyncio(loop_scope="module")

BELL = b"\x02"
BINARY, TEXT, CLOSE, PING, PONG, MORE = 2, 1, 8, 9, 10, 0
UPSTREAM_LOST = Closed(4502, "upstream_lost")
NOT_UNDERSTOOD = Closed(4506, "not_understood")
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def frame(opcode: int, payload: bytes, *, final: bool = True) -> bytes:
    return header(opcode, len(payload), masked=False, final=final) + payload


@dataclass(slots=True)
class Upstream:
    """A WebSocket server written out byte by byte; `act` is what it does once RFB is open."""

    act: Callable[[Connection], Awaitable[None]] | None = None
    answer: bytes = b""  # instead of the 101
    together: bool = False  # the greeting in the same segment as the 101
    opening: bytes = b""  # instead of the frame with ServerInit
    request: bytes = b""
    heard: bytearray = field(default_factory=bytearray)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    server: ScriptedServer = field(init=False)

    def __post_init__(self) -> None:
        self.server = ScriptedServer(self._serve)

    async def _serve(self, connection: Connection) -> None:
        self.heard = heard = bytearray()  # of this connection: an earlier one may still have something to say
        self.request = await connection.reader.readuntil(b"\r\n\r\n")
        if self.answer:
            await connection.send(self.answer)
            await connection.reader.read()
            return
        greeting = frame(BINARY, b"RFB 003.008\n")
        await connection.send(self._accept() + (greeting if self.together else b""))
        if not self.together:
            await connection.send(greeting)
        listening = asyncio.create_task(self._listen(connection, heard))
        try:
            for sent, wanted in ((b"\x01\x01", 12), (bytes(4), 13)):
                await self._has_heard(wanted)
                await connection.send(frame(BINARY, sent))
            await self._has_heard(14)
            await connection.send(self.opening or frame(BINARY, SERVER_INIT))
            await self._has_heard(15)  # the browser's first message has begun
            if self.act:
                await self.act(connection)
            await listening
        finally:
            listening.cancel()
            self.gone.set()

    async def _has_heard(self, count: int) -> None:
        """Wait for bytes without losing a moment: what is answered at once shows what a slow answer hides."""
        async with asyncio.timeout(20):
            while len(self.payload()) < count:
                self.news.clear()
                await self.news.wait()

    async def _listen(self, connection: Connection, heard: bytearray) -> None:
        while data := await connection.reader.read(65536):
            heard += data
            self.news.set()

    def payload(self) -> bytes:
        """RFB bytes heard, from the version on."""
        return websocket_payload(b"\r\n\r\n" + bytes(self.heard))

    def _accept(self) -> bytes:
        lines = dict(line.split(b": ", 1) for line in self.request.split(b"\r\n")[1:] if b": " in line)
        key = next(value for name, value in lines.items() if name.lower() == b"sec-websocket-key")
        accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())
        head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        return head + b"Sec-WebSocket-Protocol: binary\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class House:
    upstream: Upstream
    gateway: Gateway

    def plays(self, act: Callable[[Connection], Awaitable[None]] | None = None, **how: object) -> None:
        """What the upstream does from now on."""
        self.upstream.act, self.upstream.answer, self.upstream.together, self.upstream.opening = act, b"", False, b""
        for name, value in how.items():
            setattr(self.upstream, name, value)
        self.upstream.gone.clear()

    @contextlib.asynccontextmanager
    async def browser(self) -> AsyncIterator[RawBrowser]:
        async with raw_browser(self.gateway.port, await self.gateway.target("vm")) as browser:
            yield browser

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[RawBrowser]:
        """A browser that has asked for its first picture, which is what the upstream acts upon."""
        async with self.browser() as browser:
            assert await browser.handshake() == SERVER_INIT
            await browser.send(messages.update_request(0, 0, 64, 48, incremental=False))
            yield browser


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(module_artifacts: Path) -> AsyncIterator[House]:
    upstream = Upstream()
    async with upstream.server.running() as server:
        consoles = {"vm": server.url.replace("tcp:", "ws:") + "/a%2Fb/?s=Dvh%2FIA%2BYc%3D&x=1%20"}
        brief = "[reconnect]\nwindow = 0\nper_minute = 1000"
        async with gateway(consoles, logs=module_artifacts, more=brief) as running:
            yield House(upstream, running)


async def test_the_address_is_dialled_byte_for_byte(house: House) -> None:
    house.plays()
    async with house.browser() as browser:
        await browser.handshake()
    lines = house.upstream.request.split(b"\r\n")
    assert lines[0] == b"GET /a%2Fb/?s=Dvh%2FIA%2BYc%3D&x=1%20 HTTP/1.1"
    names = {line.split(b":")[0].lower(): line.split(b": ", 1)[1] for line in lines[1:] if line}
    assert names[b"sec-websocket-protocol"] == b"binary"
    assert b"origin" not in names
    assert b"sec-websocket-extensions" not in names
    assert b"cookie" not in names


async def test_a_greeting_that_comes_with_the_101_is_not_lost(house: House) -> None:
    house.plays(together=True)
    async with house.browser() as browser:
        assert await browser.handshake() == SERVER_INIT


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("cut", [1, 12, 13, len(SERVER_INIT), len(SERVER_INIT) + 1])
async def test_messages_right_behind_server_init_are_not_lost(house: House, cut: int, together: bool) -> None:
    """Frames of `cut` bytes, all in one segment: what follows ServerInit is in the same read. The session goes on."""

    async def act(connection: Connection) -> None:
        await connection.send(frame(BINARY, BELL * 3))

    said = SERVER_INIT + BELL + b"\x03\0\0\0\0\0\0\x05hello" + BELL
    opening = b"".join(frame(BINARY, said[at : at + cut]) for at in range(0, len(said), cut))
    house.plays(act, opening=opening, together=together)
    async with house.browser() as browser:
        assert await browser.handshake() == SERVER_INIT
        assert await browser.read(len(said) - len(SERVER_INIT)) == said[len(SERVER_INIT) :]
        await browser.send(messages.update_request(0, 0, 64, 48, incremental=False))
        assert await browser.read(3) == BELL * 3


async def test_frames_cut_and_mixed_as_allowed(house: House) -> None:
    """One byte a frame, several messages a frame, fragments, empty frames, pings between fragments: all answered."""

    async def act(connection: Connection) -> None:
        text = b"\x03\0\0\0\0\0\0\x05hello"
        for byte in text:
            await connection.send(frame(BINARY, bytes((byte,))))
        await connection.send(frame(BINARY, text * 3) + frame(BINARY, b""))
        await connection.send(frame(BINARY, text[:3], final=False) + frame(PING, b"are you there"))
        await connection.send(frame(MORE, b"", final=False) + frame(PONG, b"unasked") + frame(MORE, text[3:]))
        await connection.send(frame(BINARY, BELL * 70_000))

    house.plays(act)
    async with house.opened() as browser:
        text = b"\x03\0\0\0\0\0\0\x05hello"
        assert await browser.read(5 * len(text) + 70_000) == text * 5 + BELL * 70_000
        await eventually(lambda: bytes((0x80 | PONG, 0x80 | 13)) in house.upstream.heard, within=5)


async def test_the_gateway_masks_every_frame_and_sends_whole_binary_ones_and_pings(house: House) -> None:
    """A mask of its own for each. The ping is the one of the join: before or behind the key, as it comes."""
    house.plays()
    async with house.opened() as browser:
        await browser.send(messages.key(0x61, down=True))
        await eventually(lambda: house.upstream.payload().endswith(messages.key(0x61, down=True)), within=5)
    heard, at, masks, binary = bytes(house.upstream.heard), 0, [], 0
    while len(heard) >= at + 6:
        assert heard[at] in (0x80 | BINARY, 0x80 | PING)
        assert heard[at + 1] & 0x80
        binary += heard[at] == 0x80 | BINARY
        masks.append(heard[at + 2 : at + 6])
        at += 6 + (heard[at + 1] & 0x7F)
    assert len(set(masks)) == len(masks)
    assert binary >= 4


@pytest.mark.parametrize(
    ("said", "end"),
    [
        (frame(CLOSE, b"\x03\xe8bye"), UPSTREAM_LOST),
        (frame(CLOSE, b"\x0f\xa0secret"), UPSTREAM_LOST),
        (frame(CLOSE, b""), UPSTREAM_LOST),
        (frame(TEXT, b"hello"), NOT_UNDERSTOOD),
        (b"\x82\x81" + bytes(4) + b"\x02", NOT_UNDERSTOOD),
        (b"\xc2\x01\x02", NOT_UNDERSTOOD),
        (b"\x83\x00", NOT_UNDERSTOOD),
        (frame(MORE, b"\x02"), NOT_UNDERSTOOD),
        (b"\x89\x7e\x01\x00" + bytes(256), NOT_UNDERSTOOD),
    ],
    ids=[
        "close",
        "close with reason",
        "bare close",
        "text",
        "masked",
        "reserved",
        "opcode",
        "continuation",
        "long ping",
    ],
)
async def test_an_upstream_that_ends_or_breaks_the_protocol(house: House, said: bytes, end: Closed) -> None:
    async def act(connection: Connection) -> None:
        house.upstream.answer = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"  # no second time
        await connection.send(frame(BINARY, BELL) + said)

    house.plays(act)
    async with house.opened() as browser:
        assert await browser.read(1) == BELL
        assert await browser.closed() == end


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno",
        b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n" + b"X-Pad: " + b"a" * 200_000 + b"\r\n\r\n",
    ],
    ids=["403", "302", "200", "accept", "huge"],
)
async def test_an_upstream_that_answers_no_101(house: House, answer: bytes) -> None:
    house.plays(answer=answer)
    async with house.browser() as browser:
        assert await browser.ended(within=15) in (UPSTREAM_LOST, NOT_UNDERSTOOD)


async def test_a_browser_that_leaves_takes_its_upstream_along(house: House) -> None:
    house.plays()
    async with house.opened():
        await eventually(lambda: len(house.upstream.payload()) >= 24, within=5, what="the browser's request")
    await asyncio.wait_for(house.upstream.gone.wait(), 5)
