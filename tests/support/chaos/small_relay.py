"""A relay of our own that reconnects, right or wrong on purpose: it shows that the trial can pass and that it can fail.

It knows just enough: one browser at a time, noVNC without fences and continuous updates, one server of one size.
"""

import asyncio
import contextlib
import enum
from collections.abc import AsyncIterator
from dataclasses import dataclass

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from support.programs import LOOPBACK, free_port
from support.rfb_client import messages
from support.rfb_client.decoder import Decoder
from support.rfb_client.handshake import ServerInit, handshake
from support.rfb_client.rectangles import Rectangle, Steps
from support.rfb_client.wire import RGB888, ClientMessage, Encoding, ServerMessage
from support.servers.address import Address

_LAST_RECT = bytes(8) + Encoding.LAST_RECT.to_bytes(4, "big", signed=True)
_LENGTHS = {0: 20, 3: 10, 4: 8, 5: 6, 255: 12}  # client messages of a fixed length
_PAUSE = 0.02  # seconds between two dials of a server that is not there


class Fault(enum.Enum):
    """What is done wrong at a splice."""

    NONE = "none"
    HEADERS_KEPT = "zlib headers kept"
    RESET_BITS = "reset bits set"
    HALF_RECTANGLE = "half a rectangle released"
    NO_REFRESH = "no full picture asked for"
    WRONG_PLACE = "the first rectangle one row too low"


class _Stream(Decoder):
    """The decoder, telling of each rectangle when it is whole. noVNC's pixel format is the only one."""

    def __init__(self, init: ServerInit) -> None:
        self.whole: list[Rectangle] = []
        self.used: set[tuple[int, int]] = set()  # zlib streams
        self.moved = False
        super().__init__(init.width, init.height, RGB888)

    def _rectangle(self, rect: Rectangle) -> Steps:
        yield from super()._rectangle(rect)
        rect.end = self.position
        self.whole.append(rect)

    @property
    def begun(self) -> int:
        """Where the message begins that is not whole yet."""
        return self.messages[-1].end if self.messages else 0


@dataclass
class _Memory:
    """What a new server must be told."""

    pixel_format: bytes = b""
    encodings: bytes = b""
    pointer: bytes = b""
    seen: bytes = b""  # of a client message that is not whole


class SmallRelay:
    """One browser side and its upstreams, one after the other."""

    def __init__(self, upstream: Address, fault: Fault) -> None:
        self.splices = 0
        self._upstream = upstream
        self._fault = fault
        self._memory = _Memory()
        self._begun: set[tuple[int, int]] = set()  # zlib streams of the browser's that are in use

    async def serve(self, browser: ServerConnection) -> None:
        """Greet the browser, then keep it supplied until it goes."""
        with contextlib.suppress(ConnectionClosed):
            await self._greet(browser)
            first = True
            while True:
                reader, writer, init = await self._dial()
                if first:
                    await browser.send(init.raw)
                else:
                    self.splices += 1
                    writer.write(self._replay(init))
                first = False
                await self._run(browser, reader, writer, init)

    async def _greet(self, browser: ServerConnection) -> None:
        await browser.send(b"RFB 003.008\n")
        await browser.recv()
        await browser.send(b"\x01\x01")
        await browser.recv()
        await browser.send(bytes(4))
        await browser.recv()

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, ServerInit]:
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection(self._upstream.host, self._upstream.port)

                async def write(data: bytes, out: asyncio.StreamWriter = writer) -> None:
                    out.write(data)

                init = await handshake(reader.readexactly, write, password=None, shared=True, version="3.8")
                return reader, writer, init
            await asyncio.sleep(_PAUSE)

    def _replay(self, init: ServerInit) -> bytes:
        memory = self._memory
        refresh = messages.update_request(0, 0, init.width, init.height, incremental=False)
        refresh = b"" if self._fault is Fault.NO_REFRESH else refresh
        return memory.pixel_format + memory.encodings + memory.pointer + refresh

    async def _run(
        self, browser: ServerConnection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, init: ServerInit
    ) -> None:
        """Relay both ways until the upstream is gone; the browser's end comes as ConnectionClosed."""
        down = asyncio.create_task(self._down(browser, reader, init))
        up = asyncio.create_task(self._up(browser, writer))
        try:
            done, _ = await asyncio.wait((down, up), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (down, up):
                task.cancel()
            await asyncio.gather(down, up, return_exceptions=True)
            writer.close()

    async def _up(self, browser: ServerConnection, writer: asyncio.StreamWriter) -> None:
        while True:
            data = await browser.recv()
            assert isinstance(data, bytes)
            self._remember(data)
            writer.write(data)

    def _remember(self, data: bytes) -> None:
        memory = self._memory
        memory.seen += data
        while memory.seen:
            seen = memory.seen
            if len(seen) < (length := _length(seen)):
                return
            message, memory.seen = seen[:length], seen[length:]
            if message[0] == ClientMessage.SET_PIXEL_FORMAT:
                memory.pixel_format = message
            elif message[0] == ClientMessage.SET_ENCODINGS:
                memory.encodings = message
            elif message[0] == ClientMessage.POINTER_EVENT:
                memory.pointer = message

    def _moved(self, stream: _Stream, rect: Rectangle, data: bytes) -> bytes:
        """The first rectangle with pixels, if this relay puts it in the wrong place."""
        if self._fault is not Fault.WRONG_PLACE or stream.moved or rect.encoding < 0 or not self.splices:
            return data
        stream.moved = True
        return data[:2] + (rect.y + 1).to_bytes(2, "big") + data[4:]

    async def _down(self, browser: ServerConnection, reader: asyncio.StreamReader, init: ServerInit) -> None:
        """Whole rectangles to the browser; at the end of the stream, finish the update that it has the head of."""
        stream, received, passed = _Stream(init), bytearray(), 0
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                received += data
                stream.feed(data)
                out, passed = self._whole(stream, received, passed)
                if out:
                    await browser.send(out)
        if passed > stream.begun:
            half = received[passed:] if self._fault is Fault.HALF_RECTANGLE else b""
            await browser.send(bytes(half) + _LAST_RECT)

    def _whole(self, stream: _Stream, received: bytearray, passed: int) -> tuple[bytes, int]:
        """What is whole by now and not passed on yet, its zlib streams joined to those before; how far that goes."""
        out = bytearray()
        for rect in stream.whole:
            data = self._moved(stream, rect, bytes(received[rect.start : rect.end]))
            out += received[passed : rect.start] + self._joined(stream, rect, data)
            passed = rect.end
        stream.whole.clear()
        end = stream.begun
        if len(received) >= end + 4 and received[end] == ServerMessage.FRAMEBUFFER_UPDATE:
            end += 4  # the head of an update
        if end > passed:
            out += received[passed:end]
            passed = end
        return bytes(out), passed

    def _joined(self, stream: _Stream, rect: Rectangle, data: bytes) -> bytes:
        """A rectangle as the browser's inflators must get it, or wrong as the fault says."""
        number = int(rect.detail.split()[1]) if rect.detail.startswith("zlib") else 0
        name = (rect.encoding, number)
        if not rect.compressed or rect.detail == "jpeg" or name in stream.used:
            return data
        stream.used.add(name)
        if name not in self._begun:
            self._begun.add(name)
            return data
        if self._fault is Fault.HEADERS_KEPT:
            return data
        if self._fault is Fault.RESET_BITS:
            return data[:12] + bytes([data[12] | 1 << number]) + data[13:]
        ((start, end),) = rect.compressed
        return _without_header(rect, data, start - rect.start, end - start)


def _length(message: bytes) -> int:
    """Of a client message, or more than there is."""
    if message[0] == ClientMessage.SET_ENCODINGS:
        return 4 + 4 * int.from_bytes(message[2:4], "big")
    if message[0] == ClientMessage.CLIENT_CUT_TEXT:
        return 8 + abs(int.from_bytes(message[4:8], "big", signed=True))
    return _LENGTHS[message[0]]


def _without_header(rect: Rectangle, data: bytes, start: int, length: int) -> bytes:
    """The rectangle without the two bytes that begin its zlib stream, its length set anew."""
    assert data[start] == 0x78  # a zlib header with the largest window, as all servers send it
    rest, shorter = data[start + 2 :], length - 2
    if rect.encoding != Encoding.TIGHT:
        return data[: start - 4] + shorter.to_bytes(4, "big") + rest
    return data[: start - len(_compact(length))] + _compact(shorter) + rest


def _compact(length: int) -> bytes:
    """Tight's length: 7, 7 and 8 bits, low ones first."""
    if length < 1 << 7:
        return bytes([length])
    if length < 1 << 14:
        return bytes([length & 0x7F | 0x80, length >> 7])
    return bytes([length & 0x7F | 0x80, length >> 7 & 0x7F | 0x80, length >> 14])


@dataclass(frozen=True, slots=True)
class Served:
    """A running small relay."""

    relay: SmallRelay
    port: int

    async def address(self, _console: str) -> str:
        return f"ws://{LOOPBACK}:{self.port}/"


@contextlib.asynccontextmanager
async def small_relay(upstream: Address, fault: Fault) -> AsyncIterator[Served]:
    """Listen until the block is left; stands where the gateway stands in a trial."""
    relay, port = SmallRelay(upstream, fault), free_port()
    async with serve(relay.serve, LOOPBACK, port, subprotocols=["binary"], compression=None, max_size=None):  # type: ignore[list-item]  # Subprotocol is a NewType of str
        yield Served(relay, port)
