"""The other side of TLS, by hand: the standard library's SSLObject with BIOs of its own, to be split and spoiled."""

import asyncio
import base64
import contextlib
import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

from support.programs import LOOPBACK
from support.websocket import BINARY, raw_frame


class TlsPeer:
    """A server (`context` for servers) whose records are bytes until somebody carries them."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.ssl = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.secured = False
        self.received = bytearray()
        self.ended = False

    def receive(self, data: bytes) -> None:
        """Take bytes, as many as there are; what they say is in `received`."""
        self._incoming.write(data)
        try:
            if not self.secured:
                self.ssl.do_handshake()
                self.secured = True
            while more := self.ssl.read(65536):
                self.received += more
            self.ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:  # close_notify, after one of our own
            self.ended = True

    def records(self, data: bytes = b"", *, close: bool = False) -> bytes:
        """The records of `data`, behind what was to be sent before; `close`: with close_notify at the end."""
        if data:
            self.ssl.write(data)
        if close:
            with contextlib.suppress(ssl.SSLError):
                self.ssl.unwrap()
        return self._outgoing.read()


class TlsConnection:
    """A `TlsPeer` on a TCP connection. `piece`: bytes of one write, 0 for as many as there are."""

    def __init__(self, peer: TlsPeer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, piece: int) -> None:
        self.peer = peer
        self.reader = reader
        self.writer = writer
        self._piece = piece

    async def write(self, records: bytes) -> None:
        """Send bytes as they are."""
        step = self._piece or len(records) or 1
        for at in range(0, len(records), step):
            self.writer.write(records[at : at + step])
            await self.writer.drain()
            if self._piece:
                await asyncio.sleep(0)

    async def send(self, data: bytes) -> None:
        """Send payload, as a WebSocket frame in records."""
        await self.write(self.peer.records(raw_frame(BINARY, data)))

    async def more(self) -> bool:
        """Wait for bytes of the client; False at the end."""
        data = await self.reader.read(65536)
        self.peer.receive(data)
        await self.write(self.peer.records())
        return bool(data) and not self.peer.ended

    async def accept(self) -> None:
        """TLS's handshake, then the WebSocket's (RFC 6455 §4.2.2)."""
        while b"\r\n\r\n" not in self.peer.received:
            if not await self.more():
                raise ConnectionError("gone in the handshake")
        head = bytes(self.peer.received).partition(b"\r\n\r\n")[0].decode()
        self.peer.received.clear()
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:])
        key = next(line.split(": ")[1] for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key"))
        digest = hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        answer = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
        answer += [f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}"]
        if "sec-websocket-protocol" in fields:
            answer += ["Sec-WebSocket-Protocol: binary"]
        await self.write(self.peer.records("\r\n".join([*answer, "", ""]).encode()))


Script = Callable[[TlsConnection], Awaitable[None]]
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def tcp_server(serve: Serve) -> AsyncIterator[int]:
    """Run `serve` for each connection, and in the end to its end: the port."""
    tasks: set[asyncio.Task[None]] = set()

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await serve(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(served, LOOPBACK, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*tasks)
        await server.wait_closed()


@contextlib.asynccontextmanager
async def tls_server(context: ssl.SSLContext, script: Script, *, piece: int = 0) -> AsyncIterator[int]:
    """Run `script` for each connection, its WebSocket open: the port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = TlsConnection(TlsPeer(context), reader, writer, piece)
        await connection.accept()
        await script(connection)

    async with tcp_server(serve) as port:
        yield port
