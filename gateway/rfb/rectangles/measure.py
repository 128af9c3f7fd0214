"""How the length of a rectangle is asked for, and the encodings whose length is simple.

Owns the table of all encodings that are measured in one go. Tight, the zlib family, Hextile and JPEG, which need
more than a length, have modules of their own.

A measure is called with the place after the rectangle's header and returns where the rectangle ends as far as it can
see. An end beyond `limit` means: not all here, and not worth asking again before that many bytes are.
"""

# ruff: noqa: ARG001  all measures have the signature of their table

from collections.abc import Callable, Mapping

from gateway.errors import NotUnderstood
from gateway.rfb.encodings import Encoding
from gateway.rfb.messages import S32, U32
from gateway.rfb.pixel_format import PixelFormat

Measure = Callable[[memoryview, int, int, int, int, PixelFormat], int]
"""(view, at, limit, width, height, pixel format) -> end."""


def fixed(length: int) -> Measure:
    """Rectangles that are equally long whatever they say."""

    def measure(view: memoryview, at: int, limit: int, width: int, height: int, pixel_format: PixelFormat) -> int:
        return at + length

    return measure


def raw(view: memoryview, at: int, limit: int, width: int, height: int, pixel_format: PixelFormat) -> int:
    """RFC 6143 §7.7.1."""
    return at + width * height * pixel_format.size


def rre(view: memoryview, at: int, limit: int, width: int, height: int, pixel_format: PixelFormat) -> int:
    """RFC 6143 §7.7.3: subrectangles with 16-bit coordinates."""
    return _subrectangles(view, at, limit, pixel_format.size, 8)


def corre(view: memoryview, at: int, limit: int, width: int, height: int, pixel_format: PixelFormat) -> int:
    """rfbproto, CoRRE: as RRE, with 8-bit coordinates."""
    return _subrectangles(view, at, limit, pixel_format.size, 4)


def _subrectangles(view: memoryview, at: int, limit: int, pixel: int, coordinates: int) -> int:
    if at + 4 > limit:
        return at + 4
    count: int = U32.unpack_from(view, at)[0]
    return at + 4 + pixel + count * (pixel + coordinates)


def h264(view: memoryview, at: int, limit: int, width: int, height: int, pixel_format: PixelFormat) -> int:
    """rfbproto, Open H.264: length, flags, data."""
    if at + 4 > limit:
        return at + 4
    length: int = U32.unpack_from(view, at)[0]
    return at + 8 + length


def cursor(view: memoryview, at: int, limit: int, width: int, height: int, pixel_format: PixelFormat) -> int:
    """RFC 6143 §7.8.1: pixels and a mask of one bit each."""
    return at + width * height * pixel_format.size + (width + 7) // 8 * height


def x_cursor(view: memoryview, at: int, limit: int, width: int, height: int, pixel_format: PixelFormat) -> int:
    """rfbproto, X Cursor: two colours, bitmap and mask; nothing at all for an empty one."""
    return at + 6 + 2 * ((width + 7) // 8) * height if width * height else at


def cursor_with_alpha(view: memoryview, at: int, limit: int, width: int, height: int, pixel_format: PixelFormat) -> int:
    """rfbproto, Cursor With Alpha: an encoding, then 32-bit pixels in it.

    Not negotiated, since the encoding may be one with a zlib stream. Raw, which QEMU sends, is harmless.
    """
    if at + 4 > limit:
        return at + 4
    encoding: int = S32.unpack_from(view, at)[0]
    if encoding != Encoding.RAW:
        raise NotUnderstood(f"cursor with alpha in encoding {encoding}")
    return at + 4 + width * height * 4


def vmware_cursor(view: memoryview, at: int, limit: int, width: int, height: int, pixel_format: PixelFormat) -> int:
    """rfbproto, VMware Cursor: AND and XOR masks of pixels (type 0), or 32-bit pixels with alpha (type 1)."""
    if at + 2 > limit:
        return at + 2
    kind = view[at]
    if kind > 1:
        raise NotUnderstood(f"VMware cursor of type {kind}")
    return at + 2 + width * height * (4 if kind else 2 * pixel_format.size)


def extended_desktop_size(
    view: memoryview, at: int, limit: int, width: int, height: int, pixel_format: PixelFormat
) -> int:
    """rfbproto, ExtendedDesktopSize: a count of screens and 16 bytes for each."""
    if at + 1 > limit:
        return at + 1
    return at + 4 + 16 * view[at]


def desktop_name(view: memoryview, at: int, limit: int, width: int, height: int, pixel_format: PixelFormat) -> int:
    """rfbproto, DesktopName: a text with its length."""
    if at + 4 > limit:
        return at + 4
    length: int = U32.unpack_from(view, at)[0]
    return at + 4 + length


MEASURES: Mapping[int, Measure] = {
    Encoding.RAW: raw,
    Encoding.COPY_RECT: fixed(4),
    Encoding.RRE: rre,
    Encoding.CORRE: corre,
    Encoding.H264: h264,
    Encoding.CURSOR: cursor,
    Encoding.X_CURSOR: x_cursor,
    Encoding.CURSOR_WITH_ALPHA: cursor_with_alpha,
    Encoding.VMWARE_CURSOR: vmware_cursor,
    Encoding.DESKTOP_SIZE: fixed(0),
    Encoding.LAST_RECT: fixed(0),
    Encoding.POINTER_POSITION: fixed(0),
    Encoding.QEMU_POINTER_MOTION: fixed(0),
    Encoding.QEMU_EXTENDED_KEY: fixed(0),
    Encoding.QEMU_AUDIO: fixed(0),
    Encoding.EXTENDED_MOUSE_BUTTONS: fixed(0),
    Encoding.VMWARE_CURSOR_POSITION: fixed(0),
    Encoding.EXTENDED_DESKTOP_SIZE: extended_desktop_size,
    Encoding.DESKTOP_NAME: desktop_name,
    Encoding.LED_STATE: fixed(1),
    Encoding.VMWARE_LED_STATE: fixed(4),
}
