"""What a splice did to the bytes: each server's own beside the browser's, and the exact difference.

Owns the comparison, from both recordings alone, and the list of what rfb.md lets differ; a difference of another kind
is an AssertionError. Names of kinds are those of the gateway's log. Leaves recording to `support.tap`.
"""

import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from support.rfb_client.decoder import Decoder, Message
from support.rfb_client.rectangles import Rectangle
from support.rfb_client.wire import RGB888, Encoding, PixelFormat, ServerMessage

_TILE = bytes((2, 0, 0, 0, 0))  # Hextile: a background, black
_EMPTY_RAW = bytes(12)
_LAST_RECT = struct.pack(">8xi", Encoding.LAST_RECT)
_ADDED = {
    Encoding.DESKTOP_SIZE: "desktop_size_added",
    Encoding.EXTENDED_DESKTOP_SIZE: "desktop_size_added",
    Encoding.DESKTOP_NAME: "desktop_name_added",
}


@dataclass(frozen=True, slots=True)
class Edit:
    """One difference: `dropped` bytes at `server` of that connection's, in their place `added` at `browser`.

    `at_end`: where the connection was lost.
    """

    kind: str
    connection: int
    server: int
    browser: int
    dropped: int = 0
    added: int = 0
    times: int = 1
    at_end: bool = False

    def __str__(self) -> str:
        verb = "rewritten" if self.dropped and self.added else "dropped" if self.dropped else "added"
        there = f"server {self.connection} at {self.server:8} {-self.dropped:+7}"
        return f"{verb:9} {there}   browser at {self.browser:8} {self.added:+7}   {self.kind} x{self.times}"


@dataclass(frozen=True, slots=True)
class Unit:
    """What leaves whole: a message, or an update's header or rectangle. `message` is the one that it belongs to."""

    start: int
    end: int
    message: Message
    rectangle: Rectangle | None = None

    @property
    def begins_update(self) -> bool:
        return self.rectangle is None and self.message.kind is ServerMessage.FRAMEBUFFER_UPDATE


class Stream:
    """A server's bytes after ServerInit, taken apart.

    `picture`: what they show. `rest`: where the unit begins that is not whole. `refreshed`: where the first pixels of
    every place have come, the length of all where they have not. `open`: how many rectangles of an update are still to
    come, one that was begun included.
    """

    def __init__(self, data: bytes, decoder: Decoder) -> None:
        self.data = data
        self.picture = decoder.framebuffer.colours
        self.units = list(_units(decoder))
        self.rest = self.units[-1].end if self.units else 0
        last = decoder.unfinished
        self.open = 0
        if last is not None and last.kind is ServerMessage.FRAMEBUFFER_UPDATE and self.rest > last.start:
            (count,) = struct.unpack_from(">H", data, last.start + 2)
            self.open = count - len(last.rectangles)
        self.refreshed = self._refreshed(decoder.framebuffer.width * decoder.framebuffer.height)

    def _refreshed(self, area: int) -> int:
        for unit in self.units:
            if unit.rectangle is not None and _draws(unit.rectangle):
                area -= unit.rectangle.area
                if area <= 0:
                    return unit.end
        return len(self.data)


def taken_apart(data: bytes, size: tuple[int, int], pixel_format: PixelFormat = RGB888) -> Stream:
    """A server's stream, by a decoder of its own."""
    decoder = Decoder(*size, pixel_format)
    decoder.feed(data)
    return Stream(data, decoder)


@dataclass(slots=True)
class Comparison:
    """Walks through the browser's bytes, connection by connection. `edits` are all differences so far."""

    browser: Stream
    edits: list[Edit] = field(default_factory=list)
    _at: int = 0
    _connection: int = -1
    _ending: bool = False

    def connection(self, server: Stream, *, lost: bool) -> None:
        """The browser's bytes go on with what this server sent; `lost`: up to its end."""
        self._connection += 1
        for unit in server.units:
            while not self._passed(server, unit):
                pass
        if lost:
            self._ending = True
            self._end(server)
            self._ending = False
        else:
            assert server.data[server.rest :] == self.browser.data[self._browser_at :], "the newest server's last bytes"

    def check_sums(self, servers: Sequence[Stream]) -> None:
        """Nothing is forgotten: the lengths add up."""
        sent = sum(len(server.data) for server in servers)
        changed = sum(edit.added - edit.dropped for edit in self.edits)
        assert len(self.browser.data) == sent + changed

    def seam(self, number: int) -> list[Edit]:
        """What was done where connection `number` follows the one before: at the end of that, and in its own bytes."""
        before = [edit for edit in self.edits if edit.connection == number - 1 and edit.at_end]
        return before + [edit for edit in self.edits if edit.connection == number and not edit.at_end]

    @property
    def _next(self) -> Unit | None:
        return self.browser.units[self._at] if self._at < len(self.browser.units) else None

    @property
    def _browser_at(self) -> int:
        return self._next.start if self._next else self.browser.rest

    def _edit(self, kind: str, server: int, *, dropped: int = 0, added: int = 0, times: int = 1) -> None:
        place = (self._connection, server, self._browser_at)
        self.edits.append(Edit(kind, *place, dropped, added, times, self._ending))

    def _passed(self, server: Stream, unit: Unit) -> bool:
        """Account for one of the server's units, or for what the gateway has put before it."""
        got = self._next
        assert got is not None, f"the browser lacks {unit}"
        if got.begins_update and self._message_added(server, unit, got):
            return False
        sent, seen = server.data[unit.start : unit.end], self.browser.data[got.start : got.end]
        if sent == seen:
            self._at += 1
            return True
        shorter = _without_header(sent, unit.rectangle)
        if shorter == seen:
            self._edit("zlib_header_dropped", unit.start, dropped=len(sent), added=len(seen))
            self._at += 1
            return True
        if unit.message.kind is ServerMessage.END_OF_CONTINUOUS_UPDATES and self._connection:
            self._edit("end_of_continuous_updates_dropped", unit.start, dropped=1)
            return True
        if sent == bytes(4) and seen == b"\0\0\0\1":  # an update without rectangles
            self._edit("empty_update_filled", unit.start, dropped=4, added=16)
            self._at += 2
            return True
        raise AssertionError(f"server {self._connection} sent {unit}, the browser got {got}")

    def _message_added(self, server: Stream, unit: Unit, got: Unit) -> bool:
        """Whether a whole update of the gateway's own stands here."""
        if got.message.end < 0:
            return False
        whole = self.browser.data[got.message.start : got.message.end]
        rectangles = got.message.rectangles
        kind = _ADDED.get(Encoding(rectangles[0].encoding)) if len(rectangles) == 1 else None
        if kind is None or server.data[unit.start : unit.start + len(whole)] == whole:
            return False
        self._edit(kind, unit.start, added=len(whole))
        self._at += 2
        return True

    def _end(self, server: Stream) -> None:
        """The last bytes of a server, and what completes them."""
        left, missing = server.data[server.rest :], server.open
        got = self._next
        if missing and got is not None and len(left) >= 12 and self.browser.data[got.start :][:12] == left[:12]:
            self._completed(server, left, got)
            missing -= 1
        elif left:
            self._edit("unfinished_dropped", server.rest, dropped=len(left))
        if missing and self._shows(_LAST_RECT):
            self._edit("last_rect_added", len(server.data), added=12)
            self._at += 1
            return
        if missing:
            self._edit("empty_rectangle_added", len(server.data), added=12 * missing, times=missing)
        for _ in range(missing):
            assert self._shows(_EMPTY_RAW), "an update of which rectangles are missing"
            self._at += 1

    def _completed(self, server: Stream, left: bytes, got: Unit) -> None:
        """A Raw or Hextile rectangle that was passed on while it came."""
        seen = self.browser.data[got.start : got.end]
        assert got.rectangle is not None
        raw = got.rectangle.encoding == Encoding.RAW
        kept = len(left) if raw else _own_tiles(left, seen)
        filler = bytes(len(seen) - kept) if raw else _TILE * ((len(seen) - kept) // len(_TILE))
        assert seen == left[:kept] + filler, "a rectangle that was cut"
        if kept < len(left):
            self._edit("unfinished_dropped", server.rest + kept, dropped=len(left) - kept)
        if filler:
            self._edit("padding_added", len(server.data), added=len(filler))
        self._at += 1

    def _shows(self, expected: bytes) -> bool:
        return self._next is not None and self.browser.data[self._next.start : self._next.end] == expected


def counted(edits: Sequence[Edit]) -> Counter[str]:
    """How often each kind."""
    times: Counter[str] = Counter()
    for edit in edits:
        times[edit.kind] += edit.times
    return times


def _units(decoder: Decoder) -> Iterator[Unit]:
    for message in [*decoder.messages, *([decoder.unfinished] if decoder.unfinished else [])]:
        if message.kind is not ServerMessage.FRAMEBUFFER_UPDATE:
            if message.end >= 0:
                yield Unit(message.start, message.end, message)
        elif decoder.position >= message.start + 4:
            yield Unit(message.start, message.start + 4, message)
            for rectangle in message.rectangles:
                yield Unit(rectangle.start, rectangle.end, message, rectangle)


def _draws(rectangle: Rectangle) -> bool:
    encoding = rectangle.encoding
    return (0 <= encoding <= Encoding.H264 and encoding != Encoding.COPY_RECT) or encoding == Encoding.TIGHT_PNG


def _without_header(sent: bytes, rectangle: Rectangle | None) -> bytes | None:
    """A rectangle whose zlib stream begins in it, without the two bytes of its header; None if it has none."""
    if rectangle is None or not rectangle.compressed or rectangle.detail in ("jpeg", "png"):
        return None
    begin, end = (place - rectangle.start for place in rectangle.compressed[0])
    if sent[begin] & 15 != 8 or int.from_bytes(sent[begin : begin + 2], "big") % 31:
        return None
    length = end - begin
    tight = rectangle.encoding in (Encoding.TIGHT, Encoding.TIGHT_PNG)
    old, new = (_compact(length), _compact(length - 2)) if tight else (_u32(length), _u32(length - 2))
    return sent[: begin - len(old)] + new + sent[begin + 2 :]


def _u32(number: int) -> bytes:
    return number.to_bytes(4, "big")


def _compact(number: int) -> bytes:
    """Tight's lengths: seven bits a byte, little end first, at most three bytes."""
    if number < 1 << 7:
        return bytes((number,))
    if number < 1 << 14:
        return bytes((number & 127 | 128, number >> 7))
    return bytes((number & 127 | 128, number >> 7 & 127 | 128, number >> 14))


def _own_tiles(left: bytes, seen: bytes) -> int:
    """How many bytes of a Hextile rectangle are the server's: as many as fillers for the rest allow."""
    for kept in range(min(len(left), len(seen)), 11, -1):
        fillers, remainder = divmod(len(seen) - kept, len(_TILE))
        if not remainder and seen[kept:] == _TILE * fillers and seen[:kept] == left[:kept]:
            return kept
    return 0
