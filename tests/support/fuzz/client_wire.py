"""Client messages read again on the other side of the gateway, by RFC 6143 §7.5 and rfbproto, not by its code.

What a user without a right could have sent to a machine is told from this, so it shares nothing with what it judges.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

FIXED = {0: 20, 3: 10, 4: 8, 150: 10, 250: 4}
NAMES = {
    0: "set_pixel_format",
    2: "set_encodings",
    3: "update_request",
    4: "key",
    5: "pointer",
    6: "clipboard",
    150: "continuous_updates",
    248: "fence",
    250: "power",
    251: "resize",
    253: "gii",
}
HARMLESS = {"set_pixel_format", "set_encodings", "update_request", "continuous_updates", "fence"}
"""What product.md leaves to a user without control."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One message. `gives`, `asks`: a clipboard message carries or announces text; it wants some."""

    name: str
    wire: bytes
    gives: bool = False
    asks: bool = False


def messages(data: bytes, *, long_pointers: bool) -> Iterator[Sent]:
    """All of `data`, which must be whole messages. `long_pointers`: bit 7 of a mask announces a seventh byte."""
    at = 0
    while at < len(data):
        length = _length(data, at, long_pointers)
        wire = data[at : at + length]
        assert len(wire) == length, f"message {data[at]} is not whole"
        yield _named(wire)
        at += length


def _length(data: bytes, at: int, long_pointers: bool) -> int:
    kind = data[at]
    if kind in FIXED:
        return FIXED[kind]
    if kind == 2:
        return 4 + 4 * struct.unpack_from(">H", data, at + 2)[0]
    if kind == 5:
        return 7 if long_pointers and data[at + 1] & 0x80 else 6
    if kind == 6:
        return 8 + abs(struct.unpack_from(">i", data, at + 4)[0])
    if kind == 248:
        return 9 + data[at + 8]
    if kind == 251:
        return 8 + 16 * data[at + 6]
    if kind == 255 and data[at + 1] == 0:
        return 12
    if kind == 255 and data[at + 1] == 1:
        return 10 if data[at + 3] == 2 else 4
    raise AssertionError(f"a message of type {kind} left the gateway")


def _named(wire: bytes) -> Sent:
    kind = wire[0]
    if kind == 255:
        return Sent("key" if wire[1] == 0 else "audio", wire)
    if kind != 6:
        return Sent(NAMES[kind], wire)
    if struct.unpack_from(">i", wire, 4)[0] >= 0:
        return Sent("clipboard", wire, gives=True)
    flags = struct.unpack_from(">I", wire, 8)[0]
    capabilities = bool(flags & 1 << 24)
    return Sent(
        "clipboard",
        wire,
        gives=not capabilities and bool(flags & (1 << 27 | 1 << 28)),
        asks=not capabilities and bool(flags & (1 << 25 | 1 << 26)),
    )
