"""WebSocket frames that arrive (RFC 6455 §5): payload spans of a chunk, control frames apart.

Owns the validity of frames and the state that a frame leaves between two chunks, which is a few bytes. Leaves to the
caller what to do about control frames, and the meaning of the payload: message boundaries are dropped, since RFB is
one stream of bytes (rfb.md §8). No extension is ever negotiated, so reserved bits are faults.

    chunk   ─rest of payload─┬─header─┬──payload──┬─header─┬─payload─┬─beginning of a hea
            _resume()        │_header()  _payload()                    kept in _head
"""

from dataclasses import dataclass

from gateway.errors import BrowserError, GatewayError, NotBinary, NotUnderstood, ProtocolViolation, TooBig
from gateway.websocket.frames import FIN, LENGTH_16, MASKED, MAX_CONTROL_PAYLOAD, Opcode, apply_mask
from gateway.websocket.runs import LARGEST_16, masked, unmasked

MAX_HEADER = 14  # 2, 8 of length, 4 of mask (§5.2)

MAX_LONG_PONG = 16 * 1024
"""Bytes of a pong from an upstream. QEMU answers a ping with the ping's payload and all else that it had read by then,
of which it holds 8 KiB; RFC 6455 §5.5 allows 125."""

NEED_MORE = -1
RESERVED_BITS = 0x70
OPCODE_BITS = 0x0F
CONTROL_BIT = 0x08  # opcodes from 8 up are control frames (§5.5)

_OPCODES = {int(opcode): opcode for opcode in Opcode}

# Close codes that may be on the wire (§7.4.1, §7.4.2, and the IANA registry for 1012 to 1014).
REGISTERED_CODES = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})


@dataclass(frozen=True, slots=True)
class Control:
    """A control frame (§5.5). `code` and `reason` are a Close frame's; `code` is None where it carried none.

    Of a pong that is longer than it may be `payload` is the beginning.
    """

    opcode: Opcode
    payload: bytes
    code: int | None = None
    reason: str = ""


EMPTY_PONG = Control(Opcode.PONG, b"")
"""The answer to each of our own pings: an idle session hears little else, and one of its own costs 1 µs to make."""


class Scanner:
    """Takes the frames of one connection apart, chunk by chunk.

    `controls`: control frames in order of arrival; the caller takes them out. A chunk holds at most one per 2 bytes.
    `closed`: a Close frame was received or a fault raised; whatever follows is ignored (§5.5.1, §7.1.7).
    """

    __slots__ = (
        "_control",
        "_fragmented",
        "_from_browser",
        "_gathered",
        "_head",
        "_left",
        "_mask",
        "_max_payload",
        "closed",
        "controls",
    )

    def __init__(self, *, from_browser: bool, max_payload: int) -> None:
        """`from_browser`: frames must be masked, else must not be (§5.1). `max_payload`: bytes of one data frame."""
        self.controls: list[Control] = []
        self.closed = False
        self._from_browser = from_browser
        self._max_payload = max_payload
        self._head = b""  # the beginning of a header that the last chunk cut
        self._left = 0  # payload bytes of the frame under way that are still to come
        self._mask = b""  # masking key, turned so that it begins with the next payload byte
        self._fragmented = False  # a data message has begun and not ended
        self._control: Opcode | None = None  # the frame under way, if it is a control frame
        self._gathered = b""  # its payload so far

    def receive(self, data: memoryview, out: list[memoryview | bytes]) -> None:
        """Append to `out` the payload of the data frames in `data`: in order, no span empty.

        Unmasked spans are views of `data`, in which payload may have been moved; masked ones become fresh bytes. What
        came before a fault in the same chunk is in `out` when it is raised. Raises ProtocolViolation, NotBinary or
        TooBig for frames of a browser and NotUnderstood for those of an upstream.
        """
        if self.closed:
            return
        at = self._resume(data, out) if self._left or self._head else 0
        end = len(data)
        while at < end and not self.closed:
            if not self._fragmented:
                if self._from_browser:
                    at = masked(data, at, out, self._max_payload)
                else:
                    at = unmasked(data, at, out, self._max_payload)
                if at >= end:
                    self._control, self._left = None, at - end
                    return
            start = self._header(data, at)
            if start == NEED_MORE:
                self._head = bytes(data[at:])
                return
            at = self._payload(data, start, out)

    def _resume(self, data: memoryview, out: list[memoryview | bytes]) -> int:
        """Go on with what the last chunk cut: where the next frame begins in `data`."""
        if self._left:
            return self._payload(data, 0, out)
        kept = len(self._head)
        head = self._head + bytes(data[: MAX_HEADER - kept])
        start = self._header(memoryview(head), 0)
        if start == NEED_MORE:
            self._head = head
            return len(data)
        self._head = b""
        return self._payload(data, start - kept, out)

    def _header(self, view: memoryview, at: int) -> int:
        """Read the header at `at` and take up its frame: where the payload starts, or NEED_MORE and nothing changed."""
        end = len(view)
        if end - at < 2:
            return NEED_MORE
        first, second = view[at], view[at + 1]
        self._check(first, second)
        length, start = second & ~MASKED, at + 2
        if length >= LENGTH_16:
            start += 2 if length == LENGTH_16 else 8
            if end < start:
                return NEED_MORE
            length = self._extended_length(view, at + 2, start)
        if length > (MAX_LONG_PONG if first & CONTROL_BIT else self._max_payload):
            raise self._fault(f"a frame of {length} bytes", TooBig)
        if self._from_browser:
            start += 4
            if end < start:
                return NEED_MORE
            self._mask = bytes(view[start - 4 : start])
        self._left = length
        if first & CONTROL_BIT:
            self._control, self._gathered = _OPCODES[first & OPCODE_BITS], b""
        else:
            self._control, self._fragmented = None, not first & FIN
        return start

    def _check(self, first: int, second: int) -> None:
        """Raise what is wrong with the first two bytes of a header (§5.2, §5.4, §5.5)."""
        opcode = first & OPCODE_BITS
        if first & RESERVED_BITS:
            raise self._fault("reserved bits set")
        if opcode & CONTROL_BIT:
            if opcode > Opcode.PONG:
                raise self._fault(f"reserved opcode {opcode:#x}")
            if not first & FIN:
                raise self._fault("a fragmented control frame")
            if second & ~MASKED > MAX_CONTROL_PAYLOAD and (self._from_browser or opcode != Opcode.PONG):
                raise self._fault("a control frame of more than 125 bytes")
        elif opcode > Opcode.BINARY:
            raise self._fault(f"reserved opcode {opcode:#x}")
        elif self._fragmented is not (opcode == Opcode.CONTINUATION):
            raise self._fault("a new message within a fragmented one" if opcode else "a continuation of nothing")
        elif opcode == Opcode.TEXT:
            raise self._fault("a text message", NotBinary)
        if self._from_browser is not bool(second & MASKED):
            raise self._fault("an unmasked frame" if self._from_browser else "a masked frame")

    def _extended_length(self, view: memoryview, at: int, end: int) -> int:
        """Read the length in 16 or 64 bits; it must not fit a shorter form, nor use the highest bit (§5.2)."""
        length = int.from_bytes(view[at:end], "big")
        shortest = LENGTH_16 if end - at == 2 else LARGEST_16 + 1
        if not shortest <= length < 1 << 63:
            raise self._fault("a payload length not in its shortest form, or negative")
        return length

    def _payload(self, data: memoryview, at: int, out: list[memoryview | bytes]) -> int:
        """Take what `data` has from `at` of the payload of the frame under way: where it ends."""
        stop = min(at + self._left, len(data))
        if stop > at:
            taken = stop - at
            span: memoryview | bytes = data[at:stop]
            self._left -= taken
            if self._from_browser:
                span = apply_mask(span, self._mask)
                turn = taken & 3
                self._mask = self._mask[turn:] + self._mask[:turn]
            if self._control is None:
                out.append(span)
            else:
                self._gathered += bytes(span[: MAX_CONTROL_PAYLOAD - len(self._gathered)])
        if self._control is not None and not self._left:
            self._end_control(self._control, self._gathered)
        return stop

    def _end_control(self, opcode: Opcode, payload: bytes) -> None:
        """Hand over a whole control frame."""
        self._control = None
        if opcode is Opcode.CLOSE and payload:
            code, reason = self._close_payload(payload)
            self.controls.append(Control(opcode, payload, code, reason))
        else:
            self.controls.append(EMPTY_PONG if opcode is Opcode.PONG and not payload else Control(opcode, payload))
        self.closed = opcode is Opcode.CLOSE

    def _close_payload(self, payload: bytes) -> tuple[int | None, str]:
        """Read the code and reason of a Close frame (§5.5.1).

        From an upstream any Close is a Close: it is lost whatever it meant to say, and is to be replaced.
        """
        code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else None
        if not self._from_browser:
            return code, payload[2:].decode(errors="replace")
        if code is None:
            raise self._fault("a Close frame with half a code")
        if code not in REGISTERED_CODES and not 3000 <= code < 5000:
            raise self._fault(f"close code {code}")
        try:
            return code, payload[2:].decode()
        except UnicodeDecodeError as error:
            raise self._fault("a close reason that is not UTF-8") from error

    def _fault(self, what: str, kind: type[BrowserError] = ProtocolViolation) -> GatewayError:
        """Give the error to raise; nothing more is read from this connection."""
        self.closed = True
        return kind(what) if self._from_browser else NotUnderstood(f"WebSocket: {what}")
