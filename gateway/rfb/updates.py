"""FramebufferUpdate (RFC 6143 §7.6.1): finding the ends of its rectangles and releasing them.

Owns where the browser stands inside an update, and what changes in rectangles on their way: Tight resets, and zlib
headers after them. Leaves the layout of rectangles to rectangles/, the other messages to server_stream.

Rectangles leave whole: half of one in zlib or JPEG can be completed by nobody. Raw leaves as it comes and Hextile tile
by tile, since both can. A rectangle that is too large to hold streams from its first byte.
"""

from abc import abstractmethod
from struct import Struct

from gateway.errors import NotUnderstood
from gateway.rfb import wire
from gateway.rfb.encodings import Encoding
from gateway.rfb.framing import GLIMPSE, WHOLE_CHUNK, Framing, Released
from gateway.rfb.held import HeldBudget
from gateway.rfb.inflators import Inflator
from gateway.rfb.learning import LEARNT, learn
from gateway.rfb.memory import Change, Memory
from gateway.rfb.rectangles import compressed, tight
from gateway.rfb.rectangles.compressed import Compressed
from gateway.rfb.rectangles.hextile import Tiles
from gateway.rfb.rectangles.jpeg import Image
from gateway.rfb.rectangles.measure import MEASURES
from gateway.rfb.rectangles.tight import Tight
from gateway.rfb.splice.fillers import EMPTY_RAW
from gateway.rfb.standing import Inside, Standing
from gateway.rfb.zlib_streams import ZlibStreams

HEADER = Struct(">HHHHi")  # x, y, width, height, encoding
_UPDATE_HEAD = 4  # bytes: type, padding, count

# An enum's member costs 0.1 µs each time in CPython 3.11, as much as unpacking a header: those in use are read once.
_TIGHT, _TIGHT_PNG, _HEXTILE, _JPEG = Encoding.TIGHT, Encoding.TIGHT_PNG, Encoding.HEXTILE, Encoding.JPEG
_RAW, _LAST_RECT = Encoding.RAW, Encoding.LAST_RECT
_MESSAGE, _RECTANGLE, _BULK, _DROPPED, _TILES, _IMAGE, _SEAM = Inside


class UpdateFraming(Framing):
    """The rectangles of FramebufferUpdates. ServerStream adds the messages around them."""

    __slots__ = (
        "_between",
        "_bulk_inflator",
        "_bulk_left",
        "_bulk_repairable",
        "_format",
        "_idle",
        "_image",
        "_inside",
        "_rectangles_left",
        "_streams",
        "_tiles",
        "budget",
        "memory",
    )

    def __init__(self, memory: Memory, budget: HeldBudget) -> None:
        super().__init__()
        self.memory = memory
        self.budget = budget
        # Before a message and before a rectangle; SEAM both while a seam is open.
        self._idle, self._between = _MESSAGE, _RECTANGLE
        self._inside = self._idle
        self._format = memory.formats.current
        self._streams = ZlibStreams(memory)
        self._rectangles_left = 0
        self._bulk_left = 0
        self._bulk_repairable = True
        self._bulk_inflator: Inflator | None = None
        self._tiles: Tiles | None = None
        self._image: Image | None = None

    @property
    def standing(self) -> Standing:
        """Where the browser stands now. What is held it has not seen."""
        tiles = self._tiles
        inside = self._inside
        raw = self._bulk_left if inside is _BULK and self._bulk_repairable else 0
        return Standing(
            rectangles_left=self._rectangles_left,
            raw_left=raw,
            tiles_left=tiles.left if tiles is not None else 0,
            pixel=self._format.size,
            repairable=raw > 0 or inside not in (_BULK, _IMAGE),
        )

    def discard(self) -> int:
        """Forget what is held, and where the browser stands, at the end of this upstream; return how much it was."""
        held = self.held
        self._tail = bytearray()
        self.budget.release()
        self._rectangles_done(0, 0)
        self._tiles = None
        return held

    def _joined(self) -> None:
        if self.budget.reserved != self._need:  # what it was for is whole
            self.budget.release()

    @abstractmethod
    def _message(self, view: memoryview, at: int, limit: int, out: Released) -> int:
        """Take the message at `at`; see `_advance`."""

    def _advance(self, view: memoryview, at: int, limit: int, out: Released) -> int:
        inside = self._inside
        if inside is _RECTANGLE:
            return self._rectangle(view, at, limit, out)
        if inside is _MESSAGE:
            return self._message(view, at, limit, out)
        if inside is _TILES:
            return self._tile(view, at, limit)
        if inside is _IMAGE:
            return self._image_bulk(view, at, limit)
        if inside is _SEAM:
            return self._at_seam(view, at, limit, out)
        return self._bulk(view, at, limit, out)

    def _at_seam(self, view: memoryview, at: int, limit: int, out: Released) -> int:
        """Take the message or rectangle at `at`; only splice.joined opens a seam."""
        raise NotImplementedError

    def _wait(self, at: int, end: int) -> int:
        """The unit at `at` reaches to `end` at least: a little more must be here before its length can be told."""
        self._need = end - at
        return at

    def _hold(self, at: int, end: int) -> bool:
        """Hold the unit at `at`, which ends at `end`, until it is whole; False if it is too large for that."""
        if not self.budget.reserve(end - at):
            return False
        self._need = end - at
        return True

    def _begin_oversized(self, at: int, end: int, inflator: Inflator | None = None) -> int:
        self.memory.oversized += 1
        self._bulk_inflator = inflator
        return self._begin_bulk(at, end, repairable=False)

    def _begin_bulk(self, at: int, end: int, *, repairable: bool) -> int:
        """Let everything up to `end` go as it comes."""
        self._inside = _BULK
        self._bulk_left = end - at
        self._bulk_repairable = repairable
        return at

    def _bulk(self, view: memoryview, at: int, limit: int, out: Released) -> int:
        end = min(at + self._bulk_left, limit)
        self._bulk_left -= end - at
        if self._inside is _DROPPED:
            self._replace(view, at, end, (), out)
        elif self._bulk_inflator is not None:
            self._bulk_inflator.feed(view[at:end])
        if self._bulk_left:
            return end
        self._bulk_inflator = None
        return self._rectangles_done(end, max(self._rectangles_left - 1, 0))

    def _rectangles_done(self, end: int, left: int) -> int:
        self._rectangles_left = left
        self._inside = self._between if left else self._idle
        return end

    def _begin_tiles(self, at: int, width: int, height: int) -> int:
        tiles = Tiles(width, height, self._format.size)
        if not tiles.left:
            return self._rectangles_done(at, self._rectangles_left - 1)
        self._tiles = tiles
        self._inside = _TILES
        return at

    def _tile(self, view: memoryview, at: int, limit: int) -> int:
        tiles = self._tiles
        assert tiles is not None, "goes with Inside.TILES"
        end = tiles.advance(view, at, limit)
        if not tiles.left:
            self._tiles = None
            return self._rectangles_done(end, self._rectangles_left - 1)
        self._need = tiles.need
        return end

    def _image_held(self, view: memoryview, at: int, limit: int) -> int:
        """JPEG has no length: what comes is joined and walked, until its end or the limit of what may be held."""
        image = self._image = self._image or Image()
        end = self._walk(image, view, at + HEADER.size, limit)
        if image.done:
            return end
        self._glimpse = WHOLE_CHUNK
        if self._hold(at, limit + 1):
            return at
        self.memory.oversized += 1
        self._inside = _IMAGE
        return end

    def _image_bulk(self, view: memoryview, at: int, limit: int) -> int:
        image = self._image
        assert image is not None, "goes with Inside.IMAGE"
        end = self._walk(image, view, at - image.walked, limit)
        if not image.done and end < limit:
            self._need = limit + 1 - end
        return end

    def _walk(self, image: Image, view: memoryview, begin: int, limit: int) -> int:
        if not image.advance(view, begin, limit):
            raise NotUnderstood("a JPEG rectangle that is no JPEG")
        end = begin + image.walked
        if not image.done:
            return end
        self._image = None
        self._glimpse = GLIMPSE
        return self._rectangles_done(end, self._rectangles_left - 1)

    def _begin_update(self, view: memoryview, at: int, limit: int, out: Released) -> int:
        if limit - at < _UPDATE_HEAD:
            return self._wait(at, at + _UPDATE_HEAD)
        _, count = wire.update_head(view, at)
        end = at + _UPDATE_HEAD
        self._format = self.memory.formats.update_begun()
        if count:
            # 65535 may mean "until LastRect"; clients count all the same, so that many is the end either way.
            self._rectangles_left = count
            self._inside = self._between
            return end
        # noVNC never asks for another update if one without rectangles comes while it decodes an image.
        self._replace(view, at + 2, end, [b"\0\1", EMPTY_RAW], out)
        self.memory.changed[Change.EMPTY_UPDATE_FILLED] += 1
        return end

    def _rectangle(self, view: memoryview, at: int, limit: int, out: Released) -> int:
        """Take the rectangle at `at`, or a run of Tight ones."""
        if limit - at < HEADER.size:
            return self._wait(at, at + HEADER.size)
        width, height, encoding = wire.rectangle_head(view, at)
        body = at + HEADER.size
        if encoding == _TIGHT and self._between is _RECTANGLE:  # the seam looks at them one by one
            after = self._tight_run(view, at, limit)
            if after > at or self._need:
                return after
        if encoding in (_TIGHT, _TIGHT_PNG):
            png = encoding == _TIGHT_PNG
            parts = tight.describe(view, body, limit, width, height, self._format.tpixel, png=png)
            return self._compressed(view, at, limit, parts, out)
        if encoding in compressed.STREAMS:
            return self._compressed(view, at, limit, compressed.describe(view, body, limit, encoding), out)
        if encoding == _HEXTILE:
            return self._begin_tiles(body, width, height)
        if encoding == _JPEG:
            return self._image_held(view, at, limit)
        return self._measured(view, at, limit, encoding)

    def _tight_run(self, view: memoryview, at: int, limit: int) -> int:
        memory, streams, left, tpixel = self.memory, self._streams, self._rectangles_left, self._format.tpixel
        # Where nothing is to be done between two updates, a run goes on into the next.
        across = self._idle is _MESSAGE and not memory.seam.to_browser and memory.formats.steady
        at, left, length, updates = tight.run(view, at, limit, left, tpixel, streams.plain, streams.ends, across=across)
        memory.formats.updates += updates
        streams.settle(view)
        self._rectangles_done(at, left)
        if length:
            self._hold(at, at + length)
        return at

    def _measured(self, view: memoryview, at: int, limit: int, encoding: int) -> int:
        """A rectangle whose length is all there is to find out."""
        width, height, _ = wire.rectangle_head(view, at)
        measure = MEASURES.get(encoding)
        if measure is None:
            raise NotUnderstood(f"rectangle in encoding {encoding}")
        end = measure(view, at + HEADER.size, limit, width, height, self._format)
        if end > limit:
            if encoding == _RAW:
                return self._begin_bulk(at, end, repairable=True)
            return at if self._hold(at, end) else self._begin_oversized(at, end)
        if encoding == _LAST_RECT:
            return self._rectangles_done(end, 0)
        if encoding in LEARNT:
            learn(self.memory, self._format, view[at:end])
        return self._rectangles_done(end, self._rectangles_left - 1)

    def _compressed(self, view: memoryview, at: int, limit: int, parts: Tight | Compressed | int, out: Released) -> int:
        """A rectangle that may carry bytes of a zlib stream."""
        if isinstance(parts, int):
            return self._wait(at, parts)
        streams = self._streams
        seen = streams.seen_at(parts)
        if limit < seen:
            return self._wait(at, seen)
        if parts.end > limit and self._hold(at, parts.end):
            return at
        head, rest = streams.pass_on(view, parts)
        if head is not None:
            self._replace(view, parts.head_at, rest, [head], out)
        inflator = None if parts.stream is None else streams.inflator(parts.stream)
        if parts.end > limit:
            return self._begin_oversized(rest if head is not None else at, parts.end, inflator)
        if inflator is not None:
            inflator.feed(view[rest : parts.end])
        return self._rectangles_done(parts.end, self._rectangles_left - 1)
