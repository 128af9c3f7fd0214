"""What runs of frames do most, each with one call; the compiled framing does the same in C: wire.pxd."""

from struct import Struct

frame_head = Struct(">HH").unpack_from
"""(view, at) -> the first two bytes of a frame, and the two after them, which may be its length."""


def move(view: memoryview, to: int, start: int, stop: int) -> None:
    """Copy view[start:stop] to where `to` is, further to the front."""
    view[to : to + stop - start] = view[start:stop]


_HEAD_8 = Struct(">BB").pack
_HEAD_16 = Struct(">BBH").pack
_HEAD_64 = Struct(">BBQ").pack


def head(first: int, masked: int, length: int) -> bytes:
    """The header of a frame without its mask: `first` byte, `masked` bit, and `length` in its shortest form (§5.2)."""
    if length < 126:
        return _HEAD_8(first, masked | length)
    if length <= 0xFFFF:
        return _HEAD_16(first, masked | 126, length)
    return _HEAD_64(first, masked | 127, length)
