"""Streams that can be drawn: updates with real pixels in every encoding, and zlib streams as servers keep them.

Written from RFC 6143 and rfbproto, not from the gateway's code. What a stream shows is for a decoder to say that reads
it alone.
"""

import io
import random
import struct
from dataclasses import dataclass, field

from PIL import Image

from support.rfb_client.wire import RGB888, PixelFormat
from support.rfb_streams import COPY_RECT as COPY
from support.rfb_streams import (
    CORRE,
    CURSOR,
    DESKTOP_NAME,
    DESKTOP_SIZE,
    EXTENDED_DESKTOP_SIZE,
    H264,
    HEXTILE,
    JPEG,
    LAST_RECT,
    LED,
    QEMU_KEY,
    RAW,
    RRE,
    TIGHT,
    TIGHT_PNG,
    ZLIB,
    ZRLE,
    Deflater,
    compact,
)
from support.server_messages import cut_text, fence

DRAWN = (RAW, RRE, CORRE, HEXTILE, ZLIB, TIGHT, ZRLE, JPEG, H264, TIGHT_PNG)
"""Encodings that this server can cover a screen with; the picture of H.264 is nobody's to compare."""

ALL = (COPY, *DRAWN, DESKTOP_SIZE, LAST_RECT, CURSOR, QEMU_KEY, LED, DESKTOP_NAME, EXTENDED_DESKTOP_SIZE)


def extended_size(width: int, height: int, *, reason: int = 0, status: int = 0) -> bytes:
    """ExtendedDesktopSize with one screen."""
    screen = struct.pack(">IHHHHI", 1, 0, 0, width, height, 0)
    return struct.pack(">HHHHi", reason, status, width, height, EXTENDED_DESKTOP_SIZE) + b"\1\0\0\0" + screen


@dataclass
class Drawing:
    """A server in the making: `data` is what it has sent after ServerInit.

    `last_rect`: it ends updates that way at times. `window`: of its zlib streams.
    """

    width: int
    height: int
    seed: int = 0
    form: PixelFormat = RGB888
    last_rect: bool = True
    window: int = 15
    name: bytes = b"desk"
    data: bytearray = field(default_factory=bytearray)
    deflaters: dict[object, Deflater] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.shades = self.dice.randbytes(4)

    @property
    def server_init(self) -> bytes:
        return struct.pack(">HH16sI", self.width, self.height, self.form.pack(), len(self.name)) + self.name

    def refresh(self, encoding: int) -> None:
        """The whole screen anew, in strips of one encoding, in one update."""
        rectangles, top = [], 0
        while top < self.height:
            height = min(self.dice.randint(1, 24), self.height - top)
            rectangles.append(self.rectangle(encoding, 0, top, self.width, height))
            top += height
        self.send(rectangles)

    def change(self, encodings: list[int]) -> None:
        """A smaller update, one rectangle for each encoding."""
        rectangles = []
        for encoding in encodings:
            x, y = self.dice.randrange(self.width), self.dice.randrange(self.height)
            size = self.dice.randint(1, min(20, self.width - x)), self.dice.randint(1, min(20, self.height - y))
            rectangles.append(self.rectangle(encoding, x, y, *size))
        self.send(rectangles)

    def announce(self, *rectangles: bytes) -> None:
        """An update of pseudo rectangles, those that servers begin with if none are given."""
        self.send(list(rectangles) or [self._head(QEMU_KEY), self._head(LED) + b"\1", self._cursor()])

    def size(self, *, extended: bool) -> bytes:
        """A rectangle that tells the size."""
        if not extended:
            return self._head(DESKTOP_SIZE, 0, 0, self.width, self.height)
        return extended_size(self.width, self.height)

    def chatter(self) -> None:
        """A message that is no update."""
        self.data += self.dice.choice([b"\2", cut_text(b"something cut"), fence(3, b"no request")])

    def send(self, rectangles: list[bytes]) -> None:
        """An update of these, ended by its count or by LastRect."""
        ended = self.last_rect and self.dice.random() < 0.5
        count = self.dice.choice([65535, len(rectangles) + 3]) if ended else len(rectangles)
        self.data += struct.pack(">BxH", 0, count) + b"".join(rectangles)
        if ended:
            self.data += self._head(LAST_RECT)

    def rectangle(self, encoding: int, x: int, y: int, width: int, height: int) -> bytes:
        draw = {
            RAW: self._raw,
            COPY: self._copy,
            RRE: self._rre,
            CORRE: self._corre,
            HEXTILE: self._hextile,
            ZLIB: self._zlib,
            ZRLE: self._zrle,
            TIGHT: self._tight,
            TIGHT_PNG: self._png,
            JPEG: self._jpeg,
            H264: self._h264,
        }
        return self._head(encoding, x, y, width, height) + draw[encoding](width, height)

    def _head(self, encoding: int, x: int = 0, y: int = 0, width: int = 0, height: int = 0) -> bytes:
        return struct.pack(">HHHHi", x, y, width, height, encoding)

    def _pixels(self, count: int, size: int | None = None) -> bytes:
        """Pixels in few colours, so that zlib refers back, over rectangles too."""
        palette = [bytes([shade]) * (size or self.form.size) for shade in self.shades]
        return b"".join(self.dice.choices(palette, k=count))

    def _deflate(self, stream: object, data: bytes) -> bytes:
        return self.deflaters.setdefault(stream, Deflater(self.window))(data)

    def _raw(self, width: int, height: int) -> bytes:
        return self._pixels(width * height)

    def _copy(self, width: int, height: int) -> bytes:
        return struct.pack(">HH", self.dice.randint(0, self.width - width), self.dice.randint(0, self.height - height))

    def _rre(self, width: int, height: int) -> bytes:
        return self._subrectangles(width, height, ">HHHH")

    def _corre(self, width: int, height: int) -> bytes:
        return self._subrectangles(width, height, ">BBBB")

    def _subrectangles(self, width: int, height: int, place: str) -> bytes:
        count = self.dice.randint(0, 4)
        data = struct.pack(">I", count) + self._pixels(1)
        for _ in range(count):
            x, y = self.dice.randrange(width), self.dice.randrange(height)
            data += self._pixels(1) + struct.pack(place, x, y, width - x, height - y)
        return data

    def _hextile(self, width: int, height: int) -> bytes:
        tiles, first = [], True
        for top in range(0, height, 16):
            for left in range(0, width, 16):
                tiles.append(self._tile(min(16, width - left), min(16, height - top), first=first))
                first = tiles[-1][0] == 1  # what a raw tile leaves of the colours is not defined
        return b"".join(tiles)

    def _tile(self, width: int, height: int, *, first: bool) -> bytes:
        if self.dice.random() < 0.3:
            return b"\1" + self._pixels(width * height)
        mask = self.dice.choice([2, 6 | 8, 2 | 8 | 16] if first else [0, 2, 8 | 4, 2 | 8 | 16])
        data = bytes([mask]) + self._pixels(bool(mask & 2) + bool(mask & 4))
        if mask & 8:
            count = self.dice.randint(0, 3)
            data += bytes([count])
            for _ in range(count):
                x, y = self.dice.randrange(width), self.dice.randrange(height)
                colour = self._pixels(1) if mask & 16 else b""
                data += colour + bytes([x << 4 | y, (width - x - 1) << 4 | (height - y - 1)])
        return data

    def _zlib(self, width: int, height: int) -> bytes:
        data = self._deflate("zlib", self._pixels(width * height))
        return struct.pack(">I", len(data)) + data

    def _zrle(self, width: int, height: int) -> bytes:
        size, tiles = self.form.compact_pixel, []
        for top in range(0, height, 64):
            for left in range(0, width, 64):
                area = min(64, width - left) * min(64, height - top)
                solid = self.dice.random() < 0.3
                tiles.append(b"\1" + self._pixels(1, size) if solid else b"\0" + self._pixels(area, size))
        data = self._deflate("zrle", b"".join(tiles))
        return struct.pack(">I", len(data)) + data

    def _tight(self, width: int, height: int) -> bytes:
        tpixel, area = self.form.tight_pixel, width * height
        kind = self.dice.choice(["fill", "copy", "filtered copy", "palette", "gradient", "jpeg"])
        if kind == "fill":
            return b"\x80" + self._pixels(1, tpixel)
        if kind == "jpeg" and tpixel == 3:
            image = self._file(width, height, "JPEG")
            return b"\x90" + compact(len(image)) + image
        stream = self.dice.randrange(4)
        if kind == "copy":
            return self._basic(stream, bytes([stream << 4]), self._pixels(area, tpixel))
        head = bytes([stream << 4 | 0x40])
        if kind == "palette":
            colours = self.dice.choice([2, 3, 5])
            indices = bytes(self.dice.choices(range(colours), k=area))
            if colours == 2:
                indices = self.dice.randbytes((width + 7) // 8 * height)
            return self._basic(stream, head + bytes([1, colours - 1]) + self._pixels(colours, tpixel), indices)
        return self._basic(stream, head + (b"\2" if kind == "gradient" else b"\0"), self._pixels(area, tpixel))

    def _basic(self, stream: int, head: bytes, data: bytes) -> bytes:
        if len(data) < 12:
            return head + data
        packed = self._deflate(stream, data)
        return head + compact(len(packed)) + packed

    def _png(self, width: int, height: int) -> bytes:
        if self.dice.random() < 0.3:
            return self._tight(width, height)
        image = self._file(width, height, "PNG")
        return b"\xa0" + compact(len(image)) + image

    def _jpeg(self, width: int, height: int) -> bytes:
        return self._file(width, height, "JPEG")

    def _file(self, width: int, height: int, kind: str) -> bytes:
        file = io.BytesIO()
        Image.frombytes("RGB", (width, height), self._pixels(width * height, 3)).save(file, kind)
        return file.getvalue()

    def _h264(self, width: int, height: int) -> bytes:
        data = self.dice.randbytes(self.dice.randint(0, 60))
        return struct.pack(">II", len(data), self.dice.choice([0, 1])) + data

    def _cursor(self) -> bytes:
        width, height = self.dice.randint(0, 9), self.dice.randint(0, 9)
        mask = self.dice.randbytes((width + 7) // 8 * height)
        return self._head(CURSOR, 0, 0, width, height) + self._pixels(width * height) + mask


def drawing(
    width: int,
    height: int,
    seed: int,
    encodings: tuple[int, ...] = DRAWN,
    *,
    updates: int = 4,
    form: PixelFormat = RGB888,
    last_rect: bool = True,
) -> Drawing:
    """A server that announces, draws the whole screen, and goes on in any of `encodings`."""
    server = Drawing(width, height, seed, form, last_rect)
    if server.dice.random() < 0.7:
        server.announce()
    server.refresh(server.dice.choice(encodings))
    for _ in range(updates):
        if server.dice.random() < 0.3:
            server.chatter()
        else:
            server.change(server.dice.choices([*encodings, COPY], k=server.dice.randint(1, 4)))
    return server
