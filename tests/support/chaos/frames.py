"""WebSocket frames of a server, cut anew: into small ones, or ended by a Close frame at any byte."""

import random
import struct
from collections.abc import Iterator

_CONTINUATION, _TEXT, _BINARY, _CLOSE = 0, 1, 2, 8
_FIN = 0x80

# What proxies say when they go: normal, going away, internal error, restart, a private code, and no code at all.
CLOSE_CODES = (1000, 1001, 1011, 1012, 4000, None)


def frame(payload: bytes, opcode: int = _BINARY) -> bytes:
    """One unmasked frame, whole."""
    length = len(payload)
    if length < 126:
        return struct.pack(">BB", _FIN | opcode, length) + payload
    if length < 65536:
        return struct.pack(">BBH", _FIN | opcode, 126, length) + payload
    return struct.pack(">BBQ", _FIN | opcode, 127, length) + payload


def close_frame(code: int | None) -> bytes:
    return frame(b"" if code is None else struct.pack(">H", code) + b"bye", _CLOSE)


class Reframer:
    """Takes a server's bytes from its HTTP answer on; gives frames that end wherever those bytes have ended so far.

    With `dice`, every frame carries one to three bytes. `answered`: the HTTP answer has been given.
    """

    def __init__(self, dice: random.Random | None) -> None:
        self._dice = dice
        self._kept = b""
        self.answered = False
        self._left = 0  # of a data frame's payload

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Whole frames; what is not enough for a header or a control frame is kept."""
        self._kept += data
        if not self.answered:
            head, end, rest = self._kept.partition(b"\r\n\r\n")
            if not end:
                return
            yield head + end
            self.answered, self._kept = True, rest
        while self._kept:
            if self._left:
                payload, self._kept = self._kept[: self._left], self._kept[self._left :]
                self._left -= len(payload)
                yield from self._frames(payload)
            else:
                control = self._next_header()
                if control is None:
                    return
                if control:
                    yield control

    def _next_header(self) -> bytes | None:
        """Take a data frame's header (b"") or a whole control frame; None when there is too little for that."""
        kept = self._kept
        if len(kept) < 2:
            return None
        extended = {126: 2, 127: 8}.get(kept[1], 0)
        start = 2 + extended
        if len(kept) < start:
            return None
        length = int.from_bytes(kept[2:start], "big") if extended else kept[1]
        if kept[0] & 15 in (_CONTINUATION, _TEXT, _BINARY):
            self._left, self._kept = length, kept[start:]
            return b""
        if len(kept) < start + length:
            return None
        self._kept = kept[start + length :]
        return kept[: start + length]

    def _frames(self, payload: bytes) -> Iterator[bytes]:
        if self._dice is None:
            yield frame(payload)
            return
        at = 0
        while at < len(payload):
            step = self._dice.randint(1, 3)
            yield frame(payload[at : at + step])
            at += step
