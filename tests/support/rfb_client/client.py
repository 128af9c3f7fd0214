"""A whole VNC client for tests: connects, asks, decodes, types, and says when the picture is complete."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Sequence

from support.rfb_client import messages
from support.rfb_client.decoder import Decoder, Message
from support.rfb_client.handshake import ServerInit, handshake
from support.rfb_client.pixels import Colours
from support.rfb_client.transport import TcpTransport, Transport, WebSocketTransport
from support.rfb_client.wire import RGB888, Encoding, PixelFormat, ServerMessage

_REQUEST = 0x80000000  # fence flag: an answer is wanted
_FLAGS_ANSWERED = 0x7  # of a fence request, those that an answer repeats


class ConnectionEndedError(ConnectionError):
    """The server closed before the client was done."""


class RfbClient:
    """One connection. `received` is every byte that came after ServerInit, `sent` every byte after ClientInit.

    `formats` are the pixel formats in force, each with the place in `received` from which on it counts. While
    `continuous` is set, no update is asked for: the server sends by itself. Answers to fences are put into `late`
    instead of being sent if that is a list.
    """

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.received = bytearray()
        self.sent = bytearray()
        self._early = bytearray()
        self._init: ServerInit | None = None
        self._decoder: Decoder | None = None
        self.formats: list[tuple[int, PixelFormat]] = []
        self.continuous = False
        self.late: list[bytes] | None = None
        self._seen = 0

    @property
    def server_init(self) -> ServerInit:
        assert self._init is not None, "no handshake yet"
        return self._init

    @property
    def decoder(self) -> Decoder:
        assert self._decoder is not None, "no handshake yet"
        return self._decoder

    @property
    def picture(self) -> Colours:
        """The screen so far: rows, columns, red-green-blue."""
        return self.decoder.framebuffer.colours

    async def open(self, *, password: str | None = None, shared: bool = True, version: str = "3.8") -> ServerInit:
        """Do the handshake; raises HandshakeRefusedError, or ConnectionEndedError."""
        self._init = await handshake(self._read, self.transport.send, password=password, shared=shared, version=version)
        self._decoder = Decoder(self._init.width, self._init.height, self._init.pixel_format)
        self.formats.append((0, self._init.pixel_format))
        self._take(bytes(self._early))
        return self._init

    async def send(self, data: bytes) -> None:
        """Send client messages."""
        self.sent += data
        await self.transport.send(data)

    async def set_up(self, encodings: Sequence[int], pixel_format: PixelFormat | None = RGB888) -> None:
        """Set the pixel format (None leaves the server's) and the encodings; ask for nothing yet."""
        if pixel_format is not None:
            await self.set_pixel_format(pixel_format)
        await self.send(messages.set_encodings(encodings))

    async def set_pixel_format(self, pixel_format: PixelFormat) -> None:
        """Change the format: only while the server owes no update, so that the next one has it."""
        assert self.decoder.idle
        await self.send(messages.set_pixel_format(pixel_format))
        self.decoder.pixel_format = pixel_format
        self.formats.append((len(self.received), pixel_format))

    async def go_continuous(self) -> None:
        """Wait for the server's offer of continuous updates, then switch them on for the whole screen."""
        if not any(message.kind is ServerMessage.END_OF_CONTINUOUS_UPDATES for message in self.decoder.messages):
            await self.until(ServerMessage.END_OF_CONTINUOUS_UPDATES)
        size = (self.decoder.framebuffer.width, self.decoder.framebuffer.height)
        self.continuous = True
        await self.send(messages.continuous_updates(0, 0, *size, enable=True))

    async def request(self, *, incremental: bool) -> None:
        """Ask for the whole screen, or for what changes on it."""
        size = (self.decoder.framebuffer.width, self.decoder.framebuffer.height)
        await self.send(messages.update_request(0, 0, *size, incremental=incremental))

    async def next_messages(self, within: float = 10.0) -> list[Message]:
        """Wait for bytes, decode them, answer fences; the messages that they completed (often none)."""
        data = await asyncio.wait_for(self.transport.receive(), within)
        if not data:
            raise ConnectionEndedError("the server closed the connection")
        self._take(data)
        fresh = self.decoder.messages[self._seen :]
        self._seen += len(fresh)
        for message in fresh:
            await self._answer(message)
        return fresh

    async def until(self, kind: ServerMessage, within: float = 10.0) -> Message:
        """The next message of a kind."""
        async with asyncio.timeout(within):
            while True:
                for message in await self.next_messages(within):
                    if message.kind is kind:
                        return message

    async def follow(self, seconds: float) -> None:
        """Be an ordinary viewer for a while: ask for changes again after each update."""
        if not self.continuous:
            await self.request(incremental=True)
        await self._for(seconds)

    async def capture(self, *, settle: float = 0.2, within: float = 20.0) -> Colours:
        """Ask for the whole picture anew, take it, and go on until nothing comes for `settle` seconds.

        Only a still picture settles. Raises TimeoutError if it has not within `within` seconds.
        """
        async with asyncio.timeout(within):
            await self.cover(within)
            if not self.continuous:
                await self.request(incremental=True)
            while await self._for(settle):
                pass
        return self.picture.copy()

    async def cover(self, within: float = 20.0) -> None:
        """Ask for the whole picture anew and take it; the server owes nothing afterwards."""
        await self.request(incremental=False)
        self.decoder.framebuffer.watch()
        async with asyncio.timeout(within):
            while True:
                fresh = await self.next_messages(within)
                if self.decoder.framebuffer.covered and self.decoder.idle:
                    return
                await self._ask_again(fresh)

    async def close(self) -> None:
        await self.transport.close()

    async def _for(self, seconds: float) -> bool:
        """Receive for a while; whether anything came."""
        deadline, anything = time.monotonic() + seconds, False
        with contextlib.suppress(TimeoutError):
            while (left := deadline - time.monotonic()) > 0:
                fresh = await self.next_messages(left)
                anything = True
                await self._ask_again(fresh)
        return anything

    async def _ask_again(self, fresh: Sequence[Message]) -> None:
        if not self.continuous and any(message.kind is ServerMessage.FRAMEBUFFER_UPDATE for message in fresh):
            await self.request(incremental=True)

    async def _answer(self, message: Message) -> None:
        """A fence request comes back as an answer with the same payload."""
        if message.kind is ServerMessage.FENCE:
            flags = int.from_bytes(message.body[3:7], "big")
            if flags & _REQUEST:
                answer = messages.fence(flags & _FLAGS_ANSWERED, message.body[8:])
                if self.late is None:
                    await self.send(answer)
                else:
                    self.late.append(answer)

    async def _read(self, count: int) -> bytes:
        while len(self._early) < count:
            data = await asyncio.wait_for(self.transport.receive(), 10.0)
            if not data:
                raise ConnectionEndedError("the server closed the connection during the handshake")
            self._early += data
        taken = bytes(self._early[:count])
        del self._early[:count]
        return taken

    def _take(self, data: bytes) -> None:
        self.received += data
        self.decoder.feed(data)


@contextlib.asynccontextmanager
async def tcp_client(
    host: str, port: int, *, password: str | None = None, version: str = "3.8", shared: bool = True
) -> AsyncIterator[RfbClient]:
    """A client on plain TCP, its handshake done."""
    async with _opened(await TcpTransport.connect(host, port), password, version, shared) as client:
        yield client


@contextlib.asynccontextmanager
async def websocket_client(
    url: str, *, password: str | None = None, tls: ssl.SSLContext | None = None, version: str = "3.8"
) -> AsyncIterator[RfbClient]:
    """A client on WebSocket, its handshake done."""
    async with _opened(await WebSocketTransport.connect(url, tls=tls), password, version, True) as client:
        yield client


@contextlib.asynccontextmanager
async def _opened(transport: Transport, password: str | None, version: str, shared: bool) -> AsyncIterator[RfbClient]:
    client = RfbClient(transport)
    try:
        await client.open(password=password, version=version, shared=shared)
        yield client
    finally:
        await client.close()


async def capture_raw(
    host: str,
    port: int,
    *,
    password: str | None = None,
    pixel_format: PixelFormat = RGB888,
    pointer: tuple[int, int] | None = None,
) -> Colours:
    """The picture of a still screen, taken over a connection of its own with Raw and no other pixels.

    DesktopSize is asked for, since QEMU first announces a width rounded up to 16. X servers paint the pointer into
    the picture of a client that does not draw it, or that has not itself put it where it is: give `pointer`, the
    place where the other client has left it, and it is left out.
    """
    async with tcp_client(host, port, password=password) as client:
        await client.set_up([Encoding.RAW, Encoding.DESKTOP_SIZE, Encoding.CURSOR], pixel_format)
        if pointer is not None:
            await client.send(messages.pointer(*pointer))
        return await client.capture()
