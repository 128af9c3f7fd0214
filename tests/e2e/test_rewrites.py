"""What the gateway may change (rfb.md §1), each made to happen by a scripted server, and what must not wait."""

import asyncio
import contextlib
import struct
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from support.gateway import MANY_DIALS, Gateway, gateway
from support.programs import eventually
from support.raw_browser import Closed, RawBrowser, raw_browser
from support.rfb_client import messages
from support.rfb_client.decoder import Decoder
from support.rfb_client.wire import BGR233, RGB888, Encoding, PixelFormat
from support.scripted_server import Connection, ScriptedServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIZE = (64, 48)
BELL = b"\x02"
COLOUR_MAP_FORMAT = PixelFormat(8, 8, true_colour=False, maxima=(0, 0, 0), shifts=(0, 0, 0))


def update(*rectangles: bytes) -> bytes:
    return struct.pack(">BxH", 0, len(rectangles)) + b"".join(rectangles)


def rectangle(encoding: int, body: bytes = b"", place: tuple[int, int, int, int] = (0, 0, *SIZE)) -> bytes:
    return struct.pack(">4Hi", *place, encoding) + body


def raw(value: int) -> bytes:
    return rectangle(Encoding.RAW, bytes((value,)) * (SIZE[0] * SIZE[1] * 4))


class Stream:
    """A zlib stream as servers keep it: flushed to a byte after each rectangle."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj()

    def piece(self, data: bytes) -> bytes:
        return self._deflate.compress(data) + self._deflate.flush(zlib.Z_SYNC_FLUSH)


def compact(length: int) -> bytes:
    """Tight's length of 1 to 3 bytes."""
    if length < 128:
        return bytes((length,))
    if length < 16384:
        return bytes((length & 127 | 128, length >> 7))
    return bytes((length & 127 | 128, length >> 7 & 127 | 128, length >> 14))


@dataclass(slots=True)
class Puppet:
    """A VNC server that sends what a test puts into `lines` to its newest client, and keeps what it hears."""

    lines: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    heard: bytearray = field(default_factory=bytearray)
    server: ScriptedServer = field(init=False)

    def __post_init__(self) -> None:
        self.server = ScriptedServer(self._obey)

    async def _obey(self, connection: Connection) -> None:
        await connection.handshake()
        self.lines = lines = asyncio.Queue[bytes]()
        self.heard.clear()
        listening = asyncio.create_task(self._listen(connection))
        try:
            while True:
                await connection.send(await lines.get())
        finally:
            listening.cancel()

    async def _listen(self, connection: Connection) -> None:
        while data := await connection.reader.read(65536):
            self.heard += data


@dataclass(frozen=True, slots=True)
class House:
    puppet: Puppet
    gateway: Gateway

    @contextlib.asynccontextmanager
    async def opened(self, pixel_format: PixelFormat = RGB888) -> AsyncIterator[RawBrowser]:
        """A browser in an open session, whose format and encodings the server has heard."""
        async with raw_browser(self.gateway.port, await self.gateway.target("vm")) as browser:
            await browser.handshake()
            wish = [Encoding.TIGHT, Encoding.ZRLE, Encoding.ZLIB, Encoding.HEXTILE, Encoding.LAST_RECT]
            setup = messages.set_pixel_format(pixel_format) + messages.set_encodings(wish)
            setup += messages.update_request(0, 0, *SIZE, incremental=False)
            await browser.send(setup)
            await eventually(lambda: len(self.puppet.heard) >= len(setup), within=5)
            assert self.puppet.heard == setup
            yield browser

    def say(self, data: bytes) -> None:
        self.puppet.lines.put_nowait(data)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(module_artifacts: Path) -> AsyncIterator[House]:
    puppet = Puppet()
    async with (
        puppet.server.running() as server,
        gateway({"vm": server.url}, logs=module_artifacts, provider=MANY_DIALS) as running,
    ):
        yield House(puppet, running)


async def test_an_empty_update_becomes_one_empty_rectangle(house: House) -> None:
    async with house.opened() as browser:
        house.say(update() + BELL)
        got = await browser.read(4 + 12 + 1)
        count, _x, _y, width, height, encoding = struct.unpack(">xxHHHHHi", got[:16])
        assert (count, width * height, encoding) == (1, 0, Encoding.RAW)
        assert got[16:] == BELL


async def test_a_colour_map_is_left_out_only_for_true_colour(house: House) -> None:
    colours = struct.pack(">BxHH", 1, 0, 2) + bytes(12)
    async with house.opened() as browser:
        house.say(BELL + colours + update(raw(1)))
        assert await browser.read(1 + len(update(raw(1)))) == BELL + update(raw(1))
    async with house.opened(COLOUR_MAP_FORMAT) as browser:
        house.say(BELL + colours + BELL)
        assert await browser.read(len(colours) + 2) == BELL + colours + BELL


async def test_tight_resets_are_hidden_from_the_browser(house: House) -> None:
    """The server begins its stream anew; the browser, which never resets, decodes on and sees no reset bit."""
    first, second = Stream(), Stream()
    pictures = [bytes((n, n + 1, n + 2)) * (SIZE[0] * SIZE[1]) for n in (10, 20, 30, 40)]

    def tight(control: int, data: bytes) -> bytes:
        return update(rectangle(Encoding.TIGHT, bytes((control,)) + compact(len(data)) + data))

    said = tight(0x00, first.piece(pictures[0])) + tight(0x00, first.piece(pictures[1]))
    said += tight(0x01, second.piece(pictures[2])) + tight(0x00, second.piece(pictures[3]))
    async with house.opened() as browser:
        house.say(said + BELL)
        got = await browser.read(len(said) + 1 - 2)  # without the two bytes of the second header
    decoder = Decoder(*SIZE, RGB888)
    decoder.feed(got)
    assert decoder.idle
    assert decoder.framebuffer.colours.tobytes() == pictures[3]
    controls = [got[rect.start + 12] for message in decoder.messages for rect in message.rectangles]
    assert controls == [0, 0, 0, 0]


async def test_raw_does_not_wait_for_its_end(house: House) -> None:
    picture = update(raw(7))
    async with house.opened() as browser:
        house.say(picture[:5000])
        assert await browser.read(4900) == picture[:4900]
        house.say(picture[5000:])
        assert await browser.read(len(picture) - 4900) == picture[4900:]


async def test_hextile_does_not_wait_for_its_end(house: House) -> None:
    """Tile by tile: twelve of them, the first six are there before the others are sent."""
    tile = b"\x01" + bytes(16 * 16 * 4)
    picture = update(rectangle(Encoding.HEXTILE, tile * 12))
    async with house.opened() as browser:
        half = 16 + 6 * len(tile)
        house.say(picture[: half + 100])
        assert await browser.read(half) == picture[:half]
        house.say(picture[half + 100 :])
        assert await browser.read(len(picture) - half) == picture[half:]


async def test_a_compressed_rectangle_is_released_whole(house: House) -> None:
    """Half of it stays back, so that a splice could drop it; what comes before it does not."""
    data = Stream().piece(bytes(range(256)) * 48)
    body = struct.pack(">I", len(data)) + data
    picture = update(raw(1), rectangle(Encoding.ZLIB, body))
    async with house.opened() as browser:
        house.say(picture[:-5])
        assert await browser.read(len(update(raw(1)))) == picture[: len(update(raw(1)))]
        with pytest.raises(TimeoutError):
            await browser.read(1 + 12, within=0.3)
        house.say(picture[-5:])
        rest = await browser.read(len(picture) - len(update(raw(1))) - len(browser.payload))
        assert rest.endswith(picture[-5:])


async def test_a_rectangle_too_large_to_hold_streams(house: House) -> None:
    """More than limits.held (4 MiB) is announced: its first bytes pass before its last are sent."""
    length = 5 * 1024 * 1024
    picture = update(rectangle(Encoding.ZRLE, struct.pack(">I", length)))
    async with house.opened() as browser:
        house.say(picture + bytes(1_000_000))
        assert await browser.read(900_000) == (picture + bytes(900_000))[:900_000]


@pytest.mark.parametrize("pieces", [1, 3, 1000])
async def test_messages_of_the_browser_may_be_cut_anywhere(house: House, pieces: int) -> None:
    """One message over many frames, many messages in one frame: the server hears the same."""
    said = messages.key(0x61, down=True) + messages.pointer(3, 4, 1) + messages.cut_text("text " * 20)
    said += messages.set_pixel_format(BGR233) + messages.update_request(0, 0, 9, 9, incremental=True)
    async with house.opened() as browser:
        house.puppet.heard.clear()
        for at in range(0, len(said), pieces):
            await browser.send(said[at : at + pieces])
        await eventually(lambda: len(house.puppet.heard) >= len(said), within=5)
        assert house.puppet.heard == said


async def test_a_message_reaches_the_server_only_when_it_is_whole(house: House) -> None:
    said = messages.cut_text("half of this is late")
    async with house.opened() as browser:
        house.puppet.heard.clear()
        await browser.send(messages.key(0x61, down=True) + said[:12])
        await eventually(lambda: len(house.puppet.heard) >= 8, within=5)
        await asyncio.sleep(0.1)
        assert house.puppet.heard == messages.key(0x61, down=True)
        await browser.send(said[12:])
        await eventually(lambda: house.puppet.heard == messages.key(0x61, down=True) + said, within=5)


async def test_framing_that_is_lost_in_mid_session_has_a_name(house: House) -> None:
    async with house.opened() as browser:
        house.say(update(raw(1)))
        assert await browser.read(len(update(raw(1)))) == update(raw(1))
        house.say(bytes((200,)) * 50)
        assert await browser.closed() == Closed(4506, "not_understood")
