"""ServerInit (RFC 6143 §7.3.2): size, pixel format and name of the desktop.

Owns its layout. It is read in the upstream's handshake and passed to the browser as it was.
"""

from dataclasses import dataclass
from struct import Struct

from gateway.errors import NotUnderstood
from gateway.rfb.pixel_format import PixelFormat

_LAYOUT = Struct(">HH16sI")

SERVER_INIT_LENGTH = _LAYOUT.size
"""Bytes before the name."""

NAME_MAX = 64 * 1024  # a line for a window's title; more is no RFB server


@dataclass(frozen=True, slots=True)
class ServerInit:
    """What a server says of its desktop; `wire` is the whole message, name included."""

    wire: bytes
    width: int
    height: int
    pixel_format: PixelFormat
    name: bytes

    @staticmethod
    def length(head: bytes | bytearray) -> int:
        """The whole message's length, told by its first SERVER_INIT_LENGTH bytes.

        Raises NotUnderstood for a name longer than NAME_MAX.
        """
        name_length: int = _LAYOUT.unpack_from(head)[3]
        if name_length > NAME_MAX:
            raise NotUnderstood(f"desktop name of {name_length} bytes")
        return SERVER_INIT_LENGTH + name_length

    @classmethod
    def parse(cls, wire: bytes) -> "ServerInit":
        """The message in `wire`, which is whole. Raises NotUnderstood for an impossible pixel format."""
        width, height, format_wire, _ = _LAYOUT.unpack_from(wire)
        pixel_format = PixelFormat.parse(format_wire)
        if pixel_format is None:
            raise NotUnderstood(f"ServerInit with {format_wire[0]} bits per pixel")
        return cls(wire, width, height, pixel_format, wire[SERVER_INIT_LENGTH:])
