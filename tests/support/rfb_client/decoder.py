"""The server's stream after ServerInit: framed, drawn, and written down with the place of every byte.

A decoder that shares nothing with the gateway's: generators that ask for bytes one field at a time, written from
RFC 6143 and the page on RFB of the design. Slow and strict: whatever it does not expect is a `DecodeError`.
"""

import struct
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from support.rfb_client import compressed, images, rectangles
from support.rfb_client.pixels import DecodeError, Framebuffer, Palette
from support.rfb_client.pseudo import PSEUDO, Desktop
from support.rfb_client.rectangles import Canvas, Rectangle, Steps
from support.rfb_client.tight import TightStreams, tight
from support.rfb_client.wire import Encoding, PixelFormat, ServerMessage

_UNCOUNTED = 65535  # an update that LastRect ends


@dataclass(slots=True)
class Message:
    """One server message: [`start`, `end`) in the stream; `body` is what follows the type byte, not for updates."""

    kind: ServerMessage
    start: int
    end: int = -1
    body: bytes = b""
    rectangles: list[Rectangle] = field(default_factory=list)


class Decoder:
    """Feed it a server's bytes in pieces of any size.

    `messages` are the finished ones, `unfinished` the one that was begun, with the rectangles that are whole;
    `framebuffer` the picture so far, `desktop` what else was told. `position` is the number of bytes understood: at
    the end of a whole stream it equals the stream's length, and `idle` holds.
    """

    def __init__(self, width: int, height: int, pixel_format: PixelFormat) -> None:
        self.messages: list[Message] = []
        self.unfinished: Message | None = None
        self.desktop = Desktop()
        self.position = 0
        self._canvas = Canvas(Framebuffer(width, height), Palette(pixel_format))
        self._buffer = bytearray()
        self._boundary = 0
        self._codecs = self._table()
        self._steps = self._run()
        self._needed = next(self._steps)

    @property
    def framebuffer(self) -> Framebuffer:
        return self._canvas.framebuffer

    @property
    def pixel_format(self) -> PixelFormat:
        return self._canvas.palette.format

    @pixel_format.setter
    def pixel_format(self, pixel_format: PixelFormat) -> None:
        """In force from the next byte on: set it between messages."""
        self._canvas.palette = Palette(pixel_format)

    @property
    def idle(self) -> bool:
        """Whether all bytes fed make whole messages."""
        return not self._buffer and self.position == self._boundary

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Decode what `data` completes; raises DecodeError at the first byte that cannot be."""
        self._buffer += data
        at = 0
        while len(self._buffer) - at >= self._needed:
            piece = bytes(self._buffer[at : at + self._needed])
            at += self._needed
            self.position += self._needed
            self._needed = self._steps.send(piece)
        del self._buffer[:at]

    def _run(self) -> Generator[int, bytes, None]:
        while True:
            start = self.position
            code = (yield 1)[0]
            if code not in list(ServerMessage):
                raise DecodeError(f"server message of type {code} at {start}")
            message = self.unfinished = Message(ServerMessage(code), start)
            if message.kind is ServerMessage.FRAMEBUFFER_UPDATE:
                yield from self._update(message)
            else:
                message.body = yield from self._body(message.kind)
            message.end = self._boundary = self.position
            self.messages.append(message)
            self.unfinished = None

    def _update(self, message: Message) -> Steps:
        _, count = struct.unpack(">BH", (yield 3))
        while count:
            start = self.position
            x, y, width, height, encoding = struct.unpack(">HHHHi", (yield 12))
            rect = Rectangle(x, y, width, height, encoding, start)
            if encoding != Encoding.LAST_RECT:
                yield from self._rectangle(rect)
            rect.end = self.position
            message.rectangles.append(rect)
            if encoding == Encoding.LAST_RECT:
                break
            if count != _UNCOUNTED:
                count -= 1

    def _rectangle(self, rect: Rectangle) -> Steps:
        if rect.encoding in self._codecs:
            yield from self._codecs[rect.encoding](self._canvas, rect)
        elif rect.encoding in PSEUDO:
            yield from PSEUDO[Encoding(rect.encoding)](self._canvas, rect, self.desktop)
        else:
            raise DecodeError(f"encoding {rect.encoding} at {rect.start}")

    def _body(self, kind: ServerMessage) -> Generator[int, bytes, bytes]:
        if kind is ServerMessage.SET_COLOUR_MAP_ENTRIES:
            return (yield from self._colour_map())
        if kind is ServerMessage.SERVER_CUT_TEXT:
            head = yield 7
            return head + (yield abs(int.from_bytes(head[3:], "big", signed=True)))
        if kind is ServerMessage.FENCE:
            head = yield 8
            return head + (yield head[7])
        if kind is ServerMessage.XVP:
            return (yield 3)
        if kind is ServerMessage.QEMU:
            return (yield from _audio())
        return b""  # Bell, EndOfContinuousUpdates

    def _colour_map(self) -> Generator[int, bytes, bytes]:
        head = yield 5
        first, count = struct.unpack(">xHH", head)
        data = yield 6 * count
        self._canvas.palette.set_colours(first, np.frombuffer(data, ">u2").reshape(-1, 3).astype(np.uint16))
        return head + data

    def _table(self) -> dict[int, Callable[[Canvas, Rectangle], Steps]]:
        """Encodings with pixels; those with state get it here, once a connection."""
        four = TightStreams()
        runs = compressed.Inflator()
        return {
            Encoding.RAW: rectangles.raw,
            Encoding.COPY_RECT: rectangles.copy_rect,
            Encoding.RRE: rectangles.rre,
            Encoding.CORRE: rectangles.corre,
            Encoding.HEXTILE: rectangles.hextile,
            Encoding.ZLIB: partial(compressed.zlib_rect, stream=compressed.Inflator()),
            Encoding.ZRLE: partial(compressed.zrle, stream=runs),
            Encoding.ZYWRLE: partial(compressed.zywrle, stream=runs),
            Encoding.TIGHT: partial(tight, streams=four),
            Encoding.TIGHT_PNG: partial(tight, streams=four),
            Encoding.JPEG: partial(images.jpeg, tables=images.JpegTables()),
            Encoding.H264: images.h264,
        }


def _audio() -> Generator[int, bytes, bytes]:
    """QEMU's audio: submessage 1 with operation 0 (end), 1 (begin) or 2 (data with a length)."""
    head = yield 3
    if head[0] != 1:
        raise DecodeError(f"QEMU message {head[0]}")
    if int.from_bytes(head[1:], "big") != 2:
        return head
    length = yield 4
    return head + length + (yield int.from_bytes(length, "big"))
