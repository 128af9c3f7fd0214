"""The layout of client-to-server messages (RFC 6143 §7.5, rfbproto).

Owns lengths and their limits. Leaves what a message means, and whether it may pass, to client_stream.

Measures are asked as those of rectangles: an end beyond `limit` means not all here, and not worth asking again before
that many bytes are.
"""

# ruff: noqa: ARG001  all measures have the signature of their table

from collections.abc import Callable, Mapping

from gateway.errors import ProtocolViolation, TooBig
from gateway.rfb.messages import FENCE_PAYLOAD_MAX, S32, U16, AudioRequest, ClientMessage, QemuClient

CUT_TEXT_MAX = 256 * 1024  # a large paste; more is an attack or a bug

_GII_BIG_ENDIAN = 0x80

ClientMeasure = Callable[[memoryview, int, int], int]
"""(view, at, limit) -> end. Raises ProtocolViolation, TooBig."""


def fixed(length: int) -> ClientMeasure:
    """Messages that are equally long whatever they say."""

    def measure(view: memoryview, at: int, limit: int) -> int:
        return at + length

    return measure


def set_encodings(view: memoryview, at: int, limit: int) -> int:
    """RFC 6143 §7.5.2. At most 256 KiB: the count has 16 bits."""
    if at + 4 > limit:
        return at + 4
    count: int = U16.unpack_from(view, at + 2)[0]
    return at + 4 + 4 * count


def cut_text(view: memoryview, at: int, limit: int) -> int:
    """RFC 6143 §7.5.6; a negative length announces the Extended Clipboard of rfbproto, with its flags first."""
    if at + 8 > limit:
        return at + 8
    length: int = S32.unpack_from(view, at + 4)[0]
    if abs(length) > CUT_TEXT_MAX:
        raise TooBig(f"clipboard of {abs(length)} bytes")
    if -4 < length < 0:
        raise ProtocolViolation("extended clipboard without flags")
    return at + 8 + abs(length)


def fence(view: memoryview, at: int, limit: int) -> int:
    """rfbproto, ClientFence."""
    if at + 9 > limit:
        return at + 9
    length = view[at + 8]
    if length > FENCE_PAYLOAD_MAX:
        raise ProtocolViolation(f"fence with {length} bytes")
    return at + 9 + length


def set_desktop_size(view: memoryview, at: int, limit: int) -> int:
    """rfbproto, SetDesktopSize: 16 bytes a screen."""
    if at + 8 > limit:
        return at + 8
    return at + 8 + 16 * view[at + 6]


def gii(view: memoryview, at: int, limit: int) -> int:
    """rfbproto, gii: the length is in the byte order that the second byte says."""
    if at + 4 > limit:
        return at + 4
    high, low = (view[at + 2], view[at + 3]) if view[at + 1] & _GII_BIG_ENDIAN else (view[at + 3], view[at + 2])
    return at + 4 + (high << 8 | low)


def qemu(view: memoryview, at: int, limit: int) -> int:
    """rfbproto, QEMU Extended Key Event and QEMU Audio."""
    if at + 2 > limit:
        return at + 2
    kind = view[at + 1]
    if kind == QemuClient.EXTENDED_KEY_EVENT:
        return at + 12
    if kind != QemuClient.AUDIO:
        raise ProtocolViolation(f"QEMU client message {kind}")
    if at + 4 > limit:
        return at + 4
    operation: int = U16.unpack_from(view, at + 2)[0]
    if operation not in tuple(AudioRequest):
        raise ProtocolViolation(f"QEMU audio operation {operation}")
    return at + (10 if operation == AudioRequest.SET_FORMAT else 4)


MEASURES: Mapping[int, ClientMeasure] = {
    ClientMessage.SET_PIXEL_FORMAT: fixed(20),
    ClientMessage.SET_ENCODINGS: set_encodings,
    ClientMessage.FRAMEBUFFER_UPDATE_REQUEST: fixed(10),
    ClientMessage.KEY_EVENT: fixed(8),
    ClientMessage.POINTER_EVENT: fixed(6),
    ClientMessage.CUT_TEXT: cut_text,
    ClientMessage.ENABLE_CONTINUOUS_UPDATES: fixed(10),
    ClientMessage.FENCE: fence,
    ClientMessage.XVP: fixed(4),
    ClientMessage.SET_DESKTOP_SIZE: set_desktop_size,
    ClientMessage.GII: gii,
    ClientMessage.QEMU: qemu,
}
"""PointerEvent has a seventh byte under Extended Mouse Buttons, which only client_stream knows to be on."""
