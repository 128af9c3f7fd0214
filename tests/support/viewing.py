"""One look at a real server through the gateway, with everything that is needed to judge it afterwards."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from support.gateway import Gateway
from support.promise import difference
from support.rfb_client import messages
from support.rfb_client.client import RfbClient, capture_raw
from support.rfb_client.decoder import Decoder
from support.rfb_client.pixels import Colours
from support.rfb_client.wire import RGB888, Encoding, PixelFormat, jpeg_quality
from support.servers.address import Address
from support.tap import Tap, after_client_init, after_server_init, websocket_payload

E = Encoding

# What noVNC offers beside pixels.
PSEUDO: tuple[int, ...] = (E.DESKTOP_SIZE, E.LAST_RECT, E.CURSOR, E.QEMU_KEYS, E.QEMU_LED, E.DESKTOP_NAME)
PSEUDO += (E.EXTENDED_DESKTOP_SIZE, E.VMWARE_CURSOR, E.QEMU_POINTER_CHANGE, E.XVP, E.EXTENDED_CLIPBOARD)
FLOWING: tuple[int, ...] = (*PSEUDO, E.FENCE, E.CONTINUOUS_UPDATES)
POINTER = (40, 40)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client asks for: encodings with pixels, the pixel format, and whether updates flow by themselves."""

    encodings: tuple[int, ...]
    pixel_format: PixelFormat = RGB888
    continuous: bool = False
    lossy: bool = False

    def __str__(self) -> str:
        parts = [E(number).name.lower().replace("_", "-") if number in list(E) else "jpeg" for number in self.encodings]
        parts += [f"{self.pixel_format.bits_per_pixel}bpp"] if self.pixel_format != RGB888 else []
        parts += ["continuous"] if self.continuous else []
        return "-".join(parts)


TIGHT = Wish((E.COPY_RECT, E.TIGHT))
TIGHT_JPEG = Wish((E.COPY_RECT, E.TIGHT, jpeg_quality(4)), lossy=True)
ZRLE = Wish((E.COPY_RECT, E.ZRLE))
ZLIB = Wish((E.ZLIB,))
HEXTILE = Wish((E.HEXTILE,))
RRE = Wish((E.RRE,))
RAW = Wish((E.RAW,))


@dataclass(frozen=True, slots=True)
class Stage:
    """A real server behind a tap: how to bring it to life, how to freeze its picture."""

    server: Address
    tap: Tap
    move: Callable[[], Awaitable[None]]
    freeze: Callable[[], Awaitable[None]]
    thaw: Callable[[], Awaitable[None]]
    pointer: tuple[int, int] | None = None

    def sent(self) -> bytes:
        """What the server has sent after ServerInit on its newest connection through the tap."""
        return after_server_init(*self._streams())

    def heard(self) -> bytes:
        """What it has received there after ClientInit."""
        return after_client_init(*self._streams())

    def _streams(self) -> tuple[bytes, bytes]:
        connection = self.tap.connections[-1]
        streams = (bytes(connection.from_server), bytes(connection.from_client))
        if self.tap.address.scheme == "ws":
            return websocket_payload(streams[0]), websocket_payload(streams[1])
        return streams


@dataclass(frozen=True, slots=True)
class View:
    """How it ended: our picture, the independent one, and both byte streams, each with what its decoder made of it.

    `asked` is what the browser sent after ClientInit, `heard` what the server got of it: the encodings of a `Wish` are
    all kept by the gateway, so nothing of it is rewritten.
    """

    picture: Colours
    direct: Colours
    browser: bytes
    server: bytes
    browser_decoder: Decoder
    server_decoder: Decoder
    asked: bytes
    heard: bytes

    def encodings(self) -> set[int]:
        """Those that carried pixels or told something."""
        return {rect.encoding for message in self.browser_decoder.messages for rect in message.rectangles}

    def details(self) -> set[str]:
        return {rect.detail for message in self.browser_decoder.messages for rect in message.rectangles}

    def difference(self) -> str | None:
        """Where the browser's bytes are not the server's, None if they are."""
        sent = (self.server, self.server_decoder.messages)
        return difference(*sent, self.browser, self.browser_decoder.messages)

    def judge(self, artifacts: Path, *, lossy: bool) -> None:
        """The two promises: the picture is the server's own, pixel by pixel, and so is every byte."""
        try:
            self._judge(lossy=lossy)
        except AssertionError:
            Image.fromarray(self.picture).save(artifacts / "through-the-gateway.png")
            Image.fromarray(self.direct).save(artifacts / "direct.png")
            raise

    def _judge(self, *, lossy: bool) -> None:
        problem = self.difference()
        assert problem is None, problem
        assert self.heard == self.asked, "the server has not got what the browser sent"
        decoded = self.server_decoder.framebuffer.colours
        assert (self.picture == decoded).all(), "not what the server's own bytes decode to"
        if not lossy:
            assert self.picture.shape == self.direct.shape, f"{self.picture.shape} is not {self.direct.shape}"
            wrong = int((self.picture != self.direct).any(axis=-1).sum())
            assert wrong == 0, f"{wrong} pixels differ from a capture taken directly"


async def view(gateway: Gateway, console: str, stage: Stage, wish: Wish, *, seconds: float = 0.3) -> View:
    """Look at `console` while the server draws, freeze it, and take everything."""
    await stage.thaw()
    async with gateway.client(console) as client:
        pseudo = FLOWING if wish.continuous else PSEUDO
        await client.set_up([*wish.encodings, *pseudo], wish.pixel_format)
        if stage.pointer:
            await client.send(messages.pointer(*stage.pointer))
        await client.request(incremental=False)
        if wish.continuous:
            await client.go_continuous()
        await asyncio.gather(stage.move(), client.follow(seconds))
        await stage.freeze()
        await client.capture(settle=0.3)
        server = await _all_sent(stage, client)
        direct = await capture_raw(
            stage.server.host,
            stage.server.port,
            password=stage.server.password,
            pixel_format=wish.pixel_format,
            pointer=stage.pointer,
        )
        streams = (bytes(client.received), server, client.decoder, _decoded(client, server))
        return View(client.picture.copy(), direct, *streams, bytes(client.sent), stage.heard())


async def _all_sent(stage: Stage, client: RfbClient) -> bytes:
    """What the server has sent, once the client has read as much, in which a busy machine is late; or what there is."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(2):
            while len(stage.sent()) > len(client.received):
                await client.follow(0.1)
    return stage.sent()


def _decoded(client: RfbClient, server: bytes) -> Decoder:
    """The independent decoder over what the server sent: the client's own, if that got the very same bytes."""
    if server == client.received:
        return client.decoder
    init = client.server_init
    decoder = Decoder(init.width, init.height, client.formats[-1][1])
    decoder.feed(server)
    return decoder
