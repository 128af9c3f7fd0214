"""Message types of RFB and the client messages that the gateway writes itself.

Owns the numbers and the layouts. Leaves framing to server_stream and client_stream.
"""

from collections.abc import Sequence
from enum import IntEnum
from struct import Struct

U16 = Struct(">H")
U32 = Struct(">I")
S32 = Struct(">i")

NAME_LENGTH = U32
"""The length before a reason, a name or a text (RFC 6143 §7.1.2, §7.3.2)."""


class ServerMessage(IntEnum):
    """Server-to-client message types (RFC 6143 §7.6 and rfbproto)."""

    FRAMEBUFFER_UPDATE = 0
    SET_COLOUR_MAP_ENTRIES = 1
    BELL = 2
    CUT_TEXT = 3
    END_OF_CONTINUOUS_UPDATES = 150
    FENCE = 248
    XVP = 250
    QEMU = 255


class ClientMessage(IntEnum):
    """Client-to-server message types (RFC 6143 §7.5 and rfbproto)."""

    SET_PIXEL_FORMAT = 0
    SET_ENCODINGS = 2
    FRAMEBUFFER_UPDATE_REQUEST = 3
    KEY_EVENT = 4
    POINTER_EVENT = 5
    CUT_TEXT = 6
    ENABLE_CONTINUOUS_UPDATES = 150
    FENCE = 248
    XVP = 250
    SET_DESKTOP_SIZE = 251
    GII = 253
    QEMU = 255


class QemuClient(IntEnum):
    """Submessages of ClientMessage.QEMU."""

    EXTENDED_KEY_EVENT = 0
    AUDIO = 1


class QemuServer(IntEnum):
    """Submessages of ServerMessage.QEMU."""

    AUDIO = 1


class AudioRequest(IntEnum):
    """Operations of QemuClient.AUDIO."""

    ENABLE = 0
    DISABLE = 1
    SET_FORMAT = 2


class AudioNotice(IntEnum):
    """Operations of QemuServer.AUDIO."""

    END = 0
    BEGIN = 1
    DATA = 2


class XvpServer(IntEnum):
    """Codes of ServerMessage.XVP."""

    FAIL = 0
    INIT = 1


FENCE_REQUEST = 0x8000_0000
"""Flag of a fence that wants an answer; an answer has it clear."""

FENCE_PAYLOAD_MAX = 64
"""The extension's own limit on a fence's payload."""


def set_pixel_format(pixel_format: bytes) -> bytes:
    """SetPixelFormat (RFC 6143 §7.5.1) of the 16 bytes of PIXEL_FORMAT."""
    return b"\0\0\0\0" + pixel_format


def set_encodings(encodings: Sequence[int]) -> bytes:
    """SetEncodings (RFC 6143 §7.5.2), most preferred first."""
    return Struct(f">BxH{len(encodings)}i").pack(ClientMessage.SET_ENCODINGS, len(encodings), *encodings)


_UPDATE_REQUEST = Struct(">BBHHHH")
_KEY_EVENT = Struct(">BBxxI")
_QEMU_KEY_EVENT = Struct(">BBHII")
_POINTER_EVENT = Struct(">BBHH")
_EXTENDED_POINTER_EVENT = Struct(">BBHHB")
_FENCE = Struct(">BxxxIB")

EXTENDED_BUTTONS = 0x80
"""Bit of a PointerEvent's mask that announces a seventh byte (Extended Mouse Buttons)."""

PLAIN_BUTTONS = 0x7F
"""Of our nine bits for buttons those that any PointerEvent can tell; the others are back and forward."""


def framebuffer_update_request(x: int, y: int, width: int, height: int, *, incremental: bool) -> bytes:
    """FramebufferUpdateRequest (RFC 6143 §7.5.3).

    Never build one that is not incremental and has no area: QEMU would not update that connection again.
    """
    return _UPDATE_REQUEST.pack(ClientMessage.FRAMEBUFFER_UPDATE_REQUEST, incremental, x, y, width, height)


def key_event(keysym: int, *, down: bool) -> bytes:
    """KeyEvent (RFC 6143 §7.5.4)."""
    return _KEY_EVENT.pack(ClientMessage.KEY_EVENT, down, keysym)


def qemu_key_event(keysym: int, keycode: int, *, down: bool) -> bytes:
    """QEMU Extended Key Event (rfbproto), for a server that announced it."""
    return _QEMU_KEY_EVENT.pack(ClientMessage.QEMU, QemuClient.EXTENDED_KEY_EVENT, down, keysym, keycode)


def pointer_event(buttons: int, x: int, y: int) -> bytes:
    """PointerEvent (RFC 6143 §7.5.5); buttons beyond the seventh are left out."""
    return _POINTER_EVENT.pack(ClientMessage.POINTER_EVENT, buttons & ~EXTENDED_BUTTONS & 0xFF, x, y)


def extended_pointer_event(buttons: int, x: int, y: int) -> bytes:
    """PointerEvent with nine buttons, for a server that announced Extended Mouse Buttons."""
    low = buttons & ~EXTENDED_BUTTONS & 0xFF | EXTENDED_BUTTONS
    return _EXTENDED_POINTER_EVENT.pack(ClientMessage.POINTER_EVENT, low, x, y, buttons >> 7)


def fence(flags: int, payload: bytes) -> bytes:
    """A fence, the same in both directions; the payload has at most FENCE_PAYLOAD_MAX bytes."""
    return _FENCE.pack(ClientMessage.FENCE, flags, len(payload)) + payload
