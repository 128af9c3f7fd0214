"""A stream that comes in WebSocket frames, several in each read of one buffer: what is unfinished at the end of a frame
goes on in the next, whatever lies between them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.rfb_streams import TIGHT, Wire, add_update, rectangle, server_init, update
from websockets.frames import Frame, Opcode

from gateway.compiled.loader import framing
from gateway.rfb.held import HeldBudget, HeldTotal
from gateway.rfb.memory import Memory
from gateway.rfb.server_stream import ServerStream
from gateway.websocket.scanner import Scanner

PIECE = 24 * 1024  # frames of this size stay where they are in the buffer
RUN = update(*[rectangle(TIGHT, b"\0\x80\x08\x78\x9c" + bytes(1022), width=64, height=64)] * 240)


class Upstream:
    """Reads of up to `room` bytes into one buffer, which is all zeroes after each."""

    def __init__(self, room: int) -> None:
        self.stream = ServerStream(Memory(server_init()), HeldBudget(HeldTotal()))
        self._scanner = Scanner(from_browser=False, max_payload=1 << 30)
        self._buffer = memoryview(bytearray(room))

    def read(self, data: bytes) -> list[bytes]:
        """What leaves after this read, span by span."""
        self._buffer[: len(data)] = data
        spans: list[memoryview | bytes] = []
        self._scanner.receive(self._buffer[: len(data)], spans)
        out: list[memoryview | bytes] = []
        self.stream.receive_all(spans, out)
        left = [bytes(part) for part in out]
        self._buffer[:] = bytes(len(self._buffer))
        return left


def framed(data: bytes, sizes: list[int]) -> bytes:
    """`data` in messages of these sizes, over and over."""
    frames, at, turn = [], 0, 0
    while at < len(data):
        part = data[at : at + sizes[turn % len(sizes)]]
        frames.append(Frame(Opcode.BINARY, part).serialize(mask=False))
        at, turn = at + len(part), turn + 1
    return b"".join(frames)


def passed(wire: bytes, room: int) -> tuple[bytes, Upstream]:
    upstream = Upstream(room)
    return b"".join(part for at in range(0, len(wire), room) for part in upstream.read(wire[at : at + room])), upstream


names = st.lists(st.sampled_from(["raw", "tight", "jpeg", "hextile", "zrle", "copy_rect"]), min_size=1)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    rectangles=names,
    sizes=st.lists(st.one_of(st.integers(1, 200), st.integers(PIECE, 3 * PIECE)), min_size=1, max_size=6),
    room=st.integers(40, 256 * 1024),
)
def test_any_stream_in_any_frames_and_reads_passes_unchanged(
    seed: int, rectangles: list[str], sizes: list[int], room: int
) -> None:
    wire = Wire(seed=seed)
    for _ in range(8):
        add_update(wire, rectangles)
    data = bytes(wire.data)
    out, upstream = passed(framed(data, sizes), room)
    assert out == data
    assert upstream.stream.held == upstream.stream.budget.reserved == 0


@pytest.mark.parametrize("size", [PIECE, PIECE + 1, 65_535, 65_536, 100_000])
def test_rectangles_over_the_ends_of_frames_pass_unchanged_and_nothing_stays_promised(size: int) -> None:
    data = RUN * 5
    out, upstream = passed(framed(data, [size]), 256 * 1024)
    assert out == data
    assert upstream.stream.held == upstream.stream.budget.reserved == 0


def test_an_unfinished_rectangle_goes_on_in_the_next_frame_without_a_span_of_its_own() -> None:
    if framing() != "compiled":
        pytest.skip("the framing is interpreted here, which can't tell where its views lie")
    spans = Upstream(256 * 1024).read(framed(RUN, [65_536]))
    assert len(spans) == 4, "one for each frame"
    assert b"".join(spans) == RUN


def test_what_is_not_in_one_buffer_is_joined() -> None:
    """Bytes, views that can't be written, and views too far apart, or the wrong way round, in one buffer."""
    room = bytearray(2 * len(RUN) + 64)
    half = len(RUN) // 2 + 5
    far = half + 11
    room[:half], room[far : far + len(RUN) - half] = RUN[:half], RUN[half:]
    end = len(room) - half
    room[end:] = RUN[:half]
    view = memoryview(room)
    tail = view[far : far + len(RUN) - half]
    for parts in (
        [RUN[:half], RUN[half:]],
        [memoryview(RUN)[:half], memoryview(RUN)[half:]],
        [view[:half], tail],
        [view[end:], tail],
    ):
        stream = ServerStream(Memory(server_init()), HeldBudget(HeldTotal()))
        out: list[memoryview | bytes] = []
        stream.receive_all(parts, out)
        assert b"".join(out) == RUN
        assert stream.budget.reserved == 0
