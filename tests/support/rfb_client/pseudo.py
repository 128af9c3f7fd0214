"""Pseudo rectangles: cursors, sizes, names and announcements (RFC 6143 §7.8 and rfbproto)."""

from dataclasses import dataclass, field

import numpy as np

from support.rfb_client.pixels import Colours, DecodeError
from support.rfb_client.rectangles import Canvas, Rectangle, Steps
from support.rfb_client.wire import Encoding


@dataclass(slots=True)
class Cursor:
    """The pointer's picture; `mask` is true where it is drawn. An empty one hides the pointer."""

    hot_x: int
    hot_y: int
    colours: Colours
    mask: np.ndarray


@dataclass(slots=True)
class Desktop:
    """What pseudo rectangles tell about the server, beside pixels."""

    cursor: Cursor | None = None
    pointer: tuple[int, int] | None = None
    name: str | None = None
    led: int | None = None
    announced: set[int] = field(default_factory=set)
    screens: bytes = b""
    size_answers: list[tuple[int, int]] = field(default_factory=list)  # (reason, status) of ExtendedDesktopSize


def cursor(canvas: Canvas, rect: Rectangle, desktop: Desktop) -> Steps:
    colours = canvas.palette.pixels((yield rect.area * canvas.palette.format.size))
    mask = yield (rect.width + 7) // 8 * rect.height
    _set_cursor(desktop, rect, colours, mask)


def x_cursor(_canvas: Canvas, rect: Rectangle, desktop: Desktop) -> Steps:
    """Two colours of 3 bytes, then a bitmap and a mask; nothing at all where the cursor is empty."""
    if not rect.area:
        _set_cursor(desktop, rect, np.zeros((0, 3), np.uint8), b"")
        return
    pair = np.frombuffer((yield 6), np.uint8).reshape(2, 3)
    row = (rect.width + 7) // 8
    bitmap = yield row * rect.height
    mask = yield row * rect.height
    _set_cursor(desktop, rect, pair[1 - _bits(bitmap, rect).reshape(-1).astype(int)], mask)


def _set_cursor(desktop: Desktop, rect: Rectangle, colours: Colours, mask: bytes) -> None:
    picture = colours.reshape(rect.height, rect.width, 3)
    desktop.cursor = Cursor(rect.x, rect.y, picture, _bits(mask, rect))


def _bits(data: bytes, rect: Rectangle) -> np.ndarray:
    if not rect.area:
        return np.zeros((rect.height, rect.width), bool)
    rows = np.frombuffer(data, np.uint8).reshape(rect.height, -1)
    return np.unpackbits(rows, axis=1)[:, : rect.width].astype(bool)


def alpha_cursor(_canvas: Canvas, rect: Rectangle, _desktop: Desktop) -> Steps:
    """CursorWithAlpha in its Raw form, the only one that needs no stream of its own."""
    encoding = int.from_bytes((yield 4), "big", signed=True)
    if encoding != Encoding.RAW:
        raise DecodeError(f"CursorWithAlpha in encoding {encoding}")
    yield rect.area * 4


def vmware_cursor(canvas: Canvas, rect: Rectangle, _desktop: Desktop) -> Steps:
    kind, _ = yield 2
    if kind > 1:
        raise DecodeError(f"VMware cursor of type {kind}")
    yield rect.area * (2 * canvas.palette.format.size if kind == 0 else 4)


def desktop_size(canvas: Canvas, rect: Rectangle, _desktop: Desktop) -> Steps:
    canvas.framebuffer.resize(rect.width, rect.height)
    yield 0


def extended_desktop_size(canvas: Canvas, rect: Rectangle, desktop: Desktop) -> Steps:
    """x says why (1: the answer to our own request), y whether it was refused; a refusal changes nothing."""
    count = (yield 4)[0]
    screens = yield 16 * count
    desktop.size_answers.append((rect.x, rect.y))
    if rect.x == 1 and rect.y != 0:
        return
    desktop.screens = screens
    canvas.framebuffer.resize(rect.width, rect.height)


def desktop_name(_canvas: Canvas, _rect: Rectangle, desktop: Desktop) -> Steps:
    length = int.from_bytes((yield 4), "big")
    desktop.name = (yield length).decode(errors="replace")


def pointer_position(_canvas: Canvas, rect: Rectangle, desktop: Desktop) -> Steps:
    desktop.pointer = (rect.x, rect.y)
    yield 0


def led(_canvas: Canvas, rect: Rectangle, desktop: Desktop) -> Steps:
    length = 1 if rect.encoding == Encoding.QEMU_LED else 4
    desktop.led = int.from_bytes((yield length), "big")


def announcement(_canvas: Canvas, rect: Rectangle, desktop: Desktop) -> Steps:
    """Says that the server has something; it has no body."""
    desktop.announced.add(rect.encoding)
    yield 0


PSEUDO = {
    Encoding.CURSOR: cursor,
    Encoding.X_CURSOR: x_cursor,
    Encoding.CURSOR_WITH_ALPHA: alpha_cursor,
    Encoding.VMWARE_CURSOR: vmware_cursor,
    Encoding.VMWARE_STATE: announcement,
    Encoding.VMWARE_LED: led,
    Encoding.QEMU_LED: led,
    Encoding.DESKTOP_SIZE: desktop_size,
    Encoding.EXTENDED_DESKTOP_SIZE: extended_desktop_size,
    Encoding.DESKTOP_NAME: desktop_name,
    Encoding.POINTER_POSITION: pointer_position,
    Encoding.QEMU_POINTER_CHANGE: announcement,
    Encoding.QEMU_KEYS: announcement,
    Encoding.QEMU_AUDIO: announcement,
    Encoding.EXTENDED_MOUSE: announcement,
}
