"""How the two ends of a stress session carry RFB bytes: plain TCP or WebSocket, in random pieces, at a random pace.

The `websockets` library shakes hands and reads; frames are written by hand, so that their sizes, fragments, pings and
masks are as random as the standard allows. Leaves what the bytes are to `traffic`.
"""

import asyncio
from random import Random

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import CLIENT, CONNECTING, OPEN, Protocol
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from support.websocket import BINARY, CONT, PING, raw_frame

READS = (1, 100, 1500, 4000, 16_000, 64_000)  # bytes asked of one read
WRITES = (7, 1460, 20_000, 1 << 20)  # bytes of one write
FRAMES = (0, 1, 125, 126, 1400, 4000, 16_000, 65_535, 65_536, 1 << 20)  # payload bytes of one frame


class Pace:
    """How an end dawdles: with `chance`, a step waits up to `longest` seconds."""

    def __init__(self, dice: Random, *, chance: float, longest: float) -> None:
        self.dice = dice
        self._chance = chance
        self._longest = longest

    async def step(self) -> None:
        """Wait, perhaps."""
        if self.dice.random() < self._chance:
            await asyncio.sleep(self.dice.random() * self._longest)


class Channel:
    """RFB bytes over TCP."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pace: Pace) -> None:
        self._reader = reader
        self._writer = writer
        self._pace = pace
        self._dice = pace.dice
        self._early = b""
        self._turn = asyncio.Lock()  # one write at a time: pongs do not come between the pieces of a frame

    async def exactly(self, count: int) -> bytes:
        """The next `count` bytes, for handshakes. Raises ConnectionError if they do not come."""
        data = b""
        while len(data) < count:
            more = await self.receive()
            if not more:
                raise ConnectionError(f"the stream ended after {len(data)} of {count} bytes")
            data += more
        self._early = data[count:]
        return data[:count]

    async def receive(self) -> bytes:
        """The next bytes, none at the end of the stream."""
        data, self._early = self._early, b""
        return data or await self._more()

    async def send(self, data: bytes) -> None:
        """Send `data`, in pieces that have nothing to do with its messages."""
        await self._write(data)

    def close(self) -> None:
        """Let go of the connection."""
        self._writer.close()

    async def _more(self) -> bytes:
        return await self._read()

    async def _read(self) -> bytes:
        await self._pace.step()
        return await self._reader.read(self._dice.choice(READS))

    async def _write(self, data: bytes) -> None:
        async with self._turn:
            at = 0
            while at < len(data):
                step = self._dice.choice(WRITES)
                self._writer.write(data[at : at + step])
                await self._writer.drain()
                await self._pace.step()
                at += step


class WebSocketChannel(Channel):
    """RFB bytes over WebSocket; `protocol` is the library's, for either side."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pace: Pace, protocol: Protocol
    ) -> None:
        super().__init__(reader, writer, pace)
        self._protocol = protocol

    async def ask(self, protocol: ClientProtocol) -> None:
        """Open as the client. Raises what the library says about a refusal."""
        protocol.send_request(protocol.connect())
        await self._flush()
        while protocol.state is CONNECTING:
            protocol.receive_data(await self._some())
            if protocol.handshake_exc is not None:
                raise protocol.handshake_exc

    async def answer(self, protocol: ServerProtocol) -> None:
        """Open as the server."""
        while not (events := protocol.events_received()):
            protocol.receive_data(await self._some())
        (request,) = events
        assert isinstance(request, Request)
        protocol.send_response(protocol.accept(request))
        await self._flush()

    async def _some(self) -> bytes:
        """Read what is there. Raises ConnectionError at the end."""
        data = await self._reader.read(1000)
        if not data:
            raise ConnectionError("the stream ended before the WebSocket was open")
        return data

    async def send(self, data: bytes) -> None:
        """Send `data` as messages of random frames, pings among them."""
        await self._write(self._frames(data))

    def _frames(self, data: bytes) -> bytes:
        dice = self._dice
        frames, at, opcode = [], 0, BINARY
        while at < len(data):
            piece = data[at : at + dice.choice(FRAMES)]
            at += len(piece)
            fin = at == len(data) or dice.random() < 0.7
            frames.append(raw_frame(opcode, piece, fin=fin, mask=self._mask()))
            opcode = BINARY if fin else CONT
            if dice.random() < 0.1:
                frames.append(raw_frame(PING, dice.randbytes(dice.randrange(126)), mask=self._mask()))
        return b"".join(frames)

    def _mask(self) -> bytes | None:
        return self._dice.randbytes(4) if self._protocol.side is CLIENT else None

    async def _more(self) -> bytes:
        while self._protocol.state is OPEN:
            data = b"".join(
                event.data
                for event in self._protocol.events_received()
                if isinstance(event, Frame) and event.opcode in (Opcode.BINARY, Opcode.CONT)
            )
            if data:
                return data
            raw = await self._read()
            if not raw:
                break
            self._protocol.receive_data(raw)
            await self._flush()
        return b""

    async def _flush(self) -> None:
        """Send what the library has to say: its half of the handshake, pongs, an answer to Close."""
        data = b"".join(self._protocol.data_to_send())
        if data:
            async with self._turn:
                self._writer.write(data)
                await self._writer.drain()


async def open_websocket(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pace: Pace, url: str
) -> WebSocketChannel:
    """Ask for `url` on a connection to its host."""
    protocol = ClientProtocol(parse_uri(url), subprotocols=["binary"], max_size=None)  # type: ignore[list-item]
    channel = WebSocketChannel(reader, writer, pace, protocol)
    await channel.ask(protocol)
    return channel


async def accept_websocket(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pace: Pace) -> WebSocketChannel:
    """Take the upgrade that is asked for on an accepted connection."""
    protocol = ServerProtocol(subprotocols=["binary"], max_size=None)  # type: ignore[list-item]
    channel = WebSocketChannel(reader, writer, pace, protocol)
    await channel.answer(protocol)
    return channel
