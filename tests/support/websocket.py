"""WebSocket for tests, independent of gateway.websocket: frames built by hand, and the `websockets` library as judge.

Owns raw frames (also wrong ones), ways to cut a stream into chunks, and the oracle. Leaves sockets to those who need
them.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import Close, Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.streams import StreamReader

from gateway.errors import GatewayError
from gateway.websocket.scanner import Control, Scanner

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FIN = 0x80

MASK = bytes.fromhex("a15c03fe")


def xor(payload: bytes, mask: bytes) -> bytes:
    """Mask (RFC 6455 §5.3): octet i of the payload with octet i modulo 4 of the key."""
    length = len(payload)
    key = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(length, "big")


def raw_frame(
    opcode: int,
    payload: bytes = b"",
    *,
    mask: bytes | None = None,
    fin: bool = True,
    reserved: int = 0,
    form: int | None = None,
) -> bytes:
    """A frame as RFC 6455 §5.2 draws it. `form`: bits of the length field (7, 16, 64), the shortest by default."""
    length = len(payload)
    form = form or (7 if length < 126 else 16 if length < 65536 else 64)
    marker = {7: length, 16: 126, 64: 127}[form]
    extended = b"" if form == 7 else length.to_bytes(form // 8, "big")
    first = opcode | reserved << 4 | (FIN if fin else 0)
    if mask is None:
        return bytes([first, marker]) + extended + payload
    return bytes([first, marker | 0x80]) + extended + mask + xor(payload, mask)


def whole(stream: bytes) -> Iterator[bytes]:
    """All at once."""
    yield stream


def byte_by_byte(stream: bytes) -> Iterator[bytes]:
    """Each byte a chunk."""
    for at in range(len(stream)):
        yield stream[at : at + 1]


def in_chunks(stream: bytes, sizes: list[int]) -> Iterator[bytes]:
    """Cut by `sizes`, again and again from their beginning."""
    at = turn = 0
    while at < len(stream):
        step = sizes[turn % len(sizes)]
        yield stream[at : at + step]
        at, turn = at + step, turn + 1


@dataclass
class Scanned:
    """All that came of a stream."""

    payload: bytes = b""
    controls: list[Control] = field(default_factory=list)
    error: GatewayError | None = None

    @property
    def fault(self) -> type[GatewayError] | None:
        return None if self.error is None else type(self.error)


def scan(scanner: Scanner, chunks: Iterator[bytes]) -> Scanned:
    """Feed `chunks` as the relay does: through one buffer that is written over as soon as a call returns."""
    buffer = bytearray()
    scanned = Scanned()
    for chunk in chunks:
        if len(chunk) > len(buffer):
            buffer = bytearray(len(chunk))
        buffer[: len(chunk)] = chunk
        out: list[memoryview | bytes] = []
        try:
            scanner.receive(memoryview(buffer)[: len(chunk)], out)
        except GatewayError as error:
            scanned.error = error
        scanned.payload += b"".join(out)
        assert all(len(span) for span in out)
        scanned.controls += scanner.controls
        scanner.controls.clear()
        buffer[: len(chunk)] = b"\xee" * len(chunk)
        if scanned.error is not None:
            break
    return scanned


@dataclass
class Judged:
    """What the `websockets` library makes of a stream: data payload, control frames, whether it objects."""

    payload: bytes = b""
    controls: list[tuple[int, bytes]] = field(default_factory=list)
    fault: type[Exception] | None = None


def judge(stream: bytes, *, masked: bool, max_payload: int | None = None) -> Judged:
    """Parse with the library's own `Frame.parse`; the order of data and continuation frames by its `Protocol` rules."""
    judged = Judged()
    reader = StreamReader()
    reader.feed_data(stream)
    try:
        for frame in _frames(reader, masked=masked, max_payload=max_payload):
            if frame.opcode in (Opcode.CLOSE, Opcode.PING, Opcode.PONG):
                judged.controls.append((int(frame.opcode), bytes(frame.data)))
            else:
                judged.payload += frame.data
            if frame.opcode is Opcode.CLOSE:
                Close.parse(bytes(frame.data))
                break
    except (ProtocolError, PayloadTooBig, UnicodeDecodeError) as error:
        judged.fault = type(error)
    return judged


def _frames(reader: StreamReader, *, masked: bool, max_payload: int | None) -> Iterator[Frame]:
    """Whole frames, until more would be needed."""
    within = False
    while True:
        parser: Generator[None, None, Frame] = Frame.parse(reader.read_exact, mask=masked, max_size=max_payload)
        try:
            next(parser)
        except StopIteration as end:
            frame: Frame = end.value
        else:
            return
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            if within is not (frame.opcode is Opcode.CONT):
                raise ProtocolError("wrong place for this frame")
            within = not frame.fin
        yield frame


def library_answers(request: bytes, **options: Any) -> tuple[Request, bytes]:
    """What the library's server, made with `options`, reads of an upgrade request, and its answer."""
    server = ServerProtocol(**options)
    server.receive_data(request)
    (event,) = server.events_received()
    assert isinstance(event, Request)
    server.send_response(server.accept(event))
    return event, b"".join(server.data_to_send())
