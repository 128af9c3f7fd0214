"""The commonest frames (RFC 6455 §5.2), read in place and in runs: binary messages of one frame each.

Owns how fast frames are taken. A header that is anything else ends a run and takes scanner's long way, which checks
everything and costs four times as much; so does what a run finds wrong.
"""

from struct import Struct

from gateway.websocket import wire
from gateway.websocket.frames import FIN, LENGTH_16, LENGTH_64, MASKED, Opcode, apply_mask

BINARY_0 = (FIN | Opcode.BINARY) << 8  # the first two bytes of an unmasked message, with no payload
BINARY_16 = BINARY_0 | LENGTH_16
BINARY_64 = BINARY_0 | LENGTH_64
MASKED_BINARY_0 = BINARY_0 | MASKED

LARGEST_16 = 0xFFFF

CLOSED_UP = 16 * 1024
"""Bytes of a frame that is moved over its header, to the end of the one before it. That takes 1 µs at most; a span of
its own takes several, and a rectangle in both must be joined. A chunk holds 90 frames of 1.4 KB."""

_LENGTH_64 = Struct(">Q").unpack_from
_HEAD_MASKED = Struct(">H4s").unpack_from


def unmasked(  # noqa: C901  flat on purpose: 90 frames a chunk, at 0.7 µs each interpreted and 0.05 compiled
    data: memoryview, at: int, out: list[memoryview | bytes], max_payload: int
) -> int:
    """Take unmasked binary messages that begin at `at`, the last one as far as it is here.

    Small ones are closed up within `data`, if it may be written, so that their payload is one span. Returns where the
    first other frame begins; beyond the chunk's end, where the last one's payload will end.
    """
    end = len(data)
    fixed, small = data.readonly, CLOSED_UP
    span = upto = at  # payload that is closed up so far
    while end - at >= 4:
        kind, length = wire.frame_head(data, at)
        if kind == BINARY_16:
            start = at + 4
            if length < LENGTH_16:
                break
        elif BINARY_0 < kind < BINARY_16:
            start = at + 2
            length = kind - BINARY_0
        elif kind == BINARY_64 and end - at >= 10:
            start = at + 10
            (length,) = _LENGTH_64(data, at + 2)
            if length <= LARGEST_16:
                break
        else:
            break
        if length > max_payload:
            break
        at = start + length
        stop = min(at, end)
        if span == upto or fixed or length > small:
            if span < upto:
                out.append(data[span:upto])
            span, upto = start, stop
        elif start < stop:
            wire.move(data, upto, start, stop)
            upto += stop - start
    if span < upto:
        out.append(data[span:upto])
    return at


def masked(data: memoryview, at: int, out: list[memoryview | bytes], max_payload: int) -> int:
    """Take whole binary messages of 1 to 125 masked bytes (input) that begin at `at`: where the first other begins."""
    end = len(data)
    while end - at >= 6:
        kind, mask = _HEAD_MASKED(data, at)
        length = kind - MASKED_BINARY_0
        start = at + 6
        stop = start + length
        if not 0 < length < LENGTH_16 or stop > end or length > max_payload:
            break
        out.append(apply_mask(data[start:stop], mask))
        at = stop
    return at
