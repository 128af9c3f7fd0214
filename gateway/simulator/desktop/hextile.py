"""Hextile (RFC 6143 §7.7.4): tiles of 16 by 16 pixels as a background with coloured rectangles on it."""

import struct

from gateway.simulator.desktop.canvas import Canvas
from gateway.simulator.desktop.colours import Colours
from gateway.simulator.desktop.geometry import Rect
from gateway.simulator.desktop.pixel_format import PixelFormat

TILE = 16
RAW, BACKGROUND, FOREGROUND, SUBRECTS, COLOURED = 1, 2, 4, 8, 16  # the bits of a tile's first byte
MOST_SUBRECTS = 255


class Hextile:
    """Keeps nothing between rectangles."""

    piece = (0xFFFF, 0xFFFF)

    def encode(self, canvas: Canvas, rect: Rect, pixel_format: PixelFormat) -> bytes:
        out = bytearray()
        background: int | None = None
        for y in range(rect.y, rect.bottom, TILE):
            for x in range(rect.x, rect.right, TILE):
                tile = Rect(x, y, TILE, TILE).intersect(rect)
                colours = Colours(canvas.region(tile), tile.width)
                background = _tile(out, colours, pixel_format, background)
        return bytes(out)


def _tile(out: bytearray, colours: Colours, pixel_format: PixelFormat, known: int | None) -> int | None:
    """Append one tile; the background that the next tile may take over."""
    back = colours.commonest()
    rects = _subrects(colours, back)
    coloured = len(colours.palette) > 2
    size = 2 + (pixel_format.size if coloured else 0)
    if len(rects) > MOST_SUBRECTS or len(rects) * size >= len(colours.words) * pixel_format.size:
        out.append(RAW)
        out += pixel_format.convert(colours.rgbx)
        return None
    pixels = dict(zip(colours.palette, pixel_format.each(colours.palette_rgbx()), strict=True))
    mask = BACKGROUND if back != known else 0
    if rects:
        mask |= SUBRECTS | (COLOURED if coloured else FOREGROUND)
    out.append(mask)
    if mask & BACKGROUND:
        out += pixels[back]
    if mask & FOREGROUND:
        out += pixels[rects[0][0]]
    if rects:
        out.append(len(rects))
        for word, x, y, width, height in rects:
            if coloured:
                out += pixels[word]
            out += struct.pack("BB", x << 4 | y, (width - 1) << 4 | (height - 1))
    return back


Subrect = tuple[int, int, int, int, int]  # colour, x, y, width, height


def _subrects(colours: Colours, background: int) -> list[Subrect]:
    """Runs of one colour in a row, joined with equal ones of the row above."""
    if len(colours.palette) == 1:
        return []
    done: list[Subrect] = []
    above: dict[tuple[int, int, int], tuple[int, int]] = {}  # colour, x, width: the first row, how many rows
    for y, row in enumerate(colours.rows()):
        runs = {(word, x, width) for word, x, width in row if word != background}
        here: dict[tuple[int, int, int], tuple[int, int]] = {}
        for run in runs:
            first, rows = above.pop(run, (y, 0))
            here[run] = (first, rows + 1)
        done += [(word, x, first, width, rows) for (word, x, width), (first, rows) in above.items()]
        above = here
    done += [(word, x, first, width, rows) for (word, x, width), (first, rows) in above.items()]
    return done
