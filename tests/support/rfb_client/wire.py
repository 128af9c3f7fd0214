"""Numbers on the wire (RFC 6143 and the community's rfbproto list), and the pixel format."""

import struct
from dataclasses import dataclass
from enum import IntEnum


class ServerMessage(IntEnum):
    FRAMEBUFFER_UPDATE = 0
    SET_COLOUR_MAP_ENTRIES = 1
    BELL = 2
    SERVER_CUT_TEXT = 3
    END_OF_CONTINUOUS_UPDATES = 150
    FENCE = 248
    XVP = 250
    QEMU = 255


class ClientMessage(IntEnum):
    SET_PIXEL_FORMAT = 0
    SET_ENCODINGS = 2
    FRAMEBUFFER_UPDATE_REQUEST = 3
    KEY_EVENT = 4
    POINTER_EVENT = 5
    CLIENT_CUT_TEXT = 6
    ENABLE_CONTINUOUS_UPDATES = 150
    FENCE = 248
    XVP = 250
    SET_DESKTOP_SIZE = 251
    QEMU = 255


class Encoding(IntEnum):
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
    QEMU_POINTER_CHANGE = -257
    QEMU_KEYS = -258
    QEMU_AUDIO = -259
    QEMU_LED = -261
    DESKTOP_NAME = -307
    EXTENDED_DESKTOP_SIZE = -308
    XVP = -309
    FENCE = -312
    CONTINUOUS_UPDATES = -313
    CURSOR_WITH_ALPHA = -314
    EXTENDED_MOUSE = -316
    VMWARE_CURSOR = 0x574D5664
    VMWARE_STATE = 0x574D5666
    VMWARE_LED = 0x574D5668
    EXTENDED_CLIPBOARD = 0xC0A1E5CE - 2**32


def jpeg_quality(level: int) -> int:
    """Pseudo encoding that asks Tight for JPEG of `level` 0 to 9."""
    return -32 + level


def compression(level: int) -> int:
    """Pseudo encoding that asks for zlib `level` 0 to 9."""
    return -256 + level


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """PIXEL_FORMAT of RFC 6143 §7.4."""

    bits_per_pixel: int = 32
    depth: int = 24
    big_endian: bool = False
    true_colour: bool = True
    maxima: tuple[int, int, int] = (255, 255, 255)
    shifts: tuple[int, int, int] = (0, 8, 16)

    @classmethod
    def parse(cls, data: bytes) -> "PixelFormat":
        bits, depth, big, true, *colours = struct.unpack(">BBBBHHHBBB3x", data)
        red, green, blue, *shifts = colours
        return cls(bits, depth, bool(big), bool(true), (red, green, blue), (shifts[0], shifts[1], shifts[2]))

    def pack(self) -> bytes:
        flags = (self.bits_per_pixel, self.depth, self.big_endian, self.true_colour)
        return struct.pack(">BBBBHHHBBB3x", *flags, *self.maxima, *self.shifts)

    @property
    def size(self) -> int:
        """Bytes of one pixel."""
        return self.bits_per_pixel // 8

    @property
    def tight_pixel(self) -> int:
        """Bytes of a TPIXEL: three where all colours have 8 bits, else those of a pixel."""
        whole = self.bits_per_pixel == 32 and self.depth == 24 and self.true_colour and self.maxima == (255, 255, 255)
        return 3 if whole else self.size

    @property
    def compact_pixel(self) -> int:
        """Bytes of a CPIXEL (RFC 6143 §7.7.5)."""
        return 3 if self._compact and (self._fits_low or self._fits_high) else self.size

    @property
    def compact_is_high(self) -> bool:
        """Whether a 3-byte CPIXEL holds the most significant bytes of the pixel."""
        return not self._fits_low

    @property
    def _compact(self) -> bool:
        return self.true_colour and self.bits_per_pixel == 32 and self.depth <= 24

    @property
    def _fits_low(self) -> bool:
        return all(most << shift < 1 << 24 for most, shift in zip(self.maxima, self.shifts, strict=True))

    @property
    def _fits_high(self) -> bool:
        return all(shift >= 8 for shift in self.shifts)


RGB888 = PixelFormat()
RGB565 = PixelFormat(16, 16, maxima=(31, 63, 31), shifts=(11, 5, 0))
BGR233 = PixelFormat(8, 8, maxima=(7, 7, 3), shifts=(0, 3, 6))
