"""What leaves as one span (RFC 6455 §5.2 draws the frames): small frames closed up, large ones where they are."""

from support.websocket import BINARY, PING, raw_frame

from gateway.websocket.runs import CLOSED_UP
from gateway.websocket.scanner import Scanner

SMALL = [bytes([number]) * (1400 + number) for number in range(8)]
STREAM = b"".join(raw_frame(BINARY, payload) for payload in SMALL)


def spans(*chunks: bytes | bytearray, scanner: Scanner | None = None) -> list[bytes]:
    scanner = scanner or Scanner(from_browser=False, max_payload=1 << 20)
    found = []
    for chunk in chunks:
        out: list[memoryview | bytes] = []
        scanner.receive(memoryview(chunk), out)
        found += map(bytes, out)
    return found


def test_small_frames_leave_as_one_span() -> None:
    assert spans(bytearray(STREAM)) == [b"".join(SMALL)]


def test_frames_in_a_buffer_that_must_not_change_leave_as_they_are() -> None:
    assert spans(STREAM) == SMALL


def test_a_large_frame_stays_where_it_is_and_small_ones_close_up_to_it() -> None:
    large = bytes(CLOSED_UP + 1)
    chunk = bytearray(raw_frame(BINARY, SMALL[0]) + raw_frame(BINARY, large) + STREAM)
    before = bytes(chunk)
    assert spans(chunk) == [SMALL[0], large + b"".join(SMALL)]
    begin = before.index(large)
    assert chunk[: begin + len(large)] == before[: begin + len(large)]


def test_a_ping_parts_two_spans() -> None:
    scanner = Scanner(from_browser=False, max_payload=1 << 20)
    chunk = bytearray(STREAM + raw_frame(PING, b"are you there?") + STREAM)
    assert spans(chunk, scanner=scanner) == [b"".join(SMALL)] * 2
    assert [control.payload for control in scanner.controls] == [b"are you there?"]


def test_a_cut_at_any_byte_changes_no_payload() -> None:
    small = [bytes([number]) * 9 for number in range(1, 5)]
    stream = b"".join(raw_frame(BINARY, payload) for payload in small)
    for cut in range(1, len(stream)):
        assert b"".join(spans(bytearray(stream[:cut]), bytearray(stream[cut:]))) == b"".join(small)
