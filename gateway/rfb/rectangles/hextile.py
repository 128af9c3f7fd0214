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

_MASKS = 32


def _heads(pixel: int) -> tuple[int, ...]:
    """Bytes of a tile before its subrectangles, by its mask: the mask, two colours, the count of subrectangles."""
    return tuple(
        1
        + bool(mask & BACKGROUND_SPECIFIED) * pixel
        + bool(mask & FOREGROUND_SPECIFIED) * pixel
        + bool(mask & ANY_SUBRECTS)
        for mask in range(_MASKS)
    )


_HEADS = {pixel: _heads(pixel) for pixel in (1, 2, 4)}


class Tiles:
    """One Hextile rectangle. `done` tiles of `count`, left to right and top to bottom, are behind us.

    `need`: bytes that the next tile has at least, 0 if none of it was seen.
    """

    __slots__ = ("_columns", "_height", "_pixel", "_width", "count", "done", "need")

    def __init__(self, width: int, height: int, pixel: int) -> None:
        self._width = width
        self._height = height
        self._pixel = pixel
        self._columns = (width + TILE - 1) // TILE
        self.count = self._columns * ((height + TILE - 1) // TILE)
        self.done = 0
        self.need = 0

    @property
    def left(self) -> int:
        """Tiles to come."""
        return self.count - self.done

    def advance(self, view: memoryview, at: int, limit: int) -> int:
        """Walk over the tiles that are whole; return where the next one, or what follows the last, begins."""
        heads, pixel, count, done = _HEADS[self._pixel], self._pixel, self.count, self.done
        self.need = 0
        while done < count and at < limit:
            mask = view[at]
            if mask & RAW:
                end = at + 1 + self._area(done) * pixel
            else:
                end = at + heads[mask % _MASKS]
                if mask & ANY_SUBRECTS and end <= limit:
                    end += view[end - 1] * (2 + pixel if mask & SUBRECTS_COLOURED else 2)
            if end > limit:
                self.need = end - at
                break
            at = end
            done += 1
        self.done = done
        return at

    def _area(self, tile: int) -> int:
        """Pixels of a tile: fewer at the right and lower edges."""
        row, column = divmod(tile, self._columns)
        return min(TILE, self._width - column * TILE) * min(TILE, self._height - row * TILE)
