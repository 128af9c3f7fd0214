"""Hextile (RFC 6143 §7.7.4), walked tile by tile.

Owns the place in one rectangle. A rectangle may be a whole screen, so its tiles are released as they become whole; a
cut between two tiles can be repaired.
"""

RAW = 1
BACKGROUND_SPECIFIED = 2
FOREGROUND_SPECIFIED = 4
ANY_SUBRECTS = 8
SUBRECTS_COLOURED = 16

TILE = 16


class Tiles:
    """One Hextile rectangle. `done` tiles of `count`, left to right and top to bottom, are behind us.

    `need`: bytes that the next tile has at least, 0 while more of it was not asked for.
    """

    __slots__ = ("_columns", "_height", "_width", "count", "done", "need", "pixel")

    def __init__(self, width: int, height: int, pixel: int) -> None:
        self._width = width
        self._height = height
        self._columns = (width + TILE - 1) // TILE
        self.pixel = pixel
        self.count = self._columns * ((height + TILE - 1) // TILE)
        self.done = 0
        self.need = 0

    @property
    def left(self) -> int:
        """Tiles to come."""
        return self.count - self.done

    def advance(self, view: memoryview, at: int, limit: int) -> int:
        """Walk over the tiles that are whole; return where the next one, or what follows the last, begins."""
        self.need = 0
        while self.done < self.count:
            if at >= limit:
                return at
            end = self._tile(view, at, limit)
            if end > limit:
                self.need = end - at
                return at
            at = end
            self.done += 1
        return at

    def _tile(self, view: memoryview, at: int, limit: int) -> int:
        """Where the tile at `at` ends; an end beyond `limit` is as far as can be seen."""
        mask = view[at]
        at += 1
        if mask & RAW:
            row, column = divmod(self.done, self._columns)
            width = min(TILE, self._width - column * TILE)
            height = min(TILE, self._height - row * TILE)
            return at + width * height * self.pixel
        if mask & BACKGROUND_SPECIFIED:
            at += self.pixel
        if mask & FOREGROUND_SPECIFIED:
            at += self.pixel
        if not mask & ANY_SUBRECTS:
            return at
        if at >= limit:
            return at + 1
        return at + 1 + view[at] * (2 + self.pixel if mask & SUBRECTS_COLOURED else 2)
