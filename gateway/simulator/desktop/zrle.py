"""ZRLE (RFC 6143 §7.7.6): tiles of 64 by 64 pixels, packed or run-length encoded, through one zlib stream."""

import struct

from gateway.simulator.desktop.canvas import Canvas
from gateway.simulator.desktop.colours import Colours
from gateway.simulator.desktop.deflate import Deflate
from gateway.simulator.desktop.geometry import Rect
from gateway.simulator.desktop.pixel_format import PixelFormat

TILE = 64
RAW, SOLID, PLAIN_RLE = 0, 1, 128
MOST_PACKED = 16  # colours of a packed palette
MOST_PALETTE = 127  # colours of a palette with runs
RUN_PIXELS = 6  # runs shorter than that on the average are not worth it


class Zrle:
    """`level` is zlib's."""

    piece = (1024, 64)

    def __init__(self, level: int) -> None:
        self._deflate = Deflate(level)

    def encode(self, canvas: Canvas, rect: Rect, pixel_format: PixelFormat) -> bytes:
        tiles = [
            _tile(canvas, Rect(x, y, TILE, TILE).intersect(rect), pixel_format)
            for y in range(rect.y, rect.bottom, TILE)
            for x in range(rect.x, rect.right, TILE)
        ]
        data = self._deflate(b"".join(tiles))
        return struct.pack(">I", len(data)) + data


def _tile(canvas: Canvas, tile: Rect, pixel_format: PixelFormat) -> bytes:
    colours = Colours(canvas.region(tile), tile.width)
    number = len(colours.palette)
    if number > MOST_PACKED:
        return _runs(colours, pixel_format)
    palette = pixel_format.compact(colours.palette_rgbx())
    if number == 1:
        return bytes([SOLID]) + palette
    bits = 1 if number == 2 else 2 if number <= 4 else 4
    return bytes([number]) + palette + colours.packed(bits)


def _runs(colours: Colours, pixel_format: PixelFormat) -> bytes:
    """A tile of many colours: runs where it has them, else plain pixels."""
    runs = list(colours.runs())
    if len(runs) * RUN_PIXELS > len(colours.words):
        return bytes([RAW]) + pixel_format.compact(colours.rgbx)
    number = len(colours.palette)
    pixels = pixel_format.compact(colours.palette_rgbx())
    size = len(pixels) // number
    if number > MOST_PALETTE:
        pixel = {word: pixels[n * size : (n + 1) * size] for n, word in enumerate(colours.palette)}
        return bytes([PLAIN_RLE]) + b"".join(pixel[word] + _length(length) for word, length in runs)
    place = {word: index for index, word in enumerate(colours.palette)}
    coded = [
        bytes([place[word]]) if length == 1 else bytes([place[word] | 128]) + _length(length) for word, length in runs
    ]
    return bytes([PLAIN_RLE + number]) + pixels + b"".join(coded)


def _length(run: int) -> bytes:
    """One less than the length, as a sum of bytes that ends with one below 255."""
    whole, rest = divmod(run - 1, 255)
    return b"\xff" * whole + bytes([rest])
