"""Rectangles without compression: Raw, CopyRect, RRE, CoRRE, Hextile (RFC 6143 §7.7.1 to §7.7.4).

Each decoder is a generator that yields how many bytes it wants next and is sent exactly those. `Canvas` is what it
draws on.
"""

import struct
from collections.abc import Generator
from dataclasses import dataclass, field

import numpy as np

from support.rfb_client.pixels import Colours, DecodeError, Framebuffer, Palette

Steps = Generator[int, bytes, None]


@dataclass(slots=True)
class Canvas:
    """Where decoders draw, and with which colours."""

    framebuffer: Framebuffer
    palette: Palette


@dataclass(slots=True)
class Rectangle:
    """One rectangle of an update: place, encoding, and where its bytes begin and end in the server's stream.

    `detail` says which form it took, where an encoding has several ("fill", "jpeg", "zlib 2 palette", …).
    `compressed` holds the places of its compressed data, (first byte, one past the last).
    """

    x: int
    y: int
    width: int
    height: int
    encoding: int
    start: int
    end: int = -1
    detail: str = ""
    compressed: list[tuple[int, int]] = field(default_factory=list)

    @property
    def area(self) -> int:
        return self.width * self.height


def raw(canvas: Canvas, rect: Rectangle) -> Steps:
    data = yield rect.area * canvas.palette.format.size
    if rect.area:
        canvas.framebuffer.paint(rect.x, rect.y, rect.width, rect.height, canvas.palette.pixels(data))


def copy_rect(canvas: Canvas, rect: Rectangle) -> Steps:
    from_x, from_y = struct.unpack(">HH", (yield 4))
    canvas.framebuffer.copy(rect.x, rect.y, rect.width, rect.height, from_x, from_y)


def rre(canvas: Canvas, rect: Rectangle) -> Steps:
    yield from _subrectangles(canvas, rect, ">HHHH")


def corre(canvas: Canvas, rect: Rectangle) -> Steps:
    yield from _subrectangles(canvas, rect, ">BBBB")


def _subrectangles(canvas: Canvas, rect: Rectangle, place: str) -> Steps:
    size = canvas.palette.format.size
    count = int.from_bytes((yield 4), "big")
    background = canvas.palette.pixels((yield size))
    data = yield count * (size + struct.calcsize(place))
    block = np.empty((rect.height, rect.width, 3), np.uint8)
    block[:] = background
    if count:
        colours, places = _columns(canvas.palette, data, count, size)
        for colour, (x, y, width, height) in zip(colours, struct.iter_unpack(place, places), strict=True):
            _fill(block, colour, x, y, width, height)
    if rect.area:
        canvas.framebuffer.paint(rect.x, rect.y, rect.width, rect.height, block)


def _columns(palette: Palette, data: bytes, count: int, size: int) -> tuple[Colours, bytes]:
    """The colours and the places of `count` subrectangles, each `size` bytes of pixel and then its place."""
    items = np.frombuffer(data, np.uint8).reshape(count, -1)
    return palette.pixels(items[:, :size].tobytes()), items[:, size:].tobytes()


def _fill(block: Colours, colour: Colours, x: int, y: int, width: int, height: int) -> None:
    if y + height > block.shape[0] or x + width > block.shape[1]:
        raise DecodeError(f"subrectangle {width}x{height} at {x},{y} is outside {block.shape[1]}x{block.shape[0]}")
    block[y : y + height, x : x + width] = colour


_RAW, _BACKGROUND, _FOREGROUND, _SUBRECTANGLES, _COLOURED = 1, 2, 4, 8, 16


def hextile(canvas: Canvas, rect: Rectangle) -> Steps:
    """Tiles of 16x16, left to right and top to bottom; colours carry over from tile to tile."""
    size = canvas.palette.format.size
    background = foreground = np.zeros(3, np.uint8)
    for top in range(0, rect.height, 16):
        for left in range(0, rect.width, 16):
            width, height = min(16, rect.width - left), min(16, rect.height - top)
            place = (rect.x + left, rect.y + top, width, height)
            mask = (yield 1)[0]
            if mask & _RAW:
                canvas.framebuffer.paint(*place, canvas.palette.pixels((yield width * height * size)))
                continue
            if mask & _BACKGROUND:
                background = canvas.palette.pixels((yield size))
            if mask & _FOREGROUND:
                foreground = canvas.palette.pixels((yield size))
            tile = np.empty((height, width, 3), np.uint8)
            tile[:] = background
            if mask & _SUBRECTANGLES:
                count = (yield 1)[0]
                own = size if mask & _COLOURED else 0
                data = yield count * (own + 2)
                colours, places = np.broadcast_to(foreground.reshape(1, 3), (count, 3)), data
                if own and count:
                    colours, places = _columns(canvas.palette, data, count, own)
                _draw_tile(tile, colours, places)
            canvas.framebuffer.paint(*place, tile)


def _draw_tile(tile: Colours, colours: Colours, places: bytes) -> None:
    """Subrectangles of a tile: x and y in one byte, width - 1 and height - 1 in the next."""
    for colour, (place, extent) in zip(colours, struct.iter_unpack("BB", places), strict=True):
        _fill(tile, colour, place >> 4, place & 15, (extent >> 4) + 1, (extent & 15) + 1)
