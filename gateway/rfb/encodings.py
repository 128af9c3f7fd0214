"""Encoding numbers, and the choice of those that may be negotiated through this gateway.

Owns the numbers (RFC 6143 §7.7, §7.8, rfbproto) and the filter of SetEncodings. Leaves the layout of
rectangles to rectangles/.
"""

from collections.abc import Collection, Iterable
from enum import IntEnum

from gateway.rfb.pixel_format import PixelFormat


class Encoding(IntEnum):
    """Encodings and pseudo-encodings that the gateway knows, as the signed numbers of a rectangle's header."""

    RAW = 0
    COPY_RECT = 1
    RRE = 2
    CORRE = 4
    HEXTILE = 5
    ZLIB = 6
    TIGHT = 7
    ZRLE = 16
    ZYWRLE = 17
    JPEG = 21
    H264 = 50
    TIGHT_PNG = -260

    DESKTOP_SIZE = -223
    LAST_RECT = -224
    POINTER_POSITION = -232
    CURSOR = -239
    X_CURSOR = -240
    QEMU_POINTER_MOTION = -257
    QEMU_EXTENDED_KEY = -258
    QEMU_AUDIO = -259
    LED_STATE = -261
    DESKTOP_NAME = -307
    EXTENDED_DESKTOP_SIZE = -308
    XVP = -309
    FENCE = -312
    CONTINUOUS_UPDATES = -313
    CURSOR_WITH_ALPHA = -314
    EXTENDED_MOUSE_BUTTONS = -316
    VMWARE_CURSOR = 0x574D5664
    VMWARE_CURSOR_POSITION = 0x574D5666
    VMWARE_LED_STATE = 0x574D5668
    EXTENDED_CLIPBOARD = 0xC0A1E5CE - (1 << 32)


PIXELS: frozenset[int] = frozenset(
    {encoding for encoding in Encoding if 0 <= encoding <= Encoding.H264} | {Encoding.TIGHT_PNG}
)
"""Encodings that draw, CopyRect included."""

# Levels: one pseudo-encoding each, without a rectangle of their own.
_JPEG_QUALITY = range(-32, -22)
_FINE_QUALITY = range(-512, -411)
_COMPRESSION = range(-256, -246)
_SUBSAMPLING = range(-768, -762)

# Known, and yet not negotiated: its image may be in any encoding and so moves any zlib stream.
_UNWANTED = {Encoding.CURSOR_WITH_ALPHA}

FRAMABLE: frozenset[int] = (
    frozenset({*Encoding, *_JPEG_QUALITY, *_FINE_QUALITY, *_COMPRESSION, *_SUBSAMPLING}) - _UNWANTED
)
"""What a client may ask for: the stream then holds only rectangles that the gateway can measure."""

TIGHT_ENCODINGS: frozenset[int] = frozenset({Encoding.TIGHT, Encoding.TIGHT_PNG})


def negotiable(asked: Iterable[int], pixel_format: PixelFormat, left_out: Collection[int] = ()) -> tuple[int, ...]:
    """The client's encodings, in its order, without what could not be framed in this pixel format, and `left_out`."""
    allowed = FRAMABLE if pixel_format.tight_is_clear else FRAMABLE - TIGHT_ENCODINGS
    return tuple(encoding for encoding in asked if encoding in allowed and encoding not in left_out)
