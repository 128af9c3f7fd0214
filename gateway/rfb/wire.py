"""The numbers that the hottest loops read, each group with one call.

Owns nothing but layouts. The compiled framing reads the same bytes without making objects of them: wire.pxd.
Raises struct.error beyond the view's end.
"""

from struct import Struct

tight_head = Struct(">HHiBBBB").unpack_from
"""(view, at) -> width, height, encoding, and the four bytes after a rectangle's header."""

three_bytes = Struct("BBB").unpack_from
"""(view, at) -> three bytes: a Tight length at its longest."""

update_head = Struct(">BxH").unpack_from
"""(view, at) -> type of message, count of rectangles."""

rectangle_head = Struct(">4xHHi").unpack_from
"""(view, at) -> width, height, encoding."""


def four_bytes(view: memoryview, at: int) -> bytes:
    """The four bytes at `at`."""
    return bytes(view[at : at + 4])


def slid(before: memoryview | bytes, at: int, after: memoryview | bytes) -> memoryview | None:  # noqa: ARG001 - as C has it
    """Move before[at:] to right in front of `after`, and give both as one view.

    None, and nothing is moved, if `after` does not begin a frame's header behind `before` in one buffer that may be
    written. Python can't tell where views lie: only C ever moves anything.
    """
    return None
