"""Frames that must not arrive (RFC 6455 §5): the right error, on either side, however they arrive."""

import itertools

import pytest
from support.websocket import (
    BINARY,
    CLOSE,
    CONT,
    MASK,
    PING,
    PONG,
    TEXT,
    Scanned,
    byte_by_byte,
    in_chunks,
    raw_frame,
    scan,
    whole,
)

from gateway.errors import GatewayError, NotBinary, NotUnderstood, ProtocolViolation, TooBig
from gateway.websocket.frames import Opcode
from gateway.websocket.scanner import MAX_LONG_PONG, Scanner

LIMIT = 200_000
BROWSER, UPSTREAM = True, False
SIDES = [pytest.param(BROWSER, id="browser"), pytest.param(UPSTREAM, id="upstream")]
CUTS = [whole, byte_by_byte]


def frame(from_browser: bool, opcode: int, payload: bytes = b"", **form) -> bytes:
    """A frame as that side must send it."""
    return raw_frame(opcode, payload, mask=MASK if from_browser else None, **form)


def run(from_browser: bool, stream: bytes, cut=whole) -> Scanned:
    return scan(Scanner(from_browser=from_browser, max_payload=LIMIT), cut(stream))


HALF_CLOSE = [
    pytest.param(CLOSE, b"\x03", id="half-a-close-code"),
    *(
        pytest.param(CLOSE, code.to_bytes(2, "big"), id=f"close-code-{code}")
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)
    ),
    pytest.param(CLOSE, b"\x03\xe8\xff", id="close-reason-not-utf-8"),
    pytest.param(CLOSE, b"\x03\xe8" + "ü".encode()[:1], id="close-reason-cut"),
]


def faults(side: bool) -> list[tuple[str, bytes, type[GatewayError]]]:
    """Name, stream, error of the browser's side. What follows a fault's frame is cut off where the fault shows."""
    other = None if side else MASK
    start = frame(side, BINARY, b"x", fin=False)
    cases: list[tuple[str, bytes, type[GatewayError]]] = [
        (f"reserved bit {bit}", frame(side, BINARY, b"x", reserved=bit), ProtocolViolation) for bit in (1, 2, 4, 7)
    ]
    cases += [
        (f"reserved opcode {opcode}", frame(side, opcode, b"x"), ProtocolViolation)
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
    ]
    cases += [
        ("wrong side's masking", raw_frame(BINARY, b"x", mask=other), ProtocolViolation),
        ("wrong side's masking, long", raw_frame(BINARY, bytes(1400), mask=other), ProtocolViolation),
        ("wrong side's masking of a ping", raw_frame(PING, b"x", mask=other), ProtocolViolation),
        ("text", frame(side, TEXT, b"hello"), NotBinary),
        ("empty text", frame(side, TEXT), NotBinary),
        ("beginning of a text", frame(side, TEXT, b"hello", fin=False), NotBinary),
        ("continuation of nothing", frame(side, CONT, b"x"), ProtocolViolation),
        ("continuation after the end", start + frame(side, CONT) + frame(side, CONT), ProtocolViolation),
        ("message within a message", start + frame(side, BINARY, b"x"), ProtocolViolation),
        ("text within a message", start + frame(side, TEXT, b"x"), ProtocolViolation),
        ("fragment begun within a message", start + frame(side, BINARY, b"x", fin=False), ProtocolViolation),
        ("one byte too many", frame(side, BINARY, bytes(LIMIT + 1)), TooBig),
        ("100 MB", frame(side, BINARY)[:1] + bytes([127 | side << 7]) + (10**8).to_bytes(8, "big") + MASK, TooBig),
        ("length in 16 bits for 125", frame(side, BINARY, bytes(125), form=16), ProtocolViolation),
        ("length in 64 bits for 65535", frame(side, BINARY, bytes(65535), form=64), ProtocolViolation),
        ("length in 64 bits for 0", frame(side, BINARY, form=64), ProtocolViolation),
        ("negative length", b"\x82" + bytes([127 | side << 7]) + b"\x80" + bytes(7) + MASK, ProtocolViolation),
    ]
    for opcode in (PING, PONG, CLOSE):
        too_long = MAX_LONG_PONG + 1 if opcode == PONG and side == UPSTREAM else 126
        cases += [
            (f"control frame {opcode} of {too_long} bytes", frame(side, opcode, bytes(too_long)), ProtocolViolation),
            (f"control frame {opcode}, length in 16 bits", frame(side, opcode, b"\3\xe8", form=16), ProtocolViolation),
            (f"control frame {opcode}, fragmented", frame(side, opcode, fin=False), ProtocolViolation),
        ]
    return cases


FAULTS = [
    pytest.param(side, stream, error if side else NotUnderstood, id=f"{'browser' if side else 'upstream'}: {name}")
    for side in (BROWSER, UPSTREAM)
    for name, stream, error in faults(side)
]


@pytest.mark.parametrize(("side", "stream", "error"), FAULTS)
def test_scanner_raises_the_fault(side: bool, stream: bytes, error: type[GatewayError]) -> None:
    good = frame(side, BINARY, b"good")
    for cut in (*CUTS, lambda stream: in_chunks(stream, [3])):
        for before, after in itertools.product((b"", good), (b"", good)):
            scanned = run(side, before + stream + after, cut)
            assert scanned.fault is error
            assert scanned.payload in (b"good" * bool(before), b"good" * bool(before) + b"x")  # x: a fragment


@pytest.mark.parametrize(("opcode", "payload"), HALF_CLOSE)
@pytest.mark.parametrize("cut", CUTS)
def test_ill_formed_close_of_a_browser_is_a_protocol_error(opcode: int, payload: bytes, cut) -> None:
    """§5.5.1, §7.4, §8.1."""
    scanned = run(BROWSER, frame(BROWSER, opcode, payload), cut)
    assert scanned.fault is ProtocolViolation
    assert scanned.controls == []


@pytest.mark.parametrize(("opcode", "payload"), HALF_CLOSE)
@pytest.mark.parametrize("cut", CUTS)
def test_ill_formed_close_of_an_upstream_is_a_close(opcode: int, payload: bytes, cut) -> None:
    """clouds.md §6: an upstream that closes is replaced, whatever its code."""
    scanned = run(UPSTREAM, frame(UPSTREAM, opcode, payload), cut)
    assert scanned.fault is None
    (close,) = scanned.controls
    assert (close.opcode, close.payload) == (Opcode.CLOSE, payload)


def test_fault_shows_before_its_payload_arrives() -> None:
    """A frame too large is refused by its header alone, and a bad first byte with the second."""
    for stream in (b"\x82\xff" + (LIMIT + 1).to_bytes(8, "big"), b"\x81\x80", b"\x82\x00", b"\xf2\x80", b"\x89\xfe"):
        assert run(BROWSER, stream).fault is not None
        assert run(BROWSER, stream[:-1]).fault is None


def test_scanner_reads_nothing_after_a_fault() -> None:
    """§7.1.7."""
    scanner = Scanner(from_browser=True, max_payload=LIMIT)
    with pytest.raises(NotBinary):
        scanner.receive(memoryview(frame(BROWSER, TEXT, b"x")), [])
    assert scanner.closed
    out: list[memoryview | bytes] = []
    scanner.receive(memoryview(frame(BROWSER, BINARY, b"x") + frame(BROWSER, PING)), out)
    assert (out, scanner.controls) == ([], [])


def test_limit_is_of_a_frame_and_is_reached_exactly() -> None:
    fragments = frame(UPSTREAM, BINARY, bytes(LIMIT), fin=False) + frame(UPSTREAM, CONT, bytes(LIMIT))
    assert len(run(UPSTREAM, fragments).payload) == 2 * LIMIT


@pytest.mark.parametrize("limit", [0, 1, 60, 125, 126, 1000])
@pytest.mark.parametrize("side", SIDES)
def test_small_limits_hold_for_every_length_form(side: bool, limit: int) -> None:
    for length in (limit, limit + 1):
        scanner = Scanner(from_browser=side, max_payload=limit)
        scanned = scan(scanner, whole(frame(side, BINARY, bytes(length)) + frame(side, PING, b"pings have no limit")))
        assert (scanned.error is None) is (length == limit)


def test_fault_text_names_no_payload() -> None:
    secret = b"s3cret-payload"
    for side, opcode in itertools.product((BROWSER, UPSTREAM), (TEXT, 7)):
        scanned = run(side, frame(side, opcode, secret))
        assert "s3cret" not in f"{scanned.error} {scanned.error!r}"
