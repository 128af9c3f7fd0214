"""The pointer's shape."""

from dataclasses import dataclass

SHAPE = """
#...........
##..........
#o#.........
#oo#........
#ooo#.......
#oooo#......
#ooooo#.....
#oooooo#....
#ooooooo#...
#oooooooo#..
#ooooooooo#.
#oooooo#####
#ooo#oo#....
#oo##oo#....
#o#..#oo#...
##...#oo#...
#.....#oo#..
......#oo#..
.......##...
"""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A cursor whose hot spot is its first pixel: RGBX pixels and one bit a pixel of mask."""

    width: int
    height: int
    rgbx: bytes
    mask: bytes


def _drawn(shape: str) -> Cursor:
    rows = shape.split()
    width = len(rows[0])
    inks = {"#": b"\x10\x14\x1e\0", "o": b"\xff\xff\xff\0", ".": bytes(4)}
    padded = -(-width // 8) * 8
    bits = [row.translate({ord("#"): "1", ord("o"): "1", ord("."): "0"}).ljust(padded, "0") for row in rows]
    mask = b"".join(int(row, 2).to_bytes(padded // 8, "big") for row in bits)
    return Cursor(width, len(rows), b"".join(inks[dot] for row in rows for dot in row), mask)


CURSOR = _drawn(SHAPE)
