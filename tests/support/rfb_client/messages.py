"""Client messages as bytes (RFC 6143 §7.5 and rfbproto)."""

import struct
from collections.abc import Sequence

from support.rfb_client.wire import ClientMessage, PixelFormat


def set_pixel_format(pixel_format: PixelFormat) -> bytes:
    return struct.pack(">B3x", ClientMessage.SET_PIXEL_FORMAT) + pixel_format.pack()


def set_encodings(encodings: Sequence[int]) -> bytes:
    return struct.pack(f">BxH{len(encodings)}i", ClientMessage.SET_ENCODINGS, len(encodings), *encodings)


def update_request(x: int, y: int, width: int, height: int, *, incremental: bool) -> bytes:
    return struct.pack(">BBHHHH", ClientMessage.FRAMEBUFFER_UPDATE_REQUEST, incremental, x, y, width, height)


def key(keysym: int, *, down: bool) -> bytes:
    return struct.pack(">BBxxI", ClientMessage.KEY_EVENT, down, keysym)


def qemu_key(keysym: int, keycode: int, *, down: bool) -> bytes:
    return struct.pack(">BBHII", ClientMessage.QEMU, 0, down, keysym, keycode)


def pointer(x: int, y: int, buttons: int = 0) -> bytes:
    return struct.pack(">BBHH", ClientMessage.POINTER_EVENT, buttons, x, y)


def extended_pointer(x: int, y: int, buttons: int = 0) -> bytes:
    """With back and forward, the eighth and ninth button (Extended Mouse Buttons)."""
    return struct.pack(">BBHHB", ClientMessage.POINTER_EVENT, buttons & 0x7F | 0x80, x, y, buttons >> 7)


def cut_text(text: str) -> bytes:
    data = text.encode("latin-1")
    return struct.pack(">B3xi", ClientMessage.CLIENT_CUT_TEXT, len(data)) + data


def extended_cut_text(flags: int, data: bytes = b"") -> bytes:
    """A message of the Extended Clipboard: its length is sent negative."""
    return struct.pack(">B3xiI", ClientMessage.CLIENT_CUT_TEXT, -4 - len(data), flags) + data


def continuous_updates(x: int, y: int, width: int, height: int, *, enable: bool) -> bytes:
    return struct.pack(">BBHHHH", ClientMessage.ENABLE_CONTINUOUS_UPDATES, enable, x, y, width, height)


def fence(flags: int, payload: bytes) -> bytes:
    return struct.pack(">B3xIB", ClientMessage.FENCE, flags, len(payload)) + payload


def set_desktop_size(width: int, height: int, *, screen: int = 0) -> bytes:
    """Ask for one screen of this size."""
    head = struct.pack(">BxHHBx", ClientMessage.SET_DESKTOP_SIZE, width, height, 1)
    return head + struct.pack(">IHHHHI", screen, 0, 0, width, height, 0)
