"""A browser below any library: writes each byte itself, so that it can do what no WebSocket client would."""

import asyncio
import base64
import contextlib
import os
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass

from support.programs import LOOPBACK

BINARY, TEXT, CLOSE, PING, PONG = 2, 1, 8, 9, 10


@dataclass(frozen=True, slots=True)
class Closed:
    """How the other side ended it: the Close frame's code and reason, both None where there was no frame."""

    code: int | None
    reason: str | None


class EndedError(ConnectionError):
    """The other side ended the WebSocket."""


class RawBrowser:
    """A TCP connection on which an upgrade has been asked for; `status` is the answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.status = 0
        self.payload = bytearray()
        self._end: Closed | None = None

    @property
    def how(self) -> Closed:
        """How it was ended, once it was."""
        assert self._end is not None
        return self._end

    async def upgrade(self, port: int, target: str) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {target} HTTP/1.1", f"Host: {LOOPBACK}:{port}", "Upgrade: websocket", "Connection: Upgrade"]
        lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: binary", "", ""]
        await self.write("\r\n".join(lines).encode())
        head = await self.reader.readuntil(b"\r\n\r\n")
        self.status = int(head.split()[1])

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def send(self, payload: bytes, opcode: int = BINARY) -> None:
        """One whole masked frame."""
        await self.write(header(opcode, len(payload), masked=True) + bytes(4) + payload)

    async def read(self, count: int, within: float = 20.0) -> bytes:
        """That many bytes of payload."""
        async with asyncio.timeout(within):
            while len(self.payload) < count:
                self.payload += await self._data()
        taken = bytes(self.payload[:count])
        del self.payload[:count]
        return taken

    async def handshake(self) -> bytes:
        """RFB 3.8 with security None; the ServerInit."""
        assert await self.read(12) == b"RFB 003.008\n"
        await self.send(b"RFB 003.008\n")
        assert await self.read(2) == b"\x01\x01"
        await self.send(b"\x01")
        assert await self.read(4) == bytes(4)
        await self.send(b"\x01")
        head = await self.read(24)
        return head + await self.read(int.from_bytes(head[20:], "big"))

    async def ended(self, within: float = 10.0) -> Closed:
        """Go on with the handshake as far as the other side lets us, then read on; how it ended."""
        with contextlib.suppress(EndedError):
            async with asyncio.timeout(within):
                await self.handshake()
                while True:
                    await self._data()
        return self.how

    async def closed(self, within: float = 10.0) -> Closed:
        """Read until the other side ends it; how it ended."""
        with contextlib.suppress(EndedError):
            async with asyncio.timeout(within):
                while True:
                    await self._data()
        return self.how

    async def _data(self) -> bytes:
        """The payload of the next data frame; pings are answered, and an end is an EndedError."""
        while True:
            try:
                opcode, data = await self._frame()
            except (asyncio.IncompleteReadError, ConnectionResetError):
                self._end = Closed(None, None)
                raise EndedError from None
            if opcode == CLOSE:
                self._end = Closed(int.from_bytes(data[:2], "big"), data[2:].decode())
                raise EndedError
            if opcode == BINARY:
                return data
            assert opcode == PING, f"frame of type {opcode}: {data!r}"
            with contextlib.suppress(OSError):
                await self.send(data, PONG)

    async def _frame(self) -> tuple[int, bytes]:
        first, second = await self.reader.readexactly(2)
        assert not second & 128, "a server masks nothing"
        length = second
        if length >= 126:
            length = int.from_bytes(await self.reader.readexactly(2 if length == 126 else 8), "big")
        return first & 15, await self.reader.readexactly(length)


def header(opcode: int, length: int, *, masked: bool, final: bool = True, reserved: int = 0) -> bytes:
    """The first bytes of a frame, without its mask."""
    first, mask = opcode | final << 7 | reserved << 4, masked << 7
    if length < 126:
        return bytes((first, mask | length))
    if length < 1 << 16:
        return struct.pack(">BBH", first, mask | 126, length)
    return struct.pack(">BBQ", first, mask | 127, length)


@contextlib.asynccontextmanager
async def raw_browser(
    port: int, target: str, *, host: str = LOOPBACK, receive_buffer: int = 0
) -> AsyncIterator[RawBrowser]:
    """Connect and ask for an upgrade. A small `receive_buffer` makes a reader that soon holds the other side up."""
    connection = socket.socket()
    connection.setblocking(False)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as browsers do
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    await asyncio.get_running_loop().sock_connect(connection, (host, port))
    reader, writer = await asyncio.open_connection(sock=connection, limit=65536)
    try:
        browser = RawBrowser(reader, writer)
        await browser.upgrade(port, target)
        yield browser
    finally:
        writer.transport.abort()
