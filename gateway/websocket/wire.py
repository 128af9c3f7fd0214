"""What runs of frames do most, each with one call; the compiled framing does the same in C: wire.pxd."""

from struct import Struct

frame_head = Struct(">HH").unpack_from
"""(view, at) -> the first two bytes of a frame, and the two after them, which may be its length."""


def move(view: memoryview, to: int, start: int, stop: int) -> None:
    """Copy view[start:stop] to where `to` is, further to the front."""
    view[to : to + stop - start] = view[start:stop]
