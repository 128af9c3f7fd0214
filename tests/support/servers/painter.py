"""Draws on an X display as a plain X11 client: fills, pictures, moved areas, cursors.

The X protocol's few requests that this takes are written out here, so that tests know every pixel and need no
drawing program. All is drawn on the root window; windows above it hide what is under them.
"""

import random
import socket
import struct
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from support.servers.xserver import Display

_CHANGE_WINDOW, _GET_INPUT_FOCUS, _OPEN_FONT, _CREATE_GC, _CHANGE_GC = 2, 43, 45, 55, 56
_COPY_AREA, _FILL_RECTANGLES, _PUT_IMAGE, _CREATE_GLYPH_CURSOR, _BELL = 62, 70, 72, 94, 104
_CURSOR_ATTRIBUTE = 1 << 14
_FOREGROUND = 1 << 2
_Z_PIXMAP = 2
_DEPTH = 24
_LARGEST = 200_000  # bytes of one PutImage; a request has at most 262,140


class Painter:
    """A connection to the display. Every call returns when the server has drawn it."""

    def __init__(self, display: Display, seed: int = 1) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(10)
        self._socket.connect(f"/tmp/.X11-unix/X{display.number}")
        self._dice = random.Random(seed)
        self._next = 0
        self._open()
        self._context = self._new_id()
        self._request(_CREATE_GC, 0, struct.pack("<III", self._context, self._root, 0))
        self._font = self._new_id()
        self._request(_OPEN_FONT, 0, struct.pack("<IHxx6sxx", self._font, 6, b"cursor"))
        self._sync()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._socket.close()

    def fill(self, x: int, y: int, width: int, height: int, colour: int) -> None:
        """One colour, 0xRRGGBB."""
        self._request(_CHANGE_GC, 0, struct.pack("<III", self._context, _FOREGROUND, colour))
        body = struct.pack("<IIhhHH", self._root, self._context, x, y, width, height)
        self._request(_FILL_RECTANGLES, 0, body)
        self._sync()

    def image(self, x: int, y: int, colours: NDArray[np.uint8]) -> None:
        """A picture given as rows, columns, red-green-blue."""
        height, width = colours.shape[:2]
        pixels = np.zeros((height, width, 4), np.uint8)
        pixels[..., :3] = colours[..., ::-1]
        rows = max(1, _LARGEST // (4 * width))
        for top in range(0, height, rows):
            part = pixels[top : top + rows]
            place = (width, len(part), x, y + top, 0, _DEPTH)
            head = struct.pack("<IIHHhhBBxx", self._root, self._context, *place)
            self._request(_PUT_IMAGE, _Z_PIXMAP, head + part.tobytes())
        self._sync()

    def copy(self, x: int, y: int, width: int, height: int, to_x: int, to_y: int) -> None:
        """Move a piece of the screen, which a VNC server may send as CopyRect."""
        ids = (self._root, self._root, self._context)
        self._request(_COPY_AREA, 0, struct.pack("<IIIhhhhHH", *ids, x, y, to_x, to_y, width, height))
        self._sync()

    def cursor(self, glyph: int, colour: int = 0) -> None:
        """Another pointer: an even number, 0 to 152, of X's cursor font."""
        cursor, levels = self._new_id(), [(colour >> shift & 0xFF) * 257 for shift in (16, 8, 0)]
        shape = (self._font, self._font, glyph, glyph + 1)
        body = struct.pack("<IIIHH6H", cursor, *shape, *levels, 0xFFFF, 0xFFFF, 0xFFFF)
        self._request(_CREATE_GLYPH_CURSOR, 0, body)
        self._request(_CHANGE_WINDOW, 0, struct.pack("<III", self._root, _CURSOR_ATTRIBUTE, cursor))
        self._sync()

    def bell(self) -> None:
        self._request(_BELL, 0, b"")
        self._sync()

    def step(self, width: int, height: int) -> None:
        """Draw something at random inside `width` x `height`: the same things in the same order for one seed."""
        dice = self._dice
        across, down = dice.randrange(8, width // 3), dice.randrange(8, height // 3)
        x, y = dice.randrange(width - across), dice.randrange(height - down)
        match dice.randrange(8):
            case 0 | 1 | 2:
                self.fill(x, y, across, down, dice.randrange(1 << 24))
            case 3 | 4:
                self.copy(x, y, across, down, dice.randrange(width - across), dice.randrange(height - down))
            case 5 | 6:
                self.image(x, y, gradient(across, down, dice.randrange(256)))
            case 7:
                self.cursor(2 * dice.randrange(77), dice.randrange(1 << 24))

    def _open(self) -> None:
        self._socket.sendall(struct.pack("<BxHHHHxx", ord("l"), 11, 0, 0, 0))
        status, length = struct.unpack("<B5xH", self._exactly(8))
        setup = self._exactly(4 * length)
        if status != 1:
            raise ConnectionError(f"X refuses: {setup!r}")
        self._base, mask, vendor, formats = struct.unpack_from("<4xII4xH3xB", setup)
        self._step = mask & -mask
        screen = 32 + (vendor + 3) // 4 * 4 + 8 * formats
        (self._root,) = struct.unpack_from("<I", setup, screen)

    def _new_id(self) -> int:
        self._next += 1
        return int(self._base) | self._next * int(self._step)

    def _request(self, code: int, detail: int, body: bytes) -> None:
        self._socket.sendall(struct.pack("<BBH", code, detail, 1 + len(body) // 4) + body)

    def _sync(self) -> None:
        """Ask something that has an answer: all before it is done then, and an error would have come first."""
        self._request(_GET_INPUT_FOCUS, 0, b"")
        while True:
            packet = self._exactly(32)
            if packet[0] == 0:
                raise AssertionError(f"X error {packet[1]} for request {packet[10]}")
            if packet[0] == 1:
                return

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self._socket.recv(count - len(data))
            if not piece:
                raise ConnectionError("X closed the connection")
            data += piece
        return data


def gradient(width: int, height: int, seed: int) -> NDArray[np.uint8]:
    """A smooth picture in many colours: what Tight sends as JPEG, where it may."""
    rows, columns = np.mgrid[0:height, 0:width]
    red = columns * 255 // max(1, width - 1)
    green = rows * 255 // max(1, height - 1)
    blue = (rows + columns + seed) % 256
    return np.stack([red, green, blue], axis=-1).astype(np.uint8)
