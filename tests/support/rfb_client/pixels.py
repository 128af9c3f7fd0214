"""From pixels on the wire to colours, and the picture that they make."""

import numpy as np
from numpy.typing import NDArray

from support.rfb_client.wire import PixelFormat

Colours = NDArray[np.uint8]  # last axis is red, green, blue


class DecodeError(AssertionError):
    """The bytes are not what the specification says at this place."""


class Palette:
    """The colours of one pixel format; holds the colour map where the format has one."""

    def __init__(self, pixel_format: PixelFormat) -> None:
        self.format = pixel_format
        self._map = np.zeros((256, 3), np.uint8)

    def set_colours(self, first: int, colours: NDArray[np.uint16]) -> None:
        """SetColourMapEntries: 16-bit components, of which we keep the upper half."""
        self._map[first : first + len(colours)] = colours >> 8

    def pixels(self, data: bytes) -> Colours:
        """Colours of whole pixels (PIXEL)."""
        if not self.format.true_colour:
            return self._map[self._values(data)]
        return self.scaled(self.components(data))

    def components(self, data: bytes) -> NDArray[np.uint32]:
        """Red, green and blue of whole pixels, each from 0 to its maximum in the format."""
        values = self._values(data)
        pairs = zip(self.format.maxima, self.format.shifts, strict=True)
        return np.stack([(values >> shift) & most for most, shift in pairs], axis=-1)

    def scaled(self, components: NDArray[np.uint32]) -> Colours:
        """Components from 0 to their maximum as colours from 0 to 255."""
        return (components * 255 // np.array(self.format.maxima, np.uint32)).astype(np.uint8)

    def compact(self, data: bytes) -> Colours:
        """Colours of CPIXELs (RFC 6143 §7.7.5): a fourth byte is put back at the end that was left out."""
        if self.format.compact_pixel == self.format.size:
            return self.pixels(data)
        three = np.frombuffer(data, np.uint8).reshape(-1, 3)
        whole = np.zeros((len(three), 4), np.uint8)
        missing_last = self.format.big_endian == self.format.compact_is_high
        whole[:, :3] = three
        return self.pixels(whole.tobytes() if missing_last else np.roll(whole, 1, axis=1).tobytes())

    def tight(self, data: bytes) -> Colours:
        """Colours of TPIXELs: red, green, blue in that order whatever the shifts, or whole pixels."""
        if self.format.tight_pixel == 3:
            return np.frombuffer(data, np.uint8).reshape(-1, 3)
        return self.pixels(data)

    def _values(self, data: bytes) -> NDArray[np.uint32]:
        order = ">" if self.format.big_endian else "<"
        return np.frombuffer(data, dtype=f"{order}u{self.format.size}").astype(np.uint32)


class Framebuffer:
    """The picture, and which of its pixels have been painted since `watch` was called."""

    def __init__(self, width: int, height: int) -> None:
        self.colours: Colours = np.zeros((height, width, 3), np.uint8)
        self._painted = np.zeros((height, width), bool)

    @property
    def width(self) -> int:
        return int(self.colours.shape[1])

    @property
    def height(self) -> int:
        return int(self.colours.shape[0])

    def resize(self, width: int, height: int) -> None:
        """Take a new size; what both sizes have stays (RFC 6143 §7.8.2 leaves the content open)."""
        if (width, height) == (self.width, self.height):
            return
        old, rows, columns = self.colours, min(height, self.height), min(width, self.width)
        self.colours = np.zeros((height, width, 3), np.uint8)
        self.colours[:rows, :columns] = old[:rows, :columns]
        self._painted = np.zeros((height, width), bool)

    def watch(self) -> None:
        """Forget what was painted; `covered` tells when all is again."""
        self._painted[:] = False

    @property
    def covered(self) -> bool:
        return bool(self._painted.all())

    def paint(self, x: int, y: int, width: int, height: int, colours: Colours) -> None:
        """Put `colours` (one, or one a pixel in rows) into a rectangle."""
        self._check(x, y, width, height)
        shape = (height, width, 3) if colours.size > 3 or width * height == 1 else (1, 1, 3)
        self.colours[y : y + height, x : x + width] = colours.reshape(shape)
        self._painted[y : y + height, x : x + width] = True

    def copy(self, x: int, y: int, width: int, height: int, from_x: int, from_y: int) -> None:
        self._check(x, y, width, height)
        self._check(from_x, from_y, width, height)
        source = self.colours[from_y : from_y + height, from_x : from_x + width].copy()
        self.colours[y : y + height, x : x + width] = source
        self._painted[y : y + height, x : x + width] = True

    def cover(self, x: int, y: int, width: int, height: int) -> None:
        """Count a rectangle as painted whose pixels nobody decodes."""
        self._check(x, y, width, height)
        self._painted[y : y + height, x : x + width] = True

    def _check(self, x: int, y: int, width: int, height: int) -> None:
        if x + width > self.width or y + height > self.height:
            raise DecodeError(f"{width}x{height} at {x},{y} is outside {self.width}x{self.height}")
