"""A TCP proxy that keeps every byte: put between gateway and server, it tells what really went over the wire.

Also takes the recorded bytes apart: WebSocket frames off, RFB handshake off, so that what is left is what the
gateway promises to pass on.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from support.programs import LOOPBACK
from support.servers.address import Address

_BINARY, _CONTINUATION = 2, 0
_VNC_AUTH = 2


@dataclass(slots=True)
class Connection:
    """What one connection has carried, and the means to cut it."""

    from_client: bytearray = field(default_factory=bytearray)
    from_server: bytearray = field(default_factory=bytearray)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    def cut(self) -> None:
        """Reset it towards both sides, at once."""
        for writer in self.writers:
            writer.transport.abort()


Spoil = Callable[[bytes], bytes]


class Tap:
    """Listens on `address`; `connections` are all that there were, oldest first.

    `spoil` changes what the client gets of each piece, not what is kept: for controls that must fail.
    """

    def __init__(self, target: Address, spoil: Spoil | None = None) -> None:
        self._target = target
        self.spoil = spoil
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections: list[Connection] = []

    @property
    def address(self) -> Address:
        """Where to connect instead of the target."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        return Address(port, self._target.scheme, self._target.path, self._target.password)

    def aim(self, target: Address) -> None:
        """Lead new connections to `target`."""
        self._target = target

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, LOOPBACK, 0)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for connection in self.connections:
            connection.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        connection = Connection(writers=[writer])
        self.connections.append(connection)
        try:
            onward, out = await asyncio.open_connection(self._target.host, self._target.port)
        except OSError:
            writer.close()
            return
        connection.writers.append(out)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await asyncio.gather(
                _carry(reader, out, connection.from_client, None),
                _carry(onward, writer, connection.from_server, self.spoil),
            )
        connection.cut()


async def _carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray, spoil: Spoil | None
) -> None:
    while data := await reader.read(65536):
        kept += data
        writer.write(spoil(data) if spoil else data)
        await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def tapped(target: Address) -> AsyncIterator[Tap]:
    """A tap in front of `target` for as long as the block runs."""
    tap = Tap(target)
    await tap.start()
    try:
        yield tap
    finally:
        await tap.stop()


def websocket_payload(stream: bytes) -> bytes:
    """The payload of all whole data frames of one direction, the HTTP part before them left out."""
    at = stream.index(b"\r\n\r\n") + 4
    payload = bytearray()
    while len(stream) >= at + 2:
        opcode, length, masked = stream[at] & 15, stream[at + 1] & 127, stream[at + 1] & 128
        extended = {126: 2, 127: 8}.get(length, 0)
        body = at + 2 + extended
        if extended:
            length = int.from_bytes(stream[at + 2 : body], "big")
        mask = stream[body : body + 4] if masked else b""
        body += len(mask)
        at = body + length
        if opcode in (_BINARY, _CONTINUATION):
            payload += _unmasked(stream[body:at], mask)
    return bytes(payload)


def _unmasked(data: bytes, mask: bytes) -> bytes:
    if not mask:
        return data
    key = (mask * (len(data) // 4 + 1))[: len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(key, "big")).to_bytes(len(data), "big")


def after_client_init(from_server: bytes, from_client: bytes) -> bytes:
    """What a client sent after ClientInit, given both directions of a connection from its beginning."""
    if from_client[:12] == b"RFB 003.003\n":
        chosen, at = from_server[15], 12
    else:
        chosen, at = from_client[12], 13
    return from_client[at + (16 if chosen == _VNC_AUTH else 0) + 1 :]


def after_server_init(from_server: bytes, from_client: bytes) -> bytes:
    """What a server sent after ServerInit, given both directions of a connection from its beginning."""
    version, at = from_client[:12], 12
    if version == b"RFB 003.003\n":
        chosen, at = from_server[at + 3], at + 4
    else:
        chosen, at = from_client[12], at + 1 + from_server[at]
    at += 16 if chosen == _VNC_AUTH else 0
    at += 4 if chosen == _VNC_AUTH or version == b"RFB 003.008\n" else 0
    return from_server[at + 24 + int.from_bytes(from_server[at + 20 : at + 24], "big") :]
