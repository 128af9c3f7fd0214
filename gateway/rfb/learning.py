"""What rectangles tell beyond pixels: sizes, names, cursors, capabilities.

Owns reading them into the session's memory. Called with whole rectangles only, as they go to the browser.
"""

from collections.abc import Mapping
from struct import Struct

from gateway.rfb.encodings import Encoding
from gateway.rfb.memory import Capability, Cursor, Memory
from gateway.rfb.pixel_format import PixelFormat
from gateway.rfb.server_init import NAME_MAX

_HEADER = Struct(">HHHHi")
_NAME_AT = _HEADER.size + 4

CURSOR_MAX = 64 * 1024  # 128 by 128 pixels; larger ones aren't worth a session's memory: servers send theirs again

_CURSORS = (Encoding.CURSOR, Encoding.X_CURSOR, Encoding.VMWARE_CURSOR)

_ANNOUNCED: Mapping[int, Capability] = {
    Encoding.QEMU_EXTENDED_KEY: Capability.QEMU_KEY,
    Encoding.QEMU_AUDIO: Capability.AUDIO,
    Encoding.EXTENDED_MOUSE_BUTTONS: Capability.EXTENDED_MOUSE,
    Encoding.EXTENDED_DESKTOP_SIZE: Capability.DESKTOP_SIZE,
}

_ANSWER_TO_THIS_CLIENT = 1
"""ExtendedDesktopSize, x: why the size is told."""

LEARNT: frozenset[int] = frozenset(
    {*_CURSORS, *_ANNOUNCED, Encoding.DESKTOP_SIZE, Encoding.DESKTOP_NAME, Encoding.H264}
)
"""Encodings that `learn` wants to see."""


def learn(memory: Memory, pixel_format: PixelFormat, rectangle: memoryview) -> None:
    """Read a whole rectangle, header included, of an encoding in LEARNT."""
    x, y, width, height, encoding = _HEADER.unpack_from(rectangle)
    if encoding in _ANNOUNCED:
        memory.offer(_ANNOUNCED[encoding])
    if encoding in _CURSORS:
        memory.cursor = Cursor(bytes(rectangle), pixel_format) if len(rectangle) <= CURSOR_MAX else None
    elif encoding == Encoding.DESKTOP_NAME:
        memory.name = bytes(rectangle[_NAME_AT : _NAME_AT + NAME_MAX])
    elif encoding == Encoding.H264:
        memory.seam.h264_used = True
    elif encoding == Encoding.DESKTOP_SIZE:
        memory.width, memory.height = width, height
    elif encoding == Encoding.EXTENDED_DESKTOP_SIZE:
        answer = x == _ANSWER_TO_THIS_CLIENT
        if answer:
            memory.desktop_size_asked = None
        if not (answer and y):  # y: why the request was refused
            memory.width, memory.height = width, height
