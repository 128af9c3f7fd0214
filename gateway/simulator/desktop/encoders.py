"""Turns parts of the canvas into rectangles of the encoding that a viewer prefers.

One `Encoders` a connection: the zlib streams of Zlib, ZRLE and Tight live as long as it does. Leaves the choice
of what to send to the server.
"""

import struct
from collections.abc import Iterator
from typing import Protocol

from gateway.simulator.desktop.canvas import Canvas
from gateway.simulator.desktop.deflate import Deflate
from gateway.simulator.desktop.geometry import Rect
from gateway.simulator.desktop.hextile import Hextile
from gateway.simulator.desktop.pixel_format import PixelFormat
from gateway.simulator.desktop.tight import Tight
from gateway.simulator.desktop.wire import Encoding, rectangle
from gateway.simulator.desktop.zrle import Zrle


class Encoder(Protocol):
    """One encoding. `piece` is the largest (width, height) of a rectangle that it makes."""

    piece: tuple[int, int]

    def encode(self, canvas: Canvas, rect: Rect, pixel_format: PixelFormat) -> bytes: ...


class Raw:
    """RFC 6143 §7.7.1."""

    piece = (0xFFFF, 0xFFFF)

    def encode(self, canvas: Canvas, rect: Rect, pixel_format: PixelFormat) -> bytes:
        return pixel_format.convert(canvas.region(rect))


class Zlib:
    """Raw pixels through one zlib stream (rfbproto, "Zlib Encoding")."""

    piece = (0xFFFF, 64)

    def __init__(self, level: int) -> None:
        self._deflate = Deflate(level)

    def encode(self, canvas: Canvas, rect: Rect, pixel_format: PixelFormat) -> bytes:
        data = self._deflate(pixel_format.convert(canvas.region(rect)))
        return struct.pack(">I", len(data)) + data


class Encoders:
    """The encodings of one connection, made when first used. `level`: zlib's, 0 to 9."""

    def __init__(self) -> None:
        self.level = 1  # light on the processor
        self._made: dict[Encoding, Encoder] = {}

    def rectangles(self, encoding: Encoding, canvas: Canvas, rect: Rect, pixel_format: PixelFormat) -> Iterator[bytes]:
        """The rectangles that show `rect`."""
        encoder = self._made.get(encoding)
        if encoder is None:
            encoder = self._made[encoding] = self._make(encoding)
        width, height = encoder.piece
        for y in range(rect.y, rect.bottom, height):
            for x in range(rect.x, rect.right, width):
                piece = Rect(x, y, width, height).intersect(rect)
                yield rectangle(piece, encoding, encoder.encode(canvas, piece, pixel_format))

    def _make(self, encoding: Encoding) -> Encoder:
        match encoding:
            case Encoding.TIGHT:
                return Tight(self.level)
            case Encoding.ZRLE:
                return Zrle(self.level)
            case Encoding.HEXTILE:
                return Hextile()
            case Encoding.ZLIB:
                return Zlib(self.level)
            case _:
                return Raw()
