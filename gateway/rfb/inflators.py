"""What each zlib stream of the client has been fed, and so what can be joined to it (rfb.md §2).

Owns the facts of one inflator, and the rule of when a new stream's header may be dropped so that the stream goes on in
an inflator that is in use. The facts outlive upstream connections. Leaves where streams of a connection begin to
zlib_streams.
"""

from dataclasses import dataclass
from enum import IntEnum

SYNC_FLUSH = b"\0\0\xff\xff"
"""How data ends after Z_SYNC_FLUSH: at a byte's border, outside any block. Nothing refers back over it."""

HEADER_LENGTH = 2
"""CMF and FLG (RFC 1950 §2.2)."""


class Stream(IntEnum):
    """The zlib streams of one connection."""

    TIGHT_0 = 0
    TIGHT_1 = 1
    TIGHT_2 = 2
    TIGHT_3 = 3
    ZLIB = 4
    ZRLE = 5
    ZYWRLE = 6


TIGHT_STREAMS = 4


def window_size(header: bytes) -> int | None:
    """CINFO of a zlib header (RFC 1950 §2.2); None if the two bytes are none, or ask for a dictionary."""
    if len(header) < HEADER_LENGTH:
        return None
    method, flags = header
    if method & 0x0F != 8 or method >> 4 > 7 or (method << 8 | flags) % 31 or flags & 0x20:
        return None
    return method >> 4


@dataclass(slots=True)
class Inflator:
    """One inflator of the client, as far as what was forwarded tells.

    `cinfo`: window size in the first header that it saw, None if it saw none that is valid. `tail`: the last four
    compressed bytes forwarded, fewer if there were fewer. `used`: it has been fed at all.
    """

    used: bool = False
    cinfo: int | None = None
    tail: bytes = b""

    def begin(self, header: bytes) -> None:
        """The client's inflator starts with these bytes: for the first time, or after a reset that it was told."""
        self.used = True
        self.cinfo = window_size(header)
        self.tail = b""

    def feed(self, data: bytes | memoryview) -> None:
        """Compressed bytes were forwarded; only their last four matter."""
        self.tail = (self.tail + bytes(data[-4:]))[-4:]

    @property
    def joinable(self) -> bool:
        """Whether a new stream can go on where this one stands, its header dropped."""
        return self.used and self.cinfo is not None and self.tail == SYNC_FLUSH

    @property
    def continuable(self) -> bool:
        """Whether some stream can follow: one that goes on here, or the first."""
        return self.joinable or not self.used

    def accepts(self, header: bytes) -> bool:
        """Whether the new stream with this header can: its window must not be larger than the first one's."""
        cinfo = window_size(header)
        return self.joinable and cinfo is not None and self.cinfo is not None and cinfo <= self.cinfo
