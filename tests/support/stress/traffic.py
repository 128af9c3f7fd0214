"""Random RFB messages: their structure is valid (RFC 6143, rfbproto), their content is random bytes.

Built with code of its own, in both directions, from the pixel format and the encodings below. None of them is among
those that the gateway may change (rfb.md §1): what goes in must come out.
"""

import struct
from collections.abc import Callable
from random import Random

Message = Callable[[Random], bytes]

WIDTH, HEIGHT = 800, 600
PIXEL_FORMAT = struct.pack(">BBBBHHHBBB3x", 32, 24, 0, 1, 255, 255, 255, 0, 8, 16)
PIXEL = 4
TIGHT_PIXEL = 3  # of that format

RAW, COPY_RECT, RRE, HEXTILE, ZLIB, TIGHT, ZRLE = 0, 1, 2, 5, 6, 7, 16
LAST_RECT, CURSOR, DESKTOP_NAME = -224, -239, -307
ENCODINGS = (TIGHT, ZRLE, ZLIB, HEXTILE, RRE, COPY_RECT, RAW, LAST_RECT, CURSOR, DESKTOP_NAME)

SET_ENCODINGS = struct.pack(f">BxH{len(ENCODINGS)}i", 2, len(ENCODINGS), *ENCODINGS)
"""What the client asks for: all of them, so that there is nothing to take out."""


def server_init(name: str) -> bytes:
    """ServerInit (RFC 6143 §7.3.2)."""
    return struct.pack(">HH", WIDTH, HEIGHT) + PIXEL_FORMAT + _counted(name.encode())


def server_message(dice: Random) -> bytes:
    """An update mostly; now and then a bell or a text."""
    kind = dice.random()
    if kind < 0.03:
        return b"\x02"
    if kind < 0.06:
        return b"\x03\0\0\0" + _counted(dice.randbytes(dice.randrange(2000)))
    rectangles = [_rectangle(dice) for _ in range(dice.randint(1, 6))]
    if dice.random() < 0.2:
        return b"\0\0\xff\xff" + b"".join(rectangles) + struct.pack(">4Hi", 0, 0, 0, 0, LAST_RECT)
    return struct.pack(">BxH", 0, len(rectangles)) + b"".join(rectangles)


def client_message(dice: Random) -> bytes:
    """A key, a pointer, a request, a text, or the encodings again."""
    kind = dice.random()
    x, y = dice.randrange(WIDTH), dice.randrange(HEIGHT)
    if kind < 0.3:
        return struct.pack(">BBxxI", 4, dice.randrange(2), dice.randrange(0x20, 0xFFFF))
    if kind < 0.7:
        return struct.pack(">BBHH", 5, dice.randrange(128), x, y)
    if kind < 0.85:
        return struct.pack(">BBHHHH", 3, dice.randrange(2), x, y, WIDTH - x, HEIGHT - y)
    if kind < 0.98:
        return b"\x06\0\0\0" + _counted(dice.randbytes(dice.choice([0, 1, 50, 3000, dice.randrange(20_000)])))
    return SET_ENCODINGS


def _counted(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _rectangle(dice: Random) -> bytes:
    encoding = dice.choice(list(_CONTENT))
    width, height = dice.choice([(1, 1), (16, 16), (17, 33), (64, 64), (dice.randint(1, 300), dice.randint(1, 40))])
    x, y = dice.randrange(WIDTH - width), dice.randrange(HEIGHT - height)
    return struct.pack(">4Hi", x, y, width, height, encoding) + _CONTENT[encoding](dice, width, height)


def _raw(dice: Random, width: int, height: int) -> bytes:
    return dice.randbytes(width * height * PIXEL)


def _copy_rect(dice: Random, width: int, height: int) -> bytes:
    return struct.pack(">HH", dice.randrange(WIDTH - width), dice.randrange(HEIGHT - height))


def _rre(dice: Random, width: int, height: int) -> bytes:
    count = dice.randrange(20)
    return struct.pack(">I", count) + dice.randbytes(PIXEL + count * (PIXEL + 8))


def _hextile(dice: Random, width: int, height: int) -> bytes:
    """Tiles of 16 by 16 (RFC 6143 §7.7.4); the first names a background, as it must."""
    tiles = []
    for y in range(0, height, 16):
        for x in range(0, width, 16):
            kind = dice.choice([1, 2, 2 | 4 | 8, 2 | 8 | 16]) if not tiles else dice.choice([0, 1, 2, 4 | 8, 8 | 16])
            tiles.append(bytes([kind]) + _tile(dice, kind, min(16, width - x), min(16, height - y)))
    return b"".join(tiles)


def _tile(dice: Random, kind: int, width: int, height: int) -> bytes:
    if kind & 1:
        return dice.randbytes(width * height * PIXEL)
    colours = dice.randbytes(PIXEL * ((kind >> 1 & 1) + (kind >> 2 & 1)))
    if not kind & 8:
        return colours
    count = dice.randrange(10)
    return colours + bytes([count]) + dice.randbytes(count * (2 + (PIXEL if kind & 16 else 0)))


def _zlib(dice: Random, width: int, height: int) -> bytes:
    return _counted(dice.randbytes(dice.choice([0, 3, 100, 1400, dice.randrange(30_000)])))


def _tight(dice: Random, width: int, height: int) -> bytes:
    """Fill, JPEG, and the basic kinds (rfbproto, Tight encoding); no stream is ever reset."""
    kind = dice.choice(["fill", "jpeg", "copy", "palette", "gradient"])
    if kind == "fill":
        return b"\x80" + dice.randbytes(TIGHT_PIXEL)
    if kind == "jpeg":
        return b"\x90" + _compact(dice.randbytes(dice.choice([1, 127, 128, dice.randrange(1, 20_000)])))
    stream = dice.randrange(4) << 4
    if kind == "copy":
        return bytes([stream]) + _compressed(dice, width * height * TIGHT_PIXEL)
    if kind == "gradient":
        return bytes([stream | 0x40, 2]) + _compressed(dice, width * height * TIGHT_PIXEL)
    colours = dice.choice([2, 3, 256])
    row = -(-width // 8) if colours == 2 else width
    palette = bytes([stream | 0x40, 1, colours - 1]) + dice.randbytes(colours * TIGHT_PIXEL)
    return palette + _compressed(dice, row * height)


def _compressed(dice: Random, size: int) -> bytes:
    """`size` bytes before compression: below 12 they are sent as they are, else some zlib data."""
    if size < 12:
        return dice.randbytes(size)
    return _compact(dice.randbytes(dice.choice([3, 127, 128, 500, 16_383, 16_384, dice.randrange(3, 20_000)])))


def _compact(data: bytes) -> bytes:
    """Length in one to three bytes, 7, 7 and 8 bits of it, the lowest first."""
    length = len(data)
    if length < 1 << 7:
        return bytes([length]) + data
    if length < 1 << 14:
        return bytes([length & 0x7F | 0x80, length >> 7]) + data
    return bytes([length & 0x7F | 0x80, length >> 7 & 0x7F | 0x80, length >> 14]) + data


def _cursor(dice: Random, width: int, height: int) -> bytes:
    return dice.randbytes(width * height * PIXEL + -(-width // 8) * height)


def _desktop_name(dice: Random, width: int, height: int) -> bytes:
    return _counted(f"desktop {dice.randrange(1000)}".encode())


_CONTENT: dict[int, Callable[[Random, int, int], bytes]] = {
    RAW: _raw,
    COPY_RECT: _copy_rect,
    RRE: _rre,
    HEXTILE: _hextile,
    ZLIB: _zlib,
    ZRLE: _zlib,
    TIGHT: _tight,
    CURSOR: _cursor,
    DESKTOP_NAME: _desktop_name,
}
