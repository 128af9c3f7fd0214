"""The layout of server-to-client messages (RFC 6143 §7.6, rfbproto), FramebufferUpdate aside.

Owns lengths and their limits. Leaves what a message means to server_stream.

Measures are asked as those of rectangles: an end beyond `limit` means not all here, and not worth asking again before
that many bytes are.
"""

# ruff: noqa: ARG001  all measures have the signature of their table

from collections.abc import Callable, Mapping

from gateway.errors import NotUnderstood
from gateway.rfb.messages import FENCE_PAYLOAD_MAX, S32, U16, U32, AudioNotice, QemuServer, ServerMessage

CUT_TEXT_MAX = 64 * 1024 * 1024  # no clipboard is larger; a length beyond it is lost framing
AUDIO_MAX = 4 * 1024 * 1024  # seconds of the best audio that QEMU offers; servers send tens of milliseconds

MessageMeasure = Callable[[memoryview, int, int], int]
"""(view, at, limit) -> end."""


def fixed(length: int) -> MessageMeasure:
    """Messages that are equally long whatever they say."""

    def measure(view: memoryview, at: int, limit: int) -> int:
        return at + length

    return measure


def set_colour_map_entries(view: memoryview, at: int, limit: int) -> int:
    """RFC 6143 §7.6.2."""
    if at + 6 > limit:
        return at + 6
    count: int = U16.unpack_from(view, at + 4)[0]
    return at + 6 + 6 * count


def cut_text(view: memoryview, at: int, limit: int) -> int:
    """RFC 6143 §7.6.4; a negative length announces the Extended Clipboard of rfbproto, with its flags first."""
    if at + 8 > limit:
        return at + 8
    length: int = S32.unpack_from(view, at + 4)[0]
    if abs(length) > CUT_TEXT_MAX:
        raise NotUnderstood(f"clipboard of {abs(length)} bytes")
    if length >= 0:
        return at + 8 + length
    if length > -4:
        raise NotUnderstood("extended clipboard without flags")
    return at + 12 if at + 12 > limit else at + 8 - length


def fence(view: memoryview, at: int, limit: int) -> int:
    """rfbproto, ServerFence."""
    if at + 9 > limit:
        return at + 9
    length = view[at + 8]
    if length > FENCE_PAYLOAD_MAX:
        raise NotUnderstood(f"fence with {length} bytes")
    return at + 9 + length


def qemu(view: memoryview, at: int, limit: int) -> int:
    """rfbproto, QEMU Audio server message."""
    if at + 4 > limit:
        return at + 4
    if view[at + 1] != QemuServer.AUDIO:
        raise NotUnderstood(f"QEMU message {view[at + 1]}")
    operation: int = U16.unpack_from(view, at + 2)[0]
    if operation not in tuple(AudioNotice):
        raise NotUnderstood(f"QEMU audio operation {operation}")
    if operation != AudioNotice.DATA:
        return at + 4
    if at + 8 > limit:
        return at + 8
    length: int = U32.unpack_from(view, at + 4)[0]
    if length > AUDIO_MAX:
        raise NotUnderstood(f"{length} bytes of audio")
    return at + 8 + length


MEASURES: Mapping[int, MessageMeasure] = {
    ServerMessage.SET_COLOUR_MAP_ENTRIES: set_colour_map_entries,
    ServerMessage.BELL: fixed(1),
    ServerMessage.CUT_TEXT: cut_text,
    ServerMessage.END_OF_CONTINUOUS_UPDATES: fixed(1),
    ServerMessage.FENCE: fence,
    ServerMessage.XVP: fixed(4),
    ServerMessage.QEMU: qemu,
}
