"""Tight and TightPNG rectangles: four zlib streams, three filters, fills, JPEG and PNG (rfbproto, "Tight Encoding")."""

import io
from collections.abc import Generator

import numpy as np
from PIL import Image, UnidentifiedImageError

from support.rfb_client.compressed import Inflator
from support.rfb_client.pixels import Colours, DecodeError
from support.rfb_client.rectangles import Canvas, Rectangle, Steps

_FILL, _JPEG, _PNG = 8, 9, 10
_EXPLICIT_FILTER = 4
_COPY, _PALETTE, _GRADIENT = range(3)
_UNCOMPRESSED = 12  # data shorter than this is sent as it is


class TightStreams:
    """The four zlib streams of a connection."""

    def __init__(self) -> None:
        self._streams = [Inflator() for _ in range(4)]

    def reset(self, control: int) -> None:
        for number in range(4):
            if control & 1 << number:
                self._streams[number] = Inflator()

    def __getitem__(self, number: int) -> Inflator:
        return self._streams[number]


def tight(canvas: Canvas, rect: Rectangle, streams: TightStreams) -> Steps:
    control = (yield 1)[0]
    streams.reset(control)
    place, kind = (rect.x, rect.y, rect.width, rect.height), control >> 4
    if kind == _FILL:
        rect.detail = "fill"
        canvas.framebuffer.paint(*place, canvas.palette.tight((yield canvas.palette.format.tight_pixel)))
    elif kind in (_JPEG, _PNG):
        rect.detail = "jpeg" if kind == _JPEG else "png"
        data = yield from _compact(rect, rect.start + 13)
        canvas.framebuffer.paint(*place, picture(data, rect))
    elif kind < _FILL:
        colours = yield from _basic(canvas, rect, streams[kind & 3], kind)
        canvas.framebuffer.paint(*place, colours)
    else:
        raise DecodeError(f"Tight: control byte {control:#x}")


def picture(data: bytes, rect: Rectangle) -> Colours:
    """The colours of a JPEG or PNG file that fills `rect`."""
    try:
        image = Image.open(io.BytesIO(data))
        colours = np.asarray(image.convert("RGB"), np.uint8)
    except (UnidentifiedImageError, OSError) as error:
        raise DecodeError(f"image: {error}") from error
    if colours.shape[:2] != (rect.height, rect.width):
        raise DecodeError(f"image of {colours.shape[1]}x{colours.shape[0]} in {rect.width}x{rect.height}")
    return colours


def _basic(canvas: Canvas, rect: Rectangle, stream: Inflator, kind: int) -> Generator[int, bytes, Colours]:
    at, name, size, palette = rect.start + 13, _COPY, canvas.palette.format.tight_pixel, b""
    if kind & _EXPLICIT_FILTER:
        name, at = (yield 1)[0], at + 1
    length = rect.area * size
    if name == _PALETTE:
        count = (yield 1)[0] + 1
        palette = yield count * size
        at += 1 + len(palette)
        length = (rect.width + 7) // 8 * rect.height if count == 2 else rect.area
    elif name not in (_COPY, _GRADIENT):
        raise DecodeError(f"Tight: filter {name}")
    form = ("copy", "palette", "gradient")[name]
    if length < _UNCOMPRESSED:
        rect.detail = f"plain {form}"
        data = yield length
    else:
        rect.detail = f"zlib {kind & 3} {form}"
        data = stream.inflate((yield from _compact(rect, at)))
    if len(data) != length:
        raise DecodeError(f"Tight: {len(data)} bytes where {length} are due")
    if name == _PALETTE:
        return _indexed(data, canvas.palette.tight(palette), rect)
    return _gradient(data, canvas, rect) if name == _GRADIENT else canvas.palette.tight(data)


def _compact(rect: Rectangle, at: int) -> Generator[int, bytes, bytes]:
    """A length of 1 to 3 bytes, 7 bits each and 8 in the third, low ones first, and the data after it."""
    length, used = 0, 0
    while used < 3:
        byte = (yield 1)[0]
        length |= (byte if used == 2 else byte & 0x7F) << 7 * used
        used += 1
        if not byte & 0x80:
            break
    rect.compressed.append((at + used, at + used + length))
    return (yield length)


def _indexed(data: bytes, colours: Colours, rect: Rectangle) -> Colours:
    """Two colours take a bit a pixel, rows on bytes; more take a byte."""
    indices = np.frombuffer(data, np.uint8)
    if len(colours) == 2:
        indices = np.unpackbits(indices.reshape(rect.height, -1), axis=1)[:, : rect.width].reshape(-1)
    if indices.size and indices.max() >= len(colours):
        raise DecodeError("Tight: index outside the palette")
    return colours[indices]


def _gradient(data: bytes, canvas: Canvas, rect: Rectangle) -> Colours:
    """Differences from a prediction: left + above - above left, kept inside each component's range.

    A pixel rests on its left, upper and upper left neighbours, so those of one diagonal can be done at once.
    """
    palette = canvas.palette
    components = palette.tight(data) if palette.format.tight_pixel == 3 else palette.components(data)
    sent = components.reshape(rect.height, rect.width, 3).astype(np.int32)
    most = np.array(palette.format.maxima, np.int32)
    out = np.zeros((rect.height + 1, rect.width + 1, 3), np.int32)  # with a row above and a column to the left
    for diagonal in range(rect.height + rect.width - 1):
        y = np.arange(max(0, diagonal - rect.width + 1), min(rect.height, diagonal + 1))
        x = diagonal - y
        guess = np.clip(out[y + 1, x] + out[y, x + 1] - out[y, x], 0, most)
        out[y + 1, x + 1] = (guess + sent[y, x]) & most
    return palette.scaled(out[1:, 1:].astype(np.uint32))
