"""Rectangles of the screen."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Rect:
    """Pixels `x` to `x + width`, `y` to `y + height`, the ends not included; empty when a side is 0."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.x + self.width

    @property
    def bottom(self) -> int:
        return self.y + self.height

    @property
    def area(self) -> int:
        return self.width * self.height

    def __bool__(self) -> bool:
        return self.width > 0 and self.height > 0

    def __contains__(self, other: "Rect") -> bool:
        return self.x <= other.x and self.y <= other.y and other.right <= self.right and other.bottom <= self.bottom

    def intersect(self, other: "Rect") -> Self:
        x, y = max(self.x, other.x), max(self.y, other.y)
        width = min(self.right, other.right) - x
        height = min(self.bottom, other.bottom) - y
        return type(self)(x, y, max(width, 0), max(height, 0))

    def union(self, other: "Rect") -> Self:
        """The smallest rectangle around both."""
        x, y = min(self.x, other.x), min(self.y, other.y)
        return type(self)(x, y, max(self.right, other.right) - x, max(self.bottom, other.bottom) - y)

    def moved(self, dx: int, dy: int) -> Self:
        return type(self)(self.x + dx, self.y + dy, self.width, self.height)

    def inset(self, margin: int) -> Self:
        return type(self)(
            self.x + margin, self.y + margin, max(self.width - 2 * margin, 0), max(self.height - 2 * margin, 0)
        )

    def cut(self, other: "Rect") -> list["Rect"]:
        """What remains of this rectangle without `other`: up to four pieces that do not overlap."""
        hole = self.intersect(other)
        if not hole:
            return [self]
        pieces = (
            Rect(self.x, self.y, self.width, hole.y - self.y),
            Rect(self.x, hole.bottom, self.width, self.bottom - hole.bottom),
            Rect(self.x, hole.y, hole.x - self.x, hole.height),
            Rect(hole.right, hole.y, self.right - hole.right, hole.height),
        )
        return [piece for piece in pieces if piece]
