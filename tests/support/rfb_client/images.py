"""Rectangles that are files or streams of other standards: JPEG (21) and H.264 (50)."""

from collections.abc import Generator

from support.rfb_client.pixels import DecodeError
from support.rfb_client.rectangles import Canvas, Rectangle, Steps
from support.rfb_client.tight import picture

_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_TABLES = (0xC4, 0xDB)  # Huffman and quantisation


class JpegTables:
    """Tables of earlier rectangles: a later one may leave them out."""

    def __init__(self) -> None:
        self.segments = b""


def jpeg(canvas: Canvas, rect: Rectangle, tables: JpegTables) -> Steps:
    """A JPEG file, found to its end marker; tables that it lacks are those of the last that had some."""
    head, tables_here, rest = yield from _walk()
    if tables_here:
        tables.segments = tables_here
    else:
        head += tables.segments
    colours = picture(head + tables_here + rest, rect)
    canvas.framebuffer.paint(rect.x, rect.y, rect.width, rect.height, colours)


def _walk() -> Generator[int, bytes, tuple[bytes, bytes, bytes]]:
    """Start marker, table segments, and everything else."""
    start = yield 2
    if start != bytes((0xFF, _START)):
        raise DecodeError("JPEG: no start marker")
    tables, rest = b"", b""
    while True:
        marker = yield 2
        if marker[0] != 0xFF:
            raise DecodeError("JPEG: no marker where one is due")
        if marker[1] == _END:
            return start, tables, rest + marker
        length = yield 2
        segment = marker + length + (yield int.from_bytes(length, "big") - 2)
        if marker[1] in _TABLES:
            tables += segment
        else:
            rest += segment
        if marker[1] == _SCAN:
            end = yield from _scan()
            return start, tables, rest + end


def _scan() -> Generator[int, bytes, bytes]:
    """Entropy-coded data up to and with the end marker (only baseline files with one scan are decoded here)."""
    data = bytearray()
    while True:
        data += yield 1
        if len(data) >= 2 and data[-2] == 0xFF and data[-1] == _END:
            return bytes(data)


def h264(_canvas: Canvas, _rect: Rectangle) -> Steps:
    """Framed only: length, flags, data."""
    length = int.from_bytes((yield 8)[:4], "big")
    yield length
