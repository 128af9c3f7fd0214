"""Zlib, ZRLE and ZYWRLE (RFC 6143 §7.7.6, rfbproto): a length and that much of a zlib stream.

Owns their layout, as a value that can be written again without the stream's header.
"""

from dataclasses import dataclass

from gateway.rfb.encodings import Encoding
from gateway.rfb.inflators import Stream
from gateway.rfb.messages import U32

STREAMS: dict[int, Stream] = {
    Encoding.ZLIB: Stream.ZLIB,
    Encoding.ZRLE: Stream.ZRLE,
    Encoding.ZYWRLE: Stream.ZYWRLE,
}
"""Each has a stream of its own, as far as the encodings' definitions go (zlib_streams says which servers share)."""


@dataclass(frozen=True, slots=True)
class Compressed:
    """Where the parts of one rectangle are: [head_at] length, [data_at] compressed bytes, [end]."""

    stream: Stream
    head_at: int
    data_at: int
    end: int

    resets = 0

    def head(self, _view: memoryview, _resets: int, skipped: int) -> bytes:
        """What comes before the data when its first `skipped` bytes are left out."""
        return U32.pack(self.end - self.data_at - skipped)


def describe(view: memoryview, at: int, limit: int, encoding: int) -> Compressed | int:
    """The rectangle whose header ends at `at`, or the end that must be here before that can be said."""
    if at + 4 > limit:
        return at + 4
    length: int = U32.unpack_from(view, at)[0]
    return Compressed(STREAMS[encoding], at, at + 4, at + 4 + length)
