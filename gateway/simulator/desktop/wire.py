"""Numbers of the RFB protocol that the desktop speaks (RFC 6143 and the community's rfbproto).

Written apart from gateway.rfb, as the whole desktop is: it is there to prove that one.
"""

import struct
from enum import IntEnum

from gateway.simulator.desktop.geometry import Rect


class Security(IntEnum):
    """Security types, RFC 6143 §7.2."""

    NONE = 1
    VNC = 2


class FromClient(IntEnum):
    """Client messages."""

    SET_PIXEL_FORMAT = 0
    SET_ENCODINGS = 2
    UPDATE_REQUEST = 3
    KEY = 4
    POINTER = 5
    CUT_TEXT = 6
    ENABLE_CONTINUOUS_UPDATES = 150
    FENCE = 248
    SET_DESKTOP_SIZE = 251
    QEMU = 255


class FromServer(IntEnum):
    """Server messages."""

    UPDATE = 0
    BELL = 2
    CUT_TEXT = 3
    END_OF_CONTINUOUS_UPDATES = 150
    FENCE = 248


class Encoding(IntEnum):
    """Encodings and pseudo-encodings."""

    RAW = 0
    COPY_RECT = 1
    HEXTILE = 5
    ZLIB = 6
    TIGHT = 7
    ZRLE = 16
    DESKTOP_SIZE = -223
    LAST_RECT = -224
    CURSOR = -239
    QEMU_KEY = -258
    DESKTOP_NAME = -307
    EXTENDED_DESKTOP_SIZE = -308
    FENCE = -312
    CONTINUOUS_UPDATES = -313


PICTURES = (Encoding.TIGHT, Encoding.ZRLE, Encoding.HEXTILE, Encoding.ZLIB, Encoding.RAW)
COMPRESSION_LEVELS = range(-256, -246)

FENCE_REQUEST = 1 << 31
FENCE_FLAGS = 7  # block before, block after, sync next: all kept, since messages are worked off in order
MOST_RECTS = 0xFFFF  # as a count: "until LastRect"

BY_CLIENT, BY_OTHER = 1, 2  # why an ExtendedDesktopSize rectangle is sent (its x)
RESIZED, PROHIBITED, INVALID_LAYOUT = 0, 1, 3  # how it went (its y)


def rectangle(rect: Rect, encoding: int, payload: bytes = b"") -> bytes:
    """One rectangle of a FramebufferUpdate (RFC 6143 §7.6.1)."""
    return struct.pack(">HHHHi", rect.x, rect.y, rect.width, rect.height, encoding) + payload


def update(rectangles: list[bytes], *, count: int | None = None) -> bytes:
    """A FramebufferUpdate message."""
    number = len(rectangles) if count is None else count
    return struct.pack(">BxH", FromServer.UPDATE, number) + b"".join(rectangles)


def cut_text(text: str) -> bytes:
    """A ServerCutText message: Latin-1 (RFC 6143 §7.6.4)."""
    data = text.encode("latin-1", "replace")
    return struct.pack(">BxxxI", FromServer.CUT_TEXT, len(data)) + data


def fence(flags: int, payload: bytes) -> bytes:
    """A ServerFence message."""
    return struct.pack(">BxxxIB", FromServer.FENCE, flags, len(payload)) + payload


def extended_desktop_size(width: int, height: int, reason: int, status: int) -> bytes:
    """An ExtendedDesktopSize rectangle with one screen."""
    screen = struct.pack(">BxxxIHHHHI", 1, 1, 0, 0, width, height, 0)
    return rectangle(Rect(reason, status, width, height), Encoding.EXTENDED_DESKTOP_SIZE, screen)
