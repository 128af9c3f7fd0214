"""RFB pixel formats (RFC 6143 §7.4) and the conversion of the canvas's RGBX pixels into them."""

import struct
from dataclasses import dataclass
from functools import cache
from typing import Self, TypeAlias

from gateway.simulator.desktop.canvas import PIXEL

LAYOUT = struct.Struct(">BBBBHHHBBBxxx")
PLAIN = bytes(range(256))
NOTHING = bytes(256)

Part: TypeAlias = tuple[int, bytes]  # a channel of the canvas, and what its levels become


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """Fields of RFC 6143 §7.4; `shifts` and `maxima` in the order red, green, blue."""

    bits: int
    depth: int
    big_endian: bool
    true_colour: bool
    maxima: tuple[int, int, int]
    shifts: tuple[int, int, int]

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """Read the 16 bytes of the wire. Raises ValueError when no pixel can be made of them."""
        bits, depth, big, true, *rest = LAYOUT.unpack(data)
        if not true:  # a colour map: served as the 8 bits of COLOUR_MAP
            if bits != 8:
                raise ValueError(f"a colour map with {bits} bits a pixel")
            return cls(8, 8, big_endian=False, true_colour=False, maxima=(7, 7, 3), shifts=(0, 3, 6))
        maxima, shifts = (rest[0], rest[1], rest[2]), (rest[3], rest[4], rest[5])
        if bits not in {8, 16, 32} or any(
            most.bit_length() + shift > bits for most, shift in zip(maxima, shifts, strict=True)
        ):
            raise ValueError(f"no such pixels: {bits} bits, maxima {maxima}, shifts {shifts}")
        return cls(bits, depth, bool(big), true_colour=True, maxima=maxima, shifts=shifts)

    def pack(self) -> bytes:
        return LAYOUT.pack(self.bits, self.depth, self.big_endian, self.true_colour, *self.maxima, *self.shifts)

    @property
    def size(self) -> int:
        """Bytes a pixel."""
        return self.bits // 8

    @property
    def tpixel(self) -> bool:
        """Whether Tight sends 3 bytes, red, green, blue, for a pixel."""
        return self.bits == 32 and self.depth == 24 and self.true_colour and self.maxima == (255, 255, 255)

    def convert(self, rgbx: bytes) -> bytes:
        """Pixels of the canvas in this format."""
        out = bytearray(len(rgbx) // PIXEL * self.size)
        for place, parts in enumerate(_planes(self)):
            if parts:
                out[place :: self.size] = _joined(rgbx, parts)
        return bytes(out)

    def each(self, rgbx: bytes) -> list[bytes]:
        """The same, pixel by pixel."""
        pixels = self.convert(rgbx)
        return [pixels[at : at + self.size] for at in range(0, len(pixels), self.size)]

    def compact(self, rgbx: bytes) -> bytes:
        """The same as ZRLE's CPIXELs: without the byte that no colour uses (RFC 6143 §7.7.5)."""
        pixels = self.convert(rgbx)
        if self.bits != 32 or self.depth > 24 or not self.true_colour:
            return pixels
        used = 0
        for most, shift in zip(self.maxima, self.shifts, strict=True):
            used |= most << shift
        if used < 1 << 24:
            spare = 0 if self.big_endian else 3
        elif used & 255 == 0:
            spare = 3 if self.big_endian else 0
        else:
            return pixels
        out = bytearray(len(pixels) // 4 * 3)
        for place, source in enumerate(byte for byte in range(4) if byte != spare):
            out[place::3] = pixels[source::4]
        return bytes(out)


def _joined(rgbx: bytes, parts: list[Part]) -> bytes:
    """One byte of every pixel. The channels' bits never overlap, so the whole plane is or-ed as one number."""
    planes = [
        rgbx[channel::PIXEL] if table == PLAIN else rgbx[channel::PIXEL].translate(table) for channel, table in parts
    ]
    if len(planes) == 1:
        return planes[0]
    total = 0
    for plane in planes:
        total |= int.from_bytes(plane, "little")
    return total.to_bytes(len(planes[0]), "little")


@cache
def _planes(pixel_format: PixelFormat) -> list[list[Part]]:
    """For each byte of a pixel on the wire: which channels go into it, each with its translation table."""
    size = pixel_format.size
    planes: list[list[Part]] = []
    for place in range(size):
        byte = size - 1 - place if pixel_format.big_endian else place
        parts: list[Part] = []
        for channel, (most, shift) in enumerate(zip(pixel_format.maxima, pixel_format.shifts, strict=True)):
            table = bytes((((level * most + 127) // 255) << shift >> 8 * byte) & 255 for level in range(256))
            if table != NOTHING:
                parts.append((channel, table))
        planes.append(parts)
    return planes


SERVER_FORMAT = PixelFormat(32, 24, big_endian=False, true_colour=True, maxima=(255, 255, 255), shifts=(0, 8, 16))


def colour_map() -> bytes:
    """A SetColourMapEntries message (RFC 6143 §7.6.2) for clients without true colour: 3, 3 and 2 bits."""
    entries = [
        struct.pack(">HHH", (value & 7) * 65535 // 7, (value >> 3 & 7) * 65535 // 7, (value >> 6) * 65535 // 3)
        for value in range(256)
    ]
    return struct.pack(">BxHH", 1, 0, 256) + b"".join(entries)
