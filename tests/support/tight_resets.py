"""Both ends of Tight with stream resets, as RFB has them: what is sent, and what a client makes of it."""

import random
import struct
import zlib

from support.rfb_streams import TIGHT, Deflater, compact, rectangle


class TightClient:
    """Reads Tight rectangles without filters, 8 by 8 in 24 bits, and inflates them."""

    def __init__(self) -> None:
        self.inflators = {stream: zlib.decompressobj() for stream in range(4)}
        self.resets = 0
        self.pixels: list[bytes] = []

    def read(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            (count,) = struct.unpack_from(">H", data, at + 2)
            at += 4
            for _ in range(count):
                at = self._rectangle(data, at + 12)

    def _rectangle(self, data: bytes, at: int) -> int:
        control = data[at]
        at += 1
        for stream in range(4):
            if control >> stream & 1:
                self.inflators[stream] = zlib.decompressobj()
                self.resets += 1
        if control >> 4 == 8:
            return at + 3
        length = shift = 0
        for shift in (0, 7, 14):
            byte = data[at]
            at += 1
            length |= (byte & 0x7F if shift < 14 else byte) << shift
            if byte < 128:
                break
        self.pixels.append(self.inflators[control >> 4].decompress(data[at : at + length]))
        return at + length


class TightServer:
    """Writes them; `reset` makes it begin a stream anew and say so."""

    def __init__(self, dice: random.Random, windows: tuple[int, ...] = (15,)) -> None:
        self.dice = dice
        self.windows = windows
        self.deflaters = {stream: Deflater() for stream in range(4)}
        self.pixels: list[bytes] = []

    def rectangle(self, stream: int, resets: int = 0, flush: int = zlib.Z_SYNC_FLUSH) -> bytes:
        self._renew(resets)
        pixels = self.dice.randbytes(100) + bytes(92)
        self.pixels.append(pixels)
        data = self.deflaters[stream](pixels, flush)
        return rectangle(TIGHT, bytes([stream << 4 | resets]) + compact(len(data)) + data, width=8, height=8)

    def fill(self, resets: int) -> bytes:
        self._renew(resets)
        return rectangle(TIGHT, bytes([0x80 | resets]) + b"rgb", width=8, height=8)

    def _renew(self, resets: int) -> None:
        for stream in range(4):
            if resets >> stream & 1:
                self.deflaters[stream] = Deflater(self.dice.choice(self.windows))
