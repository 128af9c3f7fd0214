"""What one viewer has not seen yet: damaged rectangles, and scrolls that a CopyRect can show.

The promise: after the pending copies, in order, the viewer's picture equals the canvas except inside the
damaged rectangles. Leaves to the server how it is sent.
"""

from dataclasses import dataclass

from gateway.simulator.desktop.geometry import Rect

MOST_RECTS = 32  # more small rectangles cost more than one around them all
MOST_COPIES = 16  # a viewer that far behind is better served by pixels


@dataclass(frozen=True, slots=True)
class Copy:
    """`target` now shows what was at `target` moved by (-dx, -dy)."""

    target: Rect
    dx: int
    dy: int


class Damage:
    """Collects changes until the viewer asks. `copies`: whether the viewer understands CopyRect."""

    def __init__(self) -> None:
        self.copies = False
        self._rects: list[Rect] = []
        self._pending: list[Copy] = []

    def __bool__(self) -> bool:
        return bool(self._rects or self._pending)

    def add(self, rect: Rect) -> None:
        """Mark `rect` as changed. The rectangles kept never overlap."""
        if not rect or any(rect in known for known in self._rects):
            return
        self._rects = [piece for known in self._rects for piece in known.cut(rect)]
        self._rects.append(rect)
        if len(self._rects) > MOST_RECTS:
            around = self._rects[0]
            for other in self._rects:
                around = around.union(other)
            self._rects = [around]

    def scroll(self, copy: Copy) -> None:
        """Mark a part of the picture as moved."""
        if not self.copies or len(self._pending) == MOST_COPIES:
            self.forget_copies()
            self.add(copy.target)
            return
        source = copy.target.moved(-copy.dx, -copy.dy)
        stale = [rect.intersect(source).moved(copy.dx, copy.dy) for rect in self._rects]
        self._pending.append(copy)
        for rect in stale:
            self.add(rect)

    def forget_copies(self) -> None:
        """Send pixels instead of the copies that are pending."""
        for copy in self._pending:
            self.add(copy.target)
        self._pending.clear()

    def clear(self) -> None:
        self._rects.clear()
        self._pending.clear()

    def take(self, area: Rect) -> tuple[list[Copy], list[Rect]]:
        """What to send for a request of `area`; the rest stays."""
        if any(copy.target not in area for copy in self._pending):
            self.forget_copies()
        copies, self._pending = self._pending, []
        inside = [rect.intersect(area) for rect in self._rects]
        self._rects = [piece for rect in self._rects for piece in rect.cut(area)]
        return copies, [rect for rect in inside if rect]
