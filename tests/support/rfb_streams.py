"""Valid RFB streams made to measure, with a note of every place where the gateway may cut them.

Built from the layouts of RFC 6143 and rfbproto, and not from the gateway's code. Contents are arbitrary where framing
does not look; zlib data is real where it does.
"""

import random
import struct
import zlib
from dataclasses import dataclass, field

RAW, COPY_RECT, RRE, CORRE, HEXTILE, ZLIB, TIGHT, ZRLE, ZYWRLE, JPEG, H264 = 0, 1, 2, 4, 5, 6, 7, 16, 17, 21, 50
DESKTOP_SIZE, LAST_RECT, POINTER_POSITION, CURSOR, X_CURSOR = -223, -224, -232, -239, -240
POINTER_MOTION, QEMU_KEY, AUDIO, LED, DESKTOP_NAME, EXTENDED_DESKTOP_SIZE = -257, -258, -259, -261, -307, -308
TIGHT_PNG, EXTENDED_MOUSE, CURSOR_WITH_ALPHA = -260, -316, -314
VMWARE_CURSOR, VMWARE_POSITION, VMWARE_LED = 0x574D5664, 0x574D5666, 0x574D5668

FLUSHED = b"\0\0\xff\xff"


@dataclass(frozen=True)
class Format:
    """A pixel format: its 16 bytes, and the sizes that lengths depend on."""

    wire: bytes
    pixel: int
    tpixel: int


def pixel_format(bits: int, depth: int, *, true_colour: int = 1, maximum: int = 255) -> Format:
    wire = struct.pack(">BBBBHHHBBBxxx", bits, depth, 0, true_colour, maximum, maximum, maximum, 0, 8, 16)
    compact = bits == 32 and depth == 24 and true_colour and maximum == 255
    return Format(wire, bits // 8, 3 if compact else bits // 8)


RGB888 = pixel_format(32, 24)
RGB565 = Format(struct.pack(">BBBBHHHBBBxxx", 16, 16, 0, 1, 31, 63, 31, 11, 5, 0), 2, 2)
BGR233 = Format(struct.pack(">BBBBHHHBBBxxx", 8, 8, 0, 1, 7, 7, 3, 0, 3, 6), 1, 1)
COLOUR_MAP = Format(struct.pack(">BBBBHHHBBBxxx", 8, 8, 0, 0, 0, 0, 0, 0, 0, 0), 1, 1)
FORMATS = (RGB888, RGB565, BGR233, COLOUR_MAP, pixel_format(32, 32))


def server_init(form: Format = RGB888, width: int = 640, height: int = 480, name: bytes = b"desk") -> bytes:
    return struct.pack(">HH16sI", width, height, form.wire, len(name)) + name


def rectangle(encoding: int, body: bytes = b"", *, x: int = 0, y: int = 0, width: int = 0, height: int = 0) -> bytes:
    return struct.pack(">HHHHi", x, y, width, height, encoding) + body


def update(*rectangles: bytes, count: int | None = None) -> bytes:
    return struct.pack(">BxH", 0, len(rectangles) if count is None else count) + b"".join(rectangles)


def compact(length: int) -> bytes:
    """Tight's length of one to three bytes."""
    parts = [length & 0x7F, length >> 7 & 0x7F, length >> 14]
    used = 3 if parts[2] else 2 if parts[1] else 1
    return bytes(part | 0x80 if i < used - 1 else part for i, part in enumerate(parts[:used]))


class Deflater:
    """A zlib stream as servers make them: flushed to a byte's border after each rectangle."""

    def __init__(self, window: int = 15) -> None:
        self._stream = zlib.compressobj(wbits=window)

    def __call__(self, data: bytes, flush: int = zlib.Z_SYNC_FLUSH) -> bytes:
        return self._stream.compress(data) + self._stream.flush(flush)


@dataclass
class Wire:
    """A stream in the making. `cuts`: places up to which everything may be released, besides those inside `open`:
    ranges in which every place is one."""

    form: Format = RGB888
    seed: int = 0
    data: bytearray = field(default_factory=bytearray)
    cuts: list[int] = field(default_factory=lambda: [0])
    open: list[range] = field(default_factory=list)
    deflaters: dict[int, Deflater] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)

    def whole(self, data: bytes) -> None:
        """Something that is released when all of it is there."""
        self.data += data
        self.cuts.append(len(self.data))

    def released(self, received: int) -> int:
        """How much of the stream is released when so much of it has been received."""
        best = max(cut for cut in self.cuts if cut <= received)
        return max([best, *(min(received, span.stop - 1) for span in self.open if span.start <= received)])

    def some(self, length: int) -> bytes:
        return self.dice.randbytes(length)

    def size(self, most: int = 40) -> tuple[int, int]:
        return self.dice.randint(0, most), self.dice.randint(0, most)

    def deflate(self, stream: int, data: bytes) -> bytes:
        return self.deflaters.setdefault(stream, Deflater())(data)


def raw(wire: Wire) -> None:
    width, height = wire.size()
    head = rectangle(RAW, width=width, height=height)
    begin = len(wire.data) + len(head)
    wire.whole(head + wire.some(width * height * wire.form.pixel))
    wire.open.append(range(begin, len(wire.data) + 1))


def copy_rect(wire: Wire) -> None:
    wire.whole(rectangle(COPY_RECT, wire.some(4), width=9, height=9))


def rre(wire: Wire) -> None:
    count = wire.dice.randint(0, 30)
    pixel = wire.form.pixel
    wire.whole(rectangle(RRE, struct.pack(">I", count) + wire.some(pixel + count * (pixel + 8)), width=50, height=50))


def corre(wire: Wire) -> None:
    count = wire.dice.randint(0, 30)
    pixel = wire.form.pixel
    wire.whole(rectangle(CORRE, struct.pack(">I", count) + wire.some(pixel + count * (pixel + 4)), width=50, height=50))


def hextile(wire: Wire) -> None:
    width, height = wire.size(70)
    wire.whole(rectangle(HEXTILE, width=width, height=height))
    for top in range(0, height, 16):
        for left in range(0, width, 16):
            wire.whole(_tile(wire, min(16, width - left), min(16, height - top)))


def _tile(wire: Wire, width: int, height: int) -> bytes:
    mask, pixel = wire.dice.randrange(32), wire.form.pixel
    if mask & 1:
        return bytes([mask]) + wire.some(width * height * pixel)
    body = wire.some(pixel * (bool(mask & 2) + bool(mask & 4)))
    if mask & 8:
        count = wire.dice.choice([0, 1, 5, 255])
        body += bytes([count]) + wire.some(count * (2 + pixel if mask & 16 else 2))
    return bytes([mask]) + body


def compressed(encoding: int, stream: int):
    def build(wire: Wire) -> None:
        data = wire.deflate(stream, wire.some(wire.dice.randint(0, 500)))
        wire.whole(rectangle(encoding, struct.pack(">I", len(data)) + data, width=64, height=64))

    return build


def tight(wire: Wire) -> None:
    wire.whole(tight_rectangle(wire, TIGHT))


def tight_png(wire: Wire) -> None:
    if wire.dice.random() < 0.5:
        data = wire.some(wire.dice.choice([0, 100, 127, 128, 16383, 16384]))
        wire.whole(rectangle(TIGHT_PNG, b"\xa0" + compact(len(data)) + data, width=16, height=16))
    else:
        wire.whole(tight_rectangle(wire, TIGHT_PNG))


def tight_rectangle(wire: Wire, encoding: int) -> bytes:
    dice, tpixel = wire.dice, wire.form.tpixel
    width, height = dice.choice([(0, 0), (1, 1), (3, 1), (3, 3), (8, 2), (30, 20), (200, 3)])
    kind = dice.choice(["fill", "jpeg", "copy", "filter copy", "palette", "gradient"])
    if kind == "fill":
        return rectangle(encoding, b"\x80" + wire.some(tpixel), width=width, height=height)
    if kind == "jpeg":
        data = wire.some(dice.choice([1, 100, 127, 128, 3000, 16383, 16384, 20000]))
        return rectangle(encoding, b"\x90" + compact(len(data)) + data, width=width, height=height)
    stream = dice.randrange(4)
    control, size = stream << 4, width * height * tpixel
    head = b""
    if kind != "copy":
        control |= 0x40
        head = {"filter copy": b"\0", "gradient": b"\2", "palette": b"\1"}[kind]
    if kind == "palette":
        colours = dice.choice([1, 2, 3, 16, 256])
        head += bytes([colours - 1]) + wire.some(colours * tpixel)
        size = (width + 7) // 8 * height if colours <= 2 else width * height
    pixels = wire.some(size)
    if size >= 12:
        data = wire.deflate(stream, pixels)
        pixels = compact(len(data)) + data
    return rectangle(encoding, bytes([control]) + head + pixels, width=width, height=height)


def jpeg_image(dice: random.Random) -> bytes:
    """Marker segments as in a progressive image: several scans, stuffed zeros, restarts, fill bytes."""
    parts = [b"\xff\xd8", b"\xff\xe0\x00\x10" + dice.randbytes(14)]
    for _ in range(dice.randint(1, 3)):
        length = dice.randint(2, 300)
        parts.append(b"\xff" * dice.randint(1, 3) + b"\xdb" + struct.pack(">H", length) + dice.randbytes(length - 2))
        parts.append(b"\xff\xda\x00\x08" + dice.randbytes(6))
        scan = dice.randbytes(dice.randint(0, 400)).replace(b"\xff", b"\xff\x00")
        parts.append(scan + b"\xff\xd3" + b"\x12\xff\x00\xff\x00")
    parts.append(b"\xff\xd9")
    return b"".join(parts)


def jpeg(wire: Wire) -> None:
    wire.whole(rectangle(JPEG, jpeg_image(wire.dice), width=32, height=32))


def h264(wire: Wire) -> None:
    data = wire.some(wire.dice.randint(0, 900))
    wire.whole(rectangle(H264, struct.pack(">II", len(data), 1) + data, width=32, height=32))


def cursor(wire: Wire) -> None:
    width, height = wire.size()
    body = wire.some(width * height * wire.form.pixel + (width + 7) // 8 * height)
    wire.whole(rectangle(CURSOR, body, width=width, height=height))


def x_cursor(wire: Wire) -> None:
    width, height = wire.size()
    body = wire.some(6 + 2 * ((width + 7) // 8) * height) if width * height else b""
    wire.whole(rectangle(X_CURSOR, body, width=width, height=height))


def vmware_cursor(wire: Wire) -> None:
    width, height = wire.size()
    kind = wire.dice.randrange(2)
    body = bytes([kind, 0]) + wire.some(width * height * (4 if kind else 2 * wire.form.pixel))
    wire.whole(rectangle(VMWARE_CURSOR, body, width=width, height=height))


def cursor_with_alpha(wire: Wire) -> None:
    width, height = wire.size()
    body = struct.pack(">i", RAW) + wire.some(width * height * 4)
    wire.whole(rectangle(CURSOR_WITH_ALPHA, body, width=width, height=height))


def extended_desktop_size(wire: Wire) -> None:
    screens = wire.dice.choice([0, 1, 3, 255])
    body = bytes([screens, 0, 0, 0]) + wire.some(16 * screens)
    wire.whole(rectangle(EXTENDED_DESKTOP_SIZE, body, width=640, height=480))


def desktop_name(wire: Wire) -> None:
    name = wire.some(wire.dice.choice([0, 5, 300]))
    wire.whole(rectangle(DESKTOP_NAME, struct.pack(">I", len(name)) + name))


def fixed(encoding: int, length: int):
    def build(wire: Wire) -> None:
        wire.whole(rectangle(encoding, wire.some(length), width=640, height=480))

    return build


RECTANGLES = {
    "raw": raw,
    "copy_rect": copy_rect,
    "rre": rre,
    "corre": corre,
    "hextile": hextile,
    "zlib": compressed(ZLIB, 4),
    "zrle": compressed(ZRLE, 5),
    "zywrle": compressed(ZYWRLE, 6),
    "zywrle, zrle's stream": compressed(ZYWRLE, 5),
    "tight": tight,
    "tight_png": tight_png,
    "jpeg": jpeg,
    "h264": h264,
    "cursor": cursor,
    "x_cursor": x_cursor,
    "vmware_cursor": vmware_cursor,
    "cursor_with_alpha": cursor_with_alpha,
    "extended_desktop_size": extended_desktop_size,
    "desktop_name": desktop_name,
    "desktop_size": fixed(DESKTOP_SIZE, 0),
    "pointer_position": fixed(POINTER_POSITION, 0),
    "pointer_motion": fixed(POINTER_MOTION, 0),
    "qemu_key": fixed(QEMU_KEY, 0),
    "audio": fixed(AUDIO, 0),
    "extended_mouse": fixed(EXTENDED_MOUSE, 0),
    "vmware_position": fixed(VMWARE_POSITION, 0),
    "led": fixed(LED, 1),
    "vmware_led": fixed(VMWARE_LED, 4),
}
"""Every rectangle that framing knows, by name; each adds one to a Wire."""


def add_update(wire: Wire, names: list[str], *, last_rect: bool = False) -> None:
    """A FramebufferUpdate with these rectangles, ended by its count or by LastRect."""
    wire.whole(update(count=wire.dice.choice([65535, len(names) + 5]) if last_rect else len(names)))
    for name in names:
        RECTANGLES[name](wire)
    if last_rect:
        wire.whole(rectangle(LAST_RECT))
