"""PIXEL_FORMAT (RFC 6143 §7.4) and the two pixel sizes that framing needs.

Owns one format as a value. Which format an update is in is kept by format_book.
"""

from dataclasses import dataclass
from struct import Struct

PIXEL_FORMAT_LENGTH = 16

_LAYOUT = Struct(">BBBBHHH")


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """A pixel format as it was on the wire.

    `size`: bytes of a pixel. `tpixel`: bytes of a TPIXEL, Tight's pixel. `tight_is_clear`: servers agree on
    `tpixel`; they do not for 32 bits of 8-bit colours with a depth other than 24 (QEMU sends 3 bytes, TigerVNC 4).
    """

    wire: bytes
    size: int
    tpixel: int
    true_colour: bool
    tight_is_clear: bool

    @classmethod
    def parse(cls, wire: bytes) -> "PixelFormat | None":
        """The format in 16 bytes, None if its bits per pixel are none of 8, 16 and 32."""
        bits, depth, _, true_colour, *maxima = _LAYOUT.unpack_from(wire)
        if bits not in (8, 16, 32):
            return None
        bytewise = bits == 32 and bool(true_colour) and maxima == [255, 255, 255]
        size = bits // 8
        tpixel = 3 if bytewise and depth == 24 else size
        return cls(wire, size, tpixel, bool(true_colour), not bytewise or depth == 24)
