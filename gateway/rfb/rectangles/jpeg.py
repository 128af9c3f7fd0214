"""JPEG, encoding 21: an image without a length, walked to its end marker (ITU-T T.81, annex B).

Owns the place in one image. What is walked over is never looked at again.
"""

import re

_SOI, _EOI, _SOS, _TEM = 0xD8, 0xD9, 0xDA, 0x01
_RESTARTS = range(0xD0, 0xD8)

# Any number of fill bytes may come before a marker (T.81 B.1.1.2).
_FILL = re.compile(rb"\xff*")

# A marker in entropy-coded data, without its fill bytes: neither a stuffed zero nor a restart.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


class Image:
    """`walked`: bytes from the image's begin that are behind us. `done`: the end marker is among them."""

    __slots__ = ("_in_scan", "done", "walked")

    def __init__(self) -> None:
        self.walked = 0
        self.done = False
        self._in_scan = False

    def advance(self, view: memoryview, begin: int, limit: int) -> bool:
        """Walk on in view[begin:limit], where the image's first byte is, or was, at `begin`.

        False if a byte is no marker where there must be one: this is no JPEG.
        """
        at = begin + self.walked
        while not self.done:
            if self._in_scan:
                at = self._skip_scan(view, at, limit)
                if self._in_scan:
                    break
            end = self._segment(view, at, limit)
            if end < 0:
                return False
            if end == at:
                break
            at = end
        self.walked = at - begin
        return True

    def _skip_scan(self, view: memoryview, at: int, limit: int) -> int:
        """Where the marker that ends the entropy-coded data begins, or what is sure to be data ends."""
        found = _MARKER.search(view, at, limit)
        if found is not None:
            self._in_scan = False
            return found.start()
        return limit - 1 if limit > at and view[limit - 1] == 0xFF else limit

    def _segment(self, view: memoryview, at: int, limit: int) -> int:
        """Where the marker segment at `at` ends, or what of it needs no second look; -1 if there is none."""
        fill = _FILL.match(view, at, limit)
        after_fill = fill.end() if fill else at
        if after_fill == limit:
            return max(limit - 1, at)
        if after_fill == at:
            return -1
        marker = view[after_fill]
        end = after_fill + 1
        if marker == _EOI:
            self.done = True
            return end
        if marker in (_SOI, _TEM) or marker in _RESTARTS:
            return end
        if end + 2 > limit:
            return at
        length = view[end] << 8 | view[end + 1]  # counts its own two bytes
        if length < 2:
            return -1
        if end + length > limit:
            return at
        self._in_scan = marker == _SOS
        return end + length
