"""Tight (rfbproto, "Tight Encoding"): fills, palettes and plain pixels through zlib streams. No JPEG."""

from gateway.simulator.desktop.canvas import Canvas
from gateway.simulator.desktop.colours import Colours
from gateway.simulator.desktop.deflate import Deflate
from gateway.simulator.desktop.geometry import Rect
from gateway.simulator.desktop.pixel_format import PixelFormat

FILL = 0x80
FILTER = 0x40  # a filter byte follows
PALETTE = 1
COPY_STREAM, MONO_STREAM, INDEX_STREAM = 0, 1, 2
MOST_COLOURS = 256
SHORTEST = 12  # bytes: less is sent as it is


class Tight:
    """`level` is zlib's. Streams are made when first used."""

    piece = (256, 64)  # small enough for fills and palettes, and far below the 2048 that a rectangle may be wide

    def __init__(self, level: int) -> None:
        self._level = level
        self._streams: dict[int, Deflate] = {}

    def encode(self, canvas: Canvas, rect: Rect, pixel_format: PixelFormat) -> bytes:
        colours = Colours(canvas.region(rect), rect.width)
        number = len(colours.palette)
        if number > MOST_COLOURS:
            return bytes([COPY_STREAM << 4]) + self._packed(COPY_STREAM, _pixels(colours.rgbx, pixel_format))
        palette = _pixels(colours.palette_rgbx(), pixel_format)
        if number == 1:
            return bytes([FILL]) + palette
        stream = MONO_STREAM if number == 2 else INDEX_STREAM
        data = colours.packed(1) if number == 2 else colours.indices()
        return bytes([stream << 4 | FILTER, PALETTE, number - 1]) + palette + self._packed(stream, data)

    def _packed(self, stream: int, data: bytes) -> bytes:
        if len(data) < SHORTEST:
            return data
        if stream not in self._streams:
            self._streams[stream] = Deflate(self._level)
        packed = self._streams[stream](data)
        return _length(len(packed)) + packed


def _pixels(rgbx: bytes, pixel_format: PixelFormat) -> bytes:
    """TPIXELs: red, green, blue where the format has eight bits of each, else pixels of the format."""
    if not pixel_format.tpixel:
        return pixel_format.convert(rgbx)
    out = bytearray(len(rgbx) // 4 * 3)
    for channel in range(3):
        out[channel::3] = rgbx[channel::4]
    return bytes(out)


def _length(size: int) -> bytes:
    """One to three bytes with seven, seven and eight bits, the lowest first."""
    if size < 1 << 7:
        return bytes([size])
    if size < 1 << 14:
        return bytes([size & 127 | 128, size >> 7])
    return bytes([size & 127 | 128, size >> 7 & 127 | 128, size >> 14])
