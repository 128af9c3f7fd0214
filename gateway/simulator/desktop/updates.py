"""What one viewer is shown, and when: requests, continuous updates, pseudo rectangles and damage."""

import struct

from gateway.simulator.desktop import wire
from gateway.simulator.desktop.canvas import Canvas
from gateway.simulator.desktop.cursor import CURSOR
from gateway.simulator.desktop.damage import Copy, Damage
from gateway.simulator.desktop.encoders import Encoders
from gateway.simulator.desktop.geometry import Rect
from gateway.simulator.desktop.pixel_format import SERVER_FORMAT
from gateway.simulator.desktop.wire import Encoding

NOTHING = Rect(0, 0, 0, 0)
MOST_SIZES = 16  # answers kept for a client that asks for sizes but not for updates


class Updates:
    """State of one viewer's picture. `take` gives the FramebufferUpdates that are due."""

    def __init__(self, canvas: Canvas) -> None:
        self.format = SERVER_FORMAT
        self.continuous: Rect | None = None
        self._canvas = canvas
        self._known = canvas.bounds  # the size that the client believes in
        self._damage = Damage()
        self._damage.add(canvas.bounds)
        self._encoders = Encoders()
        self._encodings: frozenset[int] = frozenset()
        self._picture = Encoding.RAW
        self._request: Rect | None = None
        self._extras: set[Encoding] = set()  # pseudo rectangles due with the next update
        self._sizes: list[bytes] = []  # size rectangles due, each in an update of its own

    def accepts(self, encoding: Encoding) -> bool:
        return encoding in self._encodings

    def set_encodings(self, listed: list[int], without: frozenset[Encoding]) -> None:
        """Take over the client's list; what it learns for the first time is announced with the next update."""
        before, self._encodings = self._encodings, frozenset(listed) - without
        spoken = (code for code in listed if code in wire.PICTURES and code in self._encodings)
        self._picture = Encoding(next(spoken, Encoding.RAW))
        self._encoders.level = next((n + 256 for n in listed if n in wire.COMPRESSION_LEVELS), self._encoders.level)
        self._damage.copies = Encoding.COPY_RECT in self._encodings
        if not self._damage.copies:
            self._damage.forget_copies()
        new = self._encodings - before
        self._extras |= {extra for extra in (Encoding.CURSOR, Encoding.QEMU_KEY, Encoding.DESKTOP_NAME) if extra in new}
        if Encoding.EXTENDED_DESKTOP_SIZE in new or self._known != self._canvas.bounds:
            self.tell_size(0, wire.RESIZED)

    def request(self, area: Rect, *, incremental: bool) -> None:
        """A FramebufferUpdateRequest: several add up to one for the area around them."""
        if not incremental:
            self._damage.forget_copies()
            self._damage.add(area.intersect(self._canvas.bounds))
        self._request = area if self._request is None else self._request.union(area)

    def painted(self, rect: Rect) -> None:
        self._damage.add(rect)

    def scrolled(self, copy: Copy) -> None:
        self._damage.scroll(copy)

    def renamed(self) -> None:
        if Encoding.DESKTOP_NAME in self._encodings:
            self._extras.add(Encoding.DESKTOP_NAME)

    def resized(self, canvas: Canvas) -> None:
        """The picture is another one from here on; `tell_size` says so to the client."""
        self._canvas = canvas
        self._damage.clear()
        self._damage.add(canvas.bounds)

    def tell_size(self, reason: int, status: int) -> None:
        """Queue the news of a size, or the answer to a request for one."""
        width, height = self._canvas.width, self._canvas.height
        if Encoding.EXTENDED_DESKTOP_SIZE in self._encodings:
            self._sizes.append(wire.extended_desktop_size(width, height, reason, status))
        elif Encoding.DESKTOP_SIZE in self._encodings:
            self._sizes.append(wire.rectangle(Rect(0, 0, width, height), Encoding.DESKTOP_SIZE))
        else:
            return  # such a client goes on with the part that both sizes have
        del self._sizes[:-MOST_SIZES]
        self._known = self._canvas.bounds

    def take(self, name: str) -> bytes:
        """The updates that are due now, b"" if none is."""
        asked = self.continuous if self._request is None else self._request
        if asked is None:
            return b""
        sizes, self._sizes = [wire.update([size]) for size in self._sizes], []
        area = asked.intersect(self._canvas.bounds).intersect(self._known)
        copies, damaged = self._damage.take(area)
        rectangles = [self._pseudo(extra, name) for extra in sorted(self._extras)]
        self._extras.clear()
        for copy in copies:
            source = struct.pack(">HH", copy.target.x - copy.dx, copy.target.y - copy.dy)
            rectangles.append(wire.rectangle(copy.target, Encoding.COPY_RECT, source))
        for rect in damaged:
            rectangles += self._encoders.rectangles(self._picture, self._canvas, rect, self.format)
        if not rectangles:
            return b"".join(sizes)
        self._request = None
        return b"".join(sizes) + self._message(rectangles)

    def _message(self, rectangles: list[bytes]) -> bytes:
        """With LastRect where the client knows it, as servers do that encode while they send."""
        if len(rectangles) > 1 and Encoding.LAST_RECT in self._encodings:
            return wire.update([*rectangles, wire.rectangle(NOTHING, Encoding.LAST_RECT)], count=wire.MOST_RECTS)
        return wire.update(rectangles)

    def _pseudo(self, extra: Encoding, name: str) -> bytes:
        match extra:
            case Encoding.CURSOR:
                pixels = self.format.convert(CURSOR.rgbx)
                return wire.rectangle(Rect(0, 0, CURSOR.width, CURSOR.height), extra, pixels + CURSOR.mask)
            case Encoding.DESKTOP_NAME:
                text = name.encode()
                return wire.rectangle(NOTHING, extra, struct.pack(">I", len(text)) + text)
            case _:
                return wire.rectangle(NOTHING, extra)
