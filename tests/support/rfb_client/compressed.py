"""Rectangles in zlib streams that live as long as the connection: Zlib, ZRLE, ZYWRLE (RFC 6143 §7.7.6)."""

import zlib

import numpy as np

from support.rfb_client.pixels import Colours, DecodeError, Palette
from support.rfb_client.rectangles import Canvas, Rectangle, Steps


class Inflator:
    """One zlib stream over many rectangles."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj()

    def inflate(self, data: bytes) -> bytes:
        try:
            return self._stream.decompress(data)
        except zlib.error as error:
            raise DecodeError(f"zlib: {error}") from error


def zlib_rect(canvas: Canvas, rect: Rectangle, stream: Inflator) -> Steps:
    length = int.from_bytes((yield 4), "big")
    rect.compressed.append((rect.start + 16, rect.start + 16 + length))
    data = stream.inflate((yield length))
    if len(data) != rect.area * canvas.palette.format.size:
        raise DecodeError(f"Zlib: {len(data)} bytes for {rect.width}x{rect.height}")
    if rect.area:
        canvas.framebuffer.paint(rect.x, rect.y, rect.width, rect.height, canvas.palette.pixels(data))


def zrle(canvas: Canvas, rect: Rectangle, stream: Inflator) -> Steps:
    length = int.from_bytes((yield 4), "big")
    rect.compressed.append((rect.start + 16, rect.start + 16 + length))
    reader = _Reader(stream.inflate((yield length)), canvas.palette)
    for top in range(0, rect.height, 64):
        for left in range(0, rect.width, 64):
            width, height = min(64, rect.width - left), min(64, rect.height - top)
            tile = _tile(reader, width, height)
            canvas.framebuffer.paint(rect.x + left, rect.y + top, width, height, tile)
    reader.finish()


def zywrle(canvas: Canvas, rect: Rectangle, stream: Inflator) -> Steps:
    """Framed and inflated only: the wavelet's pixels are lossy and nobody compares them."""
    length = int.from_bytes((yield 4), "big")
    rect.compressed.append((rect.start + 16, rect.start + 16 + length))
    stream.inflate((yield length))
    canvas.framebuffer.cover(rect.x, rect.y, rect.width, rect.height)


class _Reader:
    """Inflated ZRLE data, read from front to end."""

    def __init__(self, data: bytes, palette: Palette) -> None:
        self._data = data
        self._at = 0
        self._palette = palette
        self._size = palette.format.compact_pixel

    def take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._data):
            raise DecodeError("ZRLE: inflated data ends inside a tile")
        taken, self._at = self._data[self._at : end], end
        return taken

    def byte(self) -> int:
        return self.take(1)[0]

    def colours(self, count: int) -> Colours:
        return self.decoded(self.take(count * self._size))

    def decoded(self, pixels: bytes) -> Colours:
        return self._palette.compact(pixels)

    def run(self) -> int:
        """A run length: one more than the sum of bytes up to the first that is not 255."""
        length = 1
        while (more := self.byte()) == 255:
            length += 255
        return length + more

    def pixel_run(self) -> tuple[bytes, int]:
        """A pixel and how often it comes. Noise has one for each pixel, so this is not put together from the above."""
        data, at, end = self._data, self._at, self._at + self._size
        pixel, length = data[at:end], 1
        try:
            while data[end] == 255:
                end, length = end + 1, length + 255
            length += data[end]
        except IndexError:
            raise DecodeError("ZRLE: inflated data ends inside a tile") from None
        self._at = end + 1
        return pixel, length

    def finish(self) -> None:
        if self._at != len(self._data):
            raise DecodeError(f"ZRLE: {len(self._data) - self._at} inflated bytes too many")


def _tile(reader: _Reader, width: int, height: int) -> Colours:
    area, kind = width * height, reader.byte()
    if kind == 0:
        return reader.colours(area)
    if kind == 1:
        return np.broadcast_to(reader.colours(1), (area, 3)).copy()
    if 2 <= kind <= 16:
        colours = reader.colours(kind)
        return colours[_packed(reader, kind, width, height)]
    if kind == 128:
        return _plain_runs(reader, area)
    if kind >= 130:
        return _palette_runs(reader, reader.colours(kind - 128), area)
    raise DecodeError(f"ZRLE: subencoding {kind}")


def _packed(reader: _Reader, colours: int, width: int, height: int) -> Colours:
    """Palette indices of 1, 2 or 4 bits, each row beginning on a byte."""
    bits = 1 if colours == 2 else 2 if colours <= 4 else 4
    row = (width * bits + 7) // 8
    data = np.frombuffer(reader.take(row * height), np.uint8).reshape(height, row)
    planes = [(data >> shift) & ((1 << bits) - 1) for shift in range(8 - bits, -1, -bits)]
    indices = np.stack(planes, axis=-1).reshape(height, -1)[:, :width].reshape(-1)
    if indices.size and indices.max() >= colours:
        raise DecodeError("ZRLE: index outside the palette")
    return indices


def _plain_runs(reader: _Reader, area: int) -> Colours:
    pixels, lengths, total = bytearray(), [], 0
    while total < area:
        pixel, length = reader.pixel_run()
        pixels += pixel
        lengths.append(length)
        total += length
    return _stretch(reader.decoded(bytes(pixels)), lengths, area)


def _palette_runs(reader: _Reader, colours: Colours, area: int) -> Colours:
    indices, lengths, total = [], [], 0
    while total < area:
        index = reader.byte()
        indices.append(index & 127)
        lengths.append(reader.run() if index & 128 else 1)
        total += lengths[-1]
    if max(indices) >= len(colours):
        raise DecodeError("ZRLE: index outside the palette")
    return _stretch(colours[indices], lengths, area)


def _stretch(colours: Colours, lengths: list[int], area: int) -> Colours:
    if sum(lengths) != area:
        raise DecodeError("ZRLE: run over the end of its tile")
    return np.repeat(colours, lengths, axis=0)
