"""Draws the stroked letters with smooth edges, at any whole scale."""

from functools import lru_cache
from itertools import pairwise

from gateway.simulator.desktop.canvas import blend, colour
from gateway.simulator.desktop.strokes import GLYPHS, UNKNOWN

WIDTH, HEIGHT = 8, 16  # of a cell at scale 1
TOP = 2  # rows above capitals
REACH = 0.58  # half the thickness of a stroke
DISC = 11  # pixels across a light
LEVELS = 7  # steps from paper to ink: few, so that text stays within the palettes of Tight and ZRLE


def text(line: str, ink: int, paper: int, scale: int = 1) -> list[bytes]:
    """The rows of a line of text in RGBX pixels."""
    return beside([glyph(char, ink, paper, scale) for char in line])


def beside(cells: list[tuple[bytes, ...]]) -> list[bytes]:
    """Rows of cells of equal height, side by side."""
    return [b"".join(parts) for parts in zip(*cells, strict=True)]


@lru_cache(maxsize=64)
def disc(ink: int, paper: int) -> list[bytes]:
    """The rows of a small round light."""
    rows = [bytearray(DISC) for _ in range(DISC)]
    middle = (DISC / 2, DISC / 2)
    _stroke(rows, middle, middle, DISC / 2 - 0.5)
    return _inked(rows, ink, paper)


@lru_cache(maxsize=4096)
def glyph(char: str, ink: int, paper: int, scale: int = 1) -> tuple[bytes, ...]:
    """The rows of one cell."""
    return tuple(_inked(_levels(char, scale), ink, paper))


def _inked(levels: list[bytearray], ink: int, paper: int) -> list[bytes]:
    steps = [colour(blend(paper, ink, level / LEVELS)) for level in range(LEVELS + 1)]
    return [b"".join([steps[level] for level in row]) for row in levels]


@lru_cache(maxsize=512)
def _levels(char: str, scale: int) -> list[bytearray]:
    """How much ink each pixel of a cell has."""
    rows = [bytearray(WIDTH * scale) for _ in range(HEIGHT * scale)]
    for chain in GLYPHS.get(char, UNKNOWN).split():
        points = [(int(x, 16), int(y, 16)) for x, y in zip(chain[::2], chain[1::2], strict=True)]
        placed = [((x + 0.5) * scale, (y + TOP + 0.5) * scale) for x, y in points]
        for start, end in pairwise(placed):
            _stroke(rows, start, end, REACH * scale)
    return rows


Point = tuple[float, float]


def _stroke(rows: list[bytearray], start: Point, end: Point, reach: float) -> None:
    """Ink the pixels by their distance from a line with round ends."""
    (x0, y0), (x1, y1) = start, end
    dx, dy = x1 - x0, y1 - y0
    length = dx * dx + dy * dy
    margin = reach + 1
    for row in range(max(int(min(y0, y1) - margin), 0), min(int(max(y0, y1) + margin) + 1, len(rows))):
        for column in range(max(int(min(x0, x1) - margin), 0), min(int(max(x0, x1) + margin) + 1, len(rows[0]))):
            x, y = column + 0.5 - x0, row + 0.5 - y0
            along = min(max((x * dx + y * dy) / length, 0.0), 1.0) if length else 0.0
            distance = ((x - along * dx) ** 2 + (y - along * dy) ** 2) ** 0.5
            share = min(max(reach + 0.5 - distance, 0.0), 1.0)
            rows[row][column] = max(rows[row][column], round(share * LEVELS))
