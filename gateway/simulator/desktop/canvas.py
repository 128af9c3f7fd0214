"""The picture: rows of RGBX pixels in one bytearray, drawn by whole row slices.

Tells its `observer` what changed. Every drawing call is clipped to the canvas.
"""

from collections.abc import Sequence
from typing import Protocol

from gateway.simulator.desktop.damage import Copy
from gateway.simulator.desktop.geometry import Rect

PIXEL = 4  # bytes: red, green, blue and one unused, always 0


class Observer(Protocol):
    """Who wants to know what changed."""

    def painted(self, rect: Rect) -> None: ...

    def scrolled(self, copy: Copy) -> None: ...


def colour(value: int) -> bytes:
    """The pixel of a colour written 0xRRGGBB."""
    return (value << 8).to_bytes(4, "big")


def blend(back: int, front: int, share: float) -> int:
    """A colour between two others, `share` 0 gives `back` and 1 gives `front`."""
    mixed = 0
    for shift in (16, 8, 0):
        low, high = back >> shift & 255, front >> shift & 255
        mixed |= round(low + (high - low) * share) << shift
    return mixed


class Canvas:
    """Pixels of a screen of `width` by `height`."""

    def __init__(self, width: int, height: int, observer: Observer) -> None:
        self.width = width
        self.height = height
        self.pixels = bytearray(width * height * PIXEL)
        self._view = memoryview(self.pixels)
        self._observer = observer

    @property
    def bounds(self) -> Rect:
        return Rect(0, 0, self.width, self.height)

    def fill(self, rect: Rect, pixel: bytes) -> None:
        """Paint `rect` in one colour."""
        self.rows(rect.x, rect.y, [pixel * rect.width] * rect.height)

    def dots(self, rects: Sequence[Rect], pixel: bytes, clip: Rect) -> None:
        """Paint many small rectangles, told to the observer as one change."""
        inside = [rect.intersect(clip).intersect(self.bounds) for rect in rects]
        inside = [rect for rect in inside if rect]
        if not inside:
            return
        around = inside[0]
        stride = self.width * PIXEL
        for rect in inside:
            around = around.union(rect)
            row = pixel * rect.width
            first = rect.y * stride + rect.x * PIXEL
            for at in range(first, first + rect.height * stride, stride):
                self._view[at : at + len(row)] = row
        self._observer.painted(around)

    def rows(self, x: int, y: int, rows: Sequence[bytes]) -> None:
        """Paint rows of equal length from (x, y) down."""
        if not rows:
            return
        rect = Rect(x, y, len(rows[0]) // PIXEL, len(rows)).intersect(self.bounds)
        if not rect:
            return
        skip = (rect.x - x) * PIXEL
        size = rect.width * PIXEL
        stride = self.width * PIXEL
        at = rect.y * stride + rect.x * PIXEL
        for row in rows[rect.y - y : rect.bottom - y]:
            self._view[at : at + size] = row[skip : skip + size]
            at += stride
        self._observer.painted(rect)

    def scroll(self, rect: Rect, dx: int, dy: int) -> None:
        """Move what `rect` shows; the part that it uncovers keeps its pixels, to be painted next."""
        rect = rect.intersect(self.bounds)
        target = rect.intersect(rect.moved(dx, dy))
        if not target:
            return
        source = target.moved(-dx, -dy)
        stride = self.width * PIXEL
        size = target.width * PIXEL
        downwards = range(target.height - 1, -1, -1)
        for row in downwards if dy > 0 else range(target.height):
            to = (target.y + row) * stride + target.x * PIXEL
            at = (source.y + row) * stride + source.x * PIXEL
            self._view[to : to + size] = bytes(self._view[at : at + size])
        self._observer.scrolled(Copy(target, dx, dy))

    def region(self, rect: Rect) -> bytes:
        """The RGBX pixels of a rectangle inside the canvas."""
        stride = self.width * PIXEL
        if rect.x == 0 and rect.width == self.width:
            return bytes(self._view[rect.y * stride : rect.bottom * stride])
        size = rect.width * PIXEL
        first = rect.y * stride + rect.x * PIXEL
        return b"".join([self._view[at : at + size] for at in range(first, first + rect.height * stride, stride)])
