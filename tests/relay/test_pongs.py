"""RFC 6455 §5.5.2, §5.5.3: pings are answered; of thousands in one read only the last, in one write."""

import asyncio
import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from support.inprocess import read, rfb_handshake, site
from support.raw_browser import raw_browser
from support.scripted_server import Connection, ScriptedServer, idle
from support.websocket import BINARY, MASK, PING, PONG, raw_frame, xor

from gateway.relay.leg import MAX_PONGS

FEW = [b"one", b"", b"two", b"x" * 125]
MANY = [number.to_bytes(2, "big") for number in range(1000)]
BELL = b"\x02"


async def frame_of(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Opcode and payload of the next frame, which is short."""
    first, second = await reader.readexactly(2)
    mask = await reader.readexactly(4) if second & 0x80 else bytes(4)
    length = second & 0x7F
    length = int.from_bytes(await reader.readexactly(2), "big") if length == 126 else length
    return first & 15, xor(await reader.readexactly(length), mask)


async def pongs_up_to(reader: asyncio.StreamReader, last: bytes) -> list[bytes]:
    """The payloads of pongs until that one."""
    found: list[bytes] = []
    async with asyncio.timeout(10):
        while last not in found:
            opcode, payload = await frame_of(reader)
            if opcode == PONG:
                found.append(payload)
    return found


def judge(found: list[bytes], pings: list[bytes]) -> None:
    if len(pings) <= MAX_PONGS:
        assert found == pings
    else:  # a few reads at most, each with so many answers
        assert len(found) <= 4 * MAX_PONGS
        assert found == sorted(found)


@pytest.mark.parametrize("pings", [FEW, MANY], ids=["few", "many"])
async def test_a_browser_s(pings: list[bytes]) -> None:
    async with (
        ScriptedServer(idle).running() as server,
        site({"vm": server.url}) as running,
        raw_browser(running.gateway.public_port, "/ws/lab/vm") as browser,
    ):
        await browser.handshake()
        await browser.write(b"".join(raw_frame(PING, ping, mask=MASK) for ping in pings))
        judge(await pongs_up_to(browser.reader, pings[-1]), pings)


@dataclass
class Pinging:
    """A VNC server over WebSocket that pings as soon as it is greeted, and rings once the last ping is answered."""

    pings: list[bytes]
    found: list[bytes] = field(default_factory=list)
    _read: bytearray = field(default_factory=bytearray)

    async def __call__(self, connection: Connection) -> None:
        await self._upgrade(connection)
        over = Connection(connection.reader, connection.writer)
        over.send = self._sender(connection)  # type: ignore[method-assign]
        over.exactly = self._reader(connection)  # type: ignore[method-assign]
        await over.handshake()
        await connection.send(b"".join(raw_frame(PING, ping) for ping in self.pings))
        self.found = await pongs_up_to(connection.reader, self.pings[-1])
        await over.send(BELL)
        await connection.reader.read()

    async def _upgrade(self, connection: Connection) -> None:
        head = await connection.reader.readuntil(b"\r\n\r\n")
        found = re.search(rb"(?i)sec-websocket-key: *(\S+)", head)
        assert found is not None
        key = found[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key, usedforsecurity=False).digest())
        lines = (b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: Upgrade")
        protocol = b"Sec-WebSocket-Protocol: binary"
        await connection.send(b"\r\n".join((*lines, protocol, b"Sec-WebSocket-Accept: " + accept, b"", b"")))

    def _sender(self, connection: Connection) -> Callable[[bytes], object]:
        return lambda data: connection.send(raw_frame(BINARY, data))

    def _reader(self, connection: Connection) -> Callable[[int], object]:
        async def exactly(count: int) -> bytes:
            while len(self._read) < count:
                opcode, payload = await frame_of(connection.reader)
                if opcode == BINARY:
                    self._read += payload
            taken = bytes(self._read[:count])
            del self._read[:count]
            return taken

        return exactly


@pytest.mark.parametrize("pings", [FEW, MANY], ids=["few", "many"])
async def test_an_upstream_s(pings: list[bytes]) -> None:
    pinging = Pinging(pings)
    async with ScriptedServer(pinging).running() as server, site({"vm": f"ws://127.0.0.1:{server.port}/"}) as running:
        ws = await running.dial()
        await rfb_handshake(ws)
        assert await read(ws, 1) == BELL
        judge(pinging.found, pings)
        await ws.close()
