"""Cutting a byte stream into whole units, with as few copies as there can be.

Owns the unfinished tail, the joining of it with the next chunk, and the span of a chunk that leaves as one view.
Leaves what a unit is (a message, a rectangle) to the streams built on it.

A chunk in which all is whole leaves as one view of it. A unit that crosses chunks is joined in a tail of its own, or,
where the next chunk lies right behind in the same buffer, moved up to it; nothing is measured again before the length
that it was found to need is there.
"""

from abc import abstractmethod
from collections.abc import Sequence

from gateway.rfb import wire

Released = list[memoryview | bytes]
"""Where a stream puts what may go on, in order."""

# Bytes joined at least: the few that would complete a length are followed by the few that complete the next, and each
# joining costs a microsecond.
GLIMPSE = 64

MOVED = 4096
"""Bytes of an unfinished unit that are moved over the header of the next frame in the same buffer. A tail of its own,
and the span that it becomes, cost 4 µs more for each frame (measured: 0.07 s/GB of Tight in frames of 64 KB)."""

WHOLE_CHUNK = 1 << 30  # where a length can't be known


class Framing:
    """A stream in one direction. Subclasses say in `_advance` what is whole."""

    __slots__ = ("_glimpse", "_need", "_span", "_tail")

    def __init__(self) -> None:
        self._tail = bytearray()
        self._need = 0
        self._span = 0
        self._glimpse = GLIMPSE

    @property
    def held(self) -> int:
        """Bytes held back: of the one unfinished unit."""
        return len(self._tail)

    def receive_all(self, chunks: Sequence[memoryview | bytes], out: Released) -> None:
        """Receive each of `chunks`, in order. What is between them in their buffer may be overwritten."""
        before: memoryview | bytes = b""
        for chunk in chunks:
            data = chunk
            unfinished, missing = len(self._tail), self._need - len(self._tail)
            # What is longer than the chunk before began before it.
            if 0 < unfinished <= min(len(before), MOVED) and missing <= len(chunk):
                both = wire.slid(before, len(before) - unfinished, chunk)
                if both is not None:
                    self._tail, self._need = bytearray(), 0
                    self._joined()
                    data = both
            self.receive(data, out)
            before = data

    def receive(self, data: memoryview | bytes, out: Released) -> None:
        """Append to `out` what may go on, in order: views of `data` and of joined tails, and bytes.

        Views of `data` are good for as long as the caller leaves its buffer alone.
        """
        if not isinstance(data, memoryview):
            data = memoryview(data)
        at = 0
        if self._tail:
            at = self._join(data, out)
            self._joined()
        limit = len(data)
        if at < limit:
            at = self._scan(data, at, limit, out)
            if at < limit:
                self._tail += data[at:]

    @abstractmethod
    def _advance(self, view: memoryview, at: int, limit: int, out: Released) -> int:
        """Take what is whole from `at`; return where the rest begins.

        When the unit there is not all here, `_need` says how many bytes it has at least, and the return value is its
        begin. Called with at < limit. Without `_need`, either the return value or the state goes forward.
        """

    def _joined(self) -> None:
        """The tail was given what it needed, as far as that is here."""

    def _scan(self, view: memoryview, at: int, until: int, out: Released) -> int:
        """Release the units that begin before `until`; return where the first one begins that is not taken."""
        self._need = 0
        self._span = at
        limit = len(view)
        try:
            while at < until and not self._need:
                at = self._advance(view, at, limit, out)
        finally:  # what was whole before a fault may go on, too
            self._flush(view, at, out)
        return at

    def _join(self, data: memoryview, out: Released) -> int:
        """Complete the tail from `data`; return where `data` goes on."""
        at, limit = 0, len(data)
        while at < limit:
            tail = self._tail
            before = len(tail)
            missing = self._need - before
            if limit - at < missing:
                tail += data[at:]
                return limit
            taken = min(max(missing, self._glimpse), limit - at)
            tail += data[at : at + taken]
            view = memoryview(tail)
            end = self._scan(view, 0, before, out)
            if end:  # views of this tail are out: it is theirs now, and never resized
                self._tail = bytearray(view[end:]) if end < before else bytearray()
            else:
                view.release()
            if end >= before:
                return at + end - before
            at += taken
        return at

    def _flush(self, view: memoryview, upto: int, out: Released) -> None:
        """Release everything before `upto` that is not released yet."""
        if upto > self._span:
            out.append(view[self._span : upto] if self._span or upto < len(view) else view)
            self._span = upto

    def _replace(self, view: memoryview, begin: int, end: int, parts: Sequence[bytes], out: Released) -> None:
        """Release `parts` instead of view[begin:end]; no parts drop it."""
        self._flush(view, begin, out)
        out.extend(parts)
        self._span = end
