"""Frames that arrive (RFC 6455 §5). Every case runs whole, byte by byte, and with bytes after it."""

import itertools

import pytest
from support.websocket import (
    BINARY,
    CLOSE,
    CONT,
    MASK,
    PING,
    PONG,
    Scanned,
    byte_by_byte,
    in_chunks,
    raw_frame,
    scan,
    whole,
)

from gateway.websocket.frames import Opcode
from gateway.websocket.runs import CLOSED_UP
from gateway.websocket.scanner import MAX_LONG_PONG, Control, Scanner

LIMIT = 200_000
BROWSER, UPSTREAM = True, False
SIDES = [pytest.param(BROWSER, id="browser"), pytest.param(UPSTREAM, id="upstream")]
CUTS = [whole, byte_by_byte]


def frame(from_browser: bool, opcode: int, payload: bytes = b"", **form) -> bytes:
    """A frame as that side must send it."""
    return raw_frame(opcode, payload, mask=MASK if from_browser else None, **form)


def run(from_browser: bool, stream: bytes, cut=whole) -> Scanned:
    return scan(Scanner(from_browser=from_browser, max_payload=LIMIT), cut(stream))


def content(length: int) -> bytes:
    """Bytes whose order shows: no period that a mask or a power of two could hide."""
    return bytes(itertools.islice(itertools.cycle(range(251)), length))


# What is allowed.


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("length", [0, 1, 2, 3, 4, 125, 126, 127, 1400, 65535, 65536, 70_000])
def test_scanner_gives_the_payload_of_a_message(side: bool, cut, length: int) -> None:
    stream = frame(side, BINARY, content(length))
    assert run(side, stream, cut).payload == content(length)
    after = frame(side, BINARY, b"after")
    assert run(side, stream + after, cut).payload == content(length) + b"after"
    assert run(side, stream + after[:-1], cut).payload == content(length) + b"afte"


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("cut", CUTS)
def test_scanner_joins_fragments_with_control_frames_among_them(side: bool, cut) -> None:
    """§5.4: control frames may come in the middle of a fragmented message."""
    stream = (
        frame(side, BINARY, b"one", fin=False)
        + frame(side, PING, b"p")
        + frame(side, CONT, b"", fin=False)
        + frame(side, CONT, b"two" * 100, fin=False)
        + frame(side, PONG)
        + frame(side, CONT, b"three")
        + frame(side, BINARY, b"next")
    )
    scanned = run(side, stream, cut)
    assert scanned.payload == b"one" + b"two" * 100 + b"threenext"
    assert scanned.controls == [Control(Opcode.PING, b"p"), Control(Opcode.PONG, b"")]
    assert scanned.fault is None


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("payload", [b"", b"\x00", content(125)])
def test_scanner_takes_control_frames_out(side: bool, cut, payload: bytes) -> None:
    for opcode in (PING, PONG):
        stream = frame(side, BINARY, b"a") + frame(side, opcode, payload) + frame(side, BINARY, b"b")
        scanned = run(side, stream, cut)
        assert scanned.payload == b"ab"
        assert scanned.controls == [Control(Opcode(opcode), payload)]


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("length", [126, 127, 8192, MAX_LONG_PONG])
def test_scanner_takes_an_upstreams_pong_that_is_too_long(cut, length: int) -> None:
    """QEMU sends such pongs; who reads them wants to know no more than that it is there."""
    pong = frame(UPSTREAM, PONG, content(length))
    scanned = run(UPSTREAM, frame(UPSTREAM, BINARY, b"a") + pong + frame(UPSTREAM, BINARY, b"b"), cut)
    assert scanned.payload == b"ab"
    assert scanned.controls == [Control(Opcode.PONG, content(length)[:125])]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize(
    ("payload", "code", "reason"),
    [
        (b"", None, ""),
        (b"\x03\xe8", 1000, ""),
        (b"\x03\xe9bye", 1001, "bye"),
        (b"\x0b\xb8" + "ü".encode(), 3000, "ü"),
        (b"\x13\x87" + bytes(123), 4999, "\0" * 123),
    ],
)
def test_scanner_reads_a_close_frame_and_ignores_the_rest(
    side: bool, cut, payload: bytes, code: int | None, reason: str
) -> None:
    """§5.5.1: nothing after a Close frame counts, not even nonsense."""
    close = frame(side, CLOSE, payload)
    for rest in (b"", frame(side, BINARY, b"late"), b"\xff" * 20):
        scanned = run(side, frame(side, BINARY, b"last") + close + rest, cut)
        assert scanned.payload == b"last"
        assert scanned.controls == [Control(Opcode.CLOSE, payload, code, reason)]
        assert scanned.fault is None


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("length", [5, 300, 66_000])
def test_scanner_holds_a_header_split_across_chunks(side: bool, length: int) -> None:
    stream = frame(side, BINARY, b"before") + frame(side, BINARY, content(length)) + frame(side, BINARY, b"after")
    for split in range(1, 40):
        scanned = run(side, stream, lambda stream, split=split: iter((stream[:split], stream[split:])))
        assert scanned.payload == b"before" + content(length) + b"after"


@pytest.mark.parametrize("sizes", [[1], [2], [3], [5], [7, 1, 2], [1, 1000], [131_072]])
def test_scanner_turns_the_mask_across_chunks(sizes: list[int]) -> None:
    stream = b"".join(raw_frame(BINARY, content(1021), mask=mask) for mask in (MASK, bytes(4), b"\1\2\3\4"))
    assert run(BROWSER, stream, lambda stream: in_chunks(stream, sizes)).payload == content(1021) * 3


def test_scanner_masks_the_same_without_the_compiled_part(monkeypatch: pytest.MonkeyPatch) -> None:
    from websockets.utils import apply_mask

    from gateway.websocket import scanner

    monkeypatch.setattr(scanner, "apply_mask", apply_mask)
    test_scanner_turns_the_mask_across_chunks([7, 1, 2])
    test_scanner_gives_the_payload_of_a_message(BROWSER, whole, 1400)


# Without copying.


@pytest.mark.parametrize("length", [2, 125, 126, 1400, 65_535, 65_536])
def test_unmasked_payload_is_views_of_the_chunk(length: int) -> None:
    """One, or one for each large frame: see runs."""
    chunk = bytearray(frame(UPSTREAM, BINARY, content(length)) * 3)
    out: list[memoryview | bytes] = []
    Scanner(from_browser=False, max_payload=LIMIT).receive(memoryview(chunk), out)
    assert len(out) == (1 if length <= CLOSED_UP else 3)
    for span in out:
        assert isinstance(span, memoryview)
        assert span.obj is chunk
    assert b"".join(out) == content(length) * 3
    chunk[:] = b"\xee" * len(chunk)
    assert b"".join(out) == b"\xee" * 3 * length


def test_unmasked_payload_cut_by_chunks_is_views_of_both() -> None:
    stream = frame(UPSTREAM, BINARY, content(1000))
    first, second = bytearray(stream[:500]), bytearray(stream[500:])
    scanner, out = Scanner(from_browser=False, max_payload=LIMIT), []
    scanner.receive(memoryview(first), out)
    scanner.receive(memoryview(second), out)
    assert [span.obj is chunk for span, chunk in zip(out, (first, second), strict=True)] == [True, True]
    assert b"".join(out) == content(1000)


def test_scanner_keeps_no_view_of_a_chunk() -> None:
    """A buffer with a view left on it could not be resized: bytearray says so."""
    stream = frame(UPSTREAM, PING, b"ping") + frame(UPSTREAM, BINARY, content(300))
    for cut in range(1, len(stream)):
        chunk = bytearray(stream[:cut])
        scanner = Scanner(from_browser=False, max_payload=LIMIT)
        with memoryview(chunk) as view:
            out: list[memoryview | bytes] = []
            scanner.receive(view, out)
            for span in out:
                if isinstance(span, memoryview):
                    span.release()
        chunk.append(0)
