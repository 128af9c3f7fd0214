"""The zlib streams of one upstream connection.

Owns where each of them begins, and what is to become of the header there. Leaves finding the compressed bytes to
rectangles/, what the client's inflators have been fed to inflators, and changing the bytes to updates.
"""

from enum import IntEnum

from gateway.errors import UpstreamChanged, UpstreamLost
from gateway.rfb import wire
from gateway.rfb.inflators import HEADER_LENGTH, TIGHT_STREAMS, Inflator, Stream, window_size
from gateway.rfb.memory import Change, Memory
from gateway.rfb.rectangles.compressed import Compressed
from gateway.rfb.rectangles.tight import Tight, plain_controls
from gateway.rfb.splice.report import Note


class Start(IntEnum):
    """Why the next compressed bytes of a stream begin with a header, if they do."""

    NONE = 0
    CONNECTION = 1
    RESET = 2


class Join(IntEnum):
    """What to do with a header."""

    KEEP = 0
    DROP = 1
    KEEP_AND_RESET = 2
    """The client's inflator has to be reset by the rectangle that carries the header."""


# QEMU and libvncserver have one deflate stream for both.
_SIBLINGS = {Stream.ZRLE: Stream.ZYWRLE, Stream.ZYWRLE: Stream.ZRLE}


class ZlibStreams:
    """The streams of one upstream connection in front of the inflators of the client.

    `plain`, `ends`: what tight.run reads and writes; `settle` follows it.
    """

    __slots__ = ("_changed", "_inflators", "_seam", "_starts", "ends", "plain")

    def __init__(self, memory: Memory) -> None:
        self._inflators = memory.inflators
        self._changed = memory.changed
        self._seam = memory.seam
        self._starts = [Start.CONNECTION for _ in Stream]
        self.ends = [0] * TIGHT_STREAMS
        self.plain = bytearray()
        self._mark_plain()

    def inflator(self, stream: Stream) -> Inflator:
        """The client's side of a stream."""
        return self._inflators[stream]

    def seen_at(self, parts: Tight | Compressed) -> int:
        """How far a rectangle must be here before it can be passed on: to the end of the zlib header in it, if any."""
        return min(parts.data_at + HEADER_LENGTH, parts.end) if self._starts_in(parts) else parts.data_at

    def pass_on(self, view: memoryview, parts: Tight | Compressed) -> tuple[bytes | None, int]:
        """A rectangle is released: what replaces its head, None if nothing does, and where its own bytes go on.

        If a stream begins that can't go on in the client's inflator, raises UpstreamLost, and UpstreamChanged when its
        encoding had been left out because of that.
        """
        starts = self._starts_in(parts)
        self._reset(parts.resets)
        resets = skipped = 0
        if starts and parts.stream is not None:
            join = self._begin(parts.stream, bytes(view[parts.data_at : self.seen_at(parts)]))
            skipped = HEADER_LENGTH if join is Join.DROP else 0
            resets = 1 << parts.stream if join is Join.KEEP_AND_RESET else 0
        rest = parts.data_at + skipped
        if resets == parts.resets and not skipped:
            return None, rest
        self._changed[Change.ZLIB_HEADER_DROPPED] += skipped > 0
        self._changed[Change.TIGHT_RESET_CLEARED] += parts.resets & ~resets > 0
        return parts.head(view, resets, skipped), rest

    def settle(self, view: memoryview) -> None:
        """Remember the compressed bytes that tight.run has passed in `view`."""
        for stream, end in enumerate(self.ends):
            if end:
                self._inflators[stream].tail = wire.four_bytes(view, end - 4)

    def _starts_in(self, parts: Tight | Compressed) -> bool:
        stream = parts.stream
        if stream is None or parts.end == parts.data_at:
            return False
        return self._starts[stream] is not Start.NONE or bool(parts.resets >> stream & 1)

    def _reset(self, bits: int) -> None:
        """The server resets Tight streams. One that is yet to start is as new as it can be."""
        for stream in range(TIGHT_STREAMS if bits else 0):
            if bits >> stream & 1 and self._starts[stream] is Start.NONE:
                self._starts[stream] = Start.RESET
        if bits:
            self._mark_plain()

    def _begin(self, stream: Stream, header: bytes) -> Join:
        sibling = _SIBLINGS.get(stream)
        if sibling is not None and self._starts[sibling] is Start.NONE and window_size(header) is None:
            self._inflators[stream] = self._inflators[sibling]  # no header: it goes on in the other's stream
            self._starts[stream] = Start.NONE
            return Join.KEEP
        inflator = self._inflators[stream]
        join = self._join(stream, header)
        if join is not Join.DROP:
            inflator.begin(header)
        for other in Stream:
            if self._inflators[other] is inflator:
                self._starts[other] = Start.NONE
        self._mark_plain()
        return join

    def _join(self, stream: Stream, header: bytes) -> Join:
        inflator, start = self._inflators[stream], self._starts[stream]
        if not inflator.used:
            return Join.KEEP
        if inflator.accepts(header):
            if start is Start.CONNECTION:
                self._seam.report.note(Note.ZLIB_HEADER, HEADER_LENGTH)
            return Join.DROP
        if start is Start.RESET:
            return Join.KEEP_AND_RESET
        if stream in self._seam.left_out:
            raise UpstreamChanged(f"the server uses {stream.name}, which was not negotiated")
        self._seam.left_out.update(other for other in Stream if self._inflators[other] is inflator)
        raise UpstreamLost(f"{stream.name} can't go on in the client's inflator: left out from now on")

    def _mark_plain(self) -> None:
        self.plain = plain_controls([start is Start.NONE for start in self._starts[:TIGHT_STREAMS]])
