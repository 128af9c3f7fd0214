"""Which colours a piece of the picture has, and its pixels as indices of them; done by whole bytes objects."""

from array import array
from collections import Counter
from collections.abc import Iterator
from itertools import groupby

DIGITS = b"0123456789abcdef"


class Colours:
    """Pixels as numbers: one machine word of the canvas's RGBX each. `palette` is sorted."""

    def __init__(self, rgbx: bytes, width: int) -> None:
        self.width = width
        self.rgbx = rgbx
        self.words = memoryview(rgbx).cast("I")
        # most pieces have one colour, which comparing finds faster than a set
        self.palette = [self.words[0]] if rgbx == rgbx[:4] * len(self.words) else sorted(set(self.words))

    def commonest(self) -> int:
        """The colour of most pixels."""
        return Counter(self.words).most_common(1)[0][0] if len(self.palette) > 1 else self.palette[0]

    def palette_rgbx(self) -> bytes:
        """The palette's pixels."""
        return array("I", self.palette).tobytes()

    def indices(self) -> bytes:
        """A byte a pixel. Only for up to 256 colours."""
        place = {word: index for index, word in enumerate(self.palette)}
        return bytes(map(place.__getitem__, self.words))

    def packed(self, bits: int) -> bytes:
        """Indices of `bits` bits, 1, 2 or 4, the first pixel in the highest; each row begins a new byte."""
        place = {word: DIGITS[index] for index, word in enumerate(self.palette)}
        digits = bytes(map(place.__getitem__, self.words))
        base = 1 << bits
        size = -(-self.width * bits // 8)
        whole = size * 8 // bits
        return b"".join(
            int(digits[at : at + self.width].ljust(whole, b"0"), base).to_bytes(size, "big")
            for at in range(0, len(digits), self.width)
        )

    def runs(self) -> Iterator[tuple[int, int]]:
        """Colour and length of each run of equal pixels, rows going on in the next."""
        for word, group in groupby(self.words):
            yield word, sum(1 for _ in group)

    def rows(self) -> Iterator[list[tuple[int, int, int]]]:
        """For each row its runs: colour, first column, length."""
        for at in range(0, len(self.words), self.width):
            x = 0
            runs = []
            for word, group in groupby(self.words[at : at + self.width]):
                length = sum(1 for _ in group)
                runs.append((word, x, length))
                x += length
            yield runs
