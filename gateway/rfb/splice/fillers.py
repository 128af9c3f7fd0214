"""Server messages that the gateway writes itself, for the browser.

Owns their bytes. Leaves when they are due to the other modules of the splice.
"""

from struct import Struct

from gateway.rfb.encodings import Encoding
from gateway.rfb.messages import FENCE_REQUEST, U32, ServerMessage, fence

_RECTANGLE = Struct(">HHHHi")
_ONE_RECTANGLE = b"\0\0\0\1"
_EXTENDED_CUT_TEXT = Struct(">BxxxiI")

EMPTY_RAW = bytes(_RECTANGLE.size)
"""A Raw rectangle without area: the one filler that all clients take (rfb.md §3)."""

LAST_RECT = _RECTANGLE.pack(0, 0, 0, 0, Encoding.LAST_RECT)
EMPTY_UPDATE = _ONE_RECTANGLE + EMPTY_RAW
END_OF_CONTINUOUS_UPDATES = bytes([ServerMessage.END_OF_CONTINUOUS_UPDATES])

_FENCE_FLAGS = 0b111
"""Those that rfbproto defines for an answer: BlockBefore, BlockAfter, SyncNext."""

_THIS_CLIENT, _PROHIBITED = 1, 1
"""ExtendedDesktopSize: why a size is told (x), and why it was refused (y)."""


def fence_answer(flags: int, payload: bytes) -> bytes:
    """The answer to a client's fence: what it wanted to wait for is over, or lost."""
    return fence(flags & ~FENCE_REQUEST & _FENCE_FLAGS, payload)


def desktop_size(width: int, height: int) -> bytes:
    """An update with DesktopSize (RFC 6143 §7.8.2)."""
    return _ONE_RECTANGLE + _RECTANGLE.pack(0, 0, width, height, Encoding.DESKTOP_SIZE)


def extended_desktop_size(width: int, height: int) -> bytes:
    """An update with ExtendedDesktopSize (rfbproto): the server changed it, one screen covers all."""
    screen = Struct(">IHHHHI").pack(0, 0, 0, width, height, 0)
    return _ONE_RECTANGLE + _RECTANGLE.pack(0, 0, width, height, Encoding.EXTENDED_DESKTOP_SIZE) + b"\1\0\0\0" + screen


def size_refused(width: int, height: int) -> bytes:
    """An update that answers SetDesktopSize: prohibited. Without screens: the client keeps those that it knows."""
    rectangle = _RECTANGLE.pack(_THIS_CLIENT, _PROHIBITED, width, height, Encoding.EXTENDED_DESKTOP_SIZE)
    return _ONE_RECTANGLE + rectangle + bytes(4)


def desktop_name(name: bytes) -> bytes:
    """An update with DesktopName (rfbproto)."""
    return _ONE_RECTANGLE + _RECTANGLE.pack(0, 0, 0, 0, Encoding.DESKTOP_NAME) + U32.pack(len(name)) + name


def clipboard_request(formats: int) -> bytes:
    """ServerCutText that asks for the client's clipboard; `formats` with the action Request (Extended Clipboard)."""
    return _EXTENDED_CUT_TEXT.pack(ServerMessage.CUT_TEXT, -4, formats)
