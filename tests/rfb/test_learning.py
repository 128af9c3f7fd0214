"""What the stream tells beyond pixels (rfb.md §1, last columns) is remembered for a replay."""

import struct

import pytest
from support.rfb_streams import (
    AUDIO,
    CURSOR,
    DESKTOP_NAME,
    DESKTOP_SIZE,
    EXTENDED_DESKTOP_SIZE,
    EXTENDED_MOUSE,
    QEMU_KEY,
    TIGHT,
    Deflater,
    compact,
    rectangle,
    server_init,
    update,
)
from support.server_messages import CAPS, extended_cut_text, fence

from gateway.rfb.held import HeldBudget, HeldTotal
from gateway.rfb.inflators import SYNC_FLUSH, Stream, window_size
from gateway.rfb.learning import CURSOR_MAX
from gateway.rfb.memory import Capability, Memory
from gateway.rfb.server_stream import ServerStream


def session() -> tuple[ServerStream, Memory]:
    memory = Memory(server_init(width=640, height=480, name=b"first"))
    return ServerStream(memory, HeldBudget(HeldTotal())), memory


def receive(server: ServerStream, data: bytes, chunk: int = 5) -> None:
    for at in range(0, len(data), chunk):
        server.receive(memoryview(data)[at : at + chunk], [])


def test_size_and_name_begin_with_those_of_server_init() -> None:
    _, memory = session()
    assert (memory.width, memory.height, memory.name) == (640, 480, b"first")


def test_sizes_and_names_are_the_last_ones_told() -> None:
    server, memory = session()
    receive(server, update(rectangle(DESKTOP_SIZE, width=800, height=600)))
    assert (memory.width, memory.height) == (800, 600)
    body = bytes([1, 0, 0, 0]) + bytes(16)
    receive(server, update(rectangle(EXTENDED_DESKTOP_SIZE, body, x=0, width=1024, height=768)))
    assert (memory.width, memory.height) == (1024, 768)
    receive(server, update(rectangle(DESKTOP_NAME, struct.pack(">I", 6) + b"second")))
    assert memory.name == b"second"


@pytest.mark.parametrize(("refused", "size"), [(0, (1, 2)), (1, (640, 480)), (3, (640, 480))])
def test_the_answer_to_a_resize_closes_it_and_a_refusal_changes_nothing(refused: int, size: tuple[int, int]) -> None:
    server, memory = session()
    memory.desktop_size_asked = b"asked"
    body = bytes(4)
    receive(server, update(rectangle(EXTENDED_DESKTOP_SIZE, body, x=2, width=640, height=480)))
    assert memory.desktop_size_asked == b"asked"
    receive(server, update(rectangle(EXTENDED_DESKTOP_SIZE, body, x=1, y=refused, width=1, height=2)))
    assert memory.desktop_size_asked is None
    assert (memory.width, memory.height) == size


@pytest.mark.parametrize(
    ("data", "capability"),
    [
        (update(rectangle(QEMU_KEY)), Capability.QEMU_KEY),
        (update(rectangle(AUDIO)), Capability.AUDIO),
        (update(rectangle(EXTENDED_MOUSE)), Capability.EXTENDED_MOUSE),
        (update(rectangle(EXTENDED_DESKTOP_SIZE, bytes(4))), Capability.DESKTOP_SIZE),
        (b"\x96", Capability.CONTINUOUS_UPDATES),
        (fence(0x80000000, b"x"), Capability.FENCE),
        (bytes([250, 0, 1, 1]), Capability.XVP),
        (extended_cut_text(CAPS | 1, bytes(4)), Capability.EXTENDED_CLIPBOARD),
    ],
)
def test_capabilities_count_when_the_client_hears_of_them(data: bytes, capability: Capability) -> None:
    server, memory = session()
    receive(server, data[:-1])
    assert memory.offered == set()
    receive(server, data[-1:])
    assert memory.offered == memory.learned == {capability}


@pytest.mark.parametrize("data", [bytes([250, 0, 1, 0]), fence(3, b"x"), extended_cut_text(1 << 28, b"x"), b"\2"])
def test_other_messages_announce_nothing(data: bytes) -> None:
    server, memory = session()
    receive(server, data)
    assert memory.offered == set()


def test_the_last_cursor_is_kept_unless_it_is_huge() -> None:
    server, memory = session()
    small = rectangle(CURSOR, bytes(8 * 8 * 4 + 8), x=1, y=2, width=8, height=8)
    receive(server, update(small))
    assert memory.cursor is not None
    assert memory.cursor.rectangle == small
    assert memory.cursor.pixel_format.size == 4
    side = 128
    huge = rectangle(CURSOR, bytes(side * side * 4 + side * side // 8), width=side, height=side)
    assert len(huge) > CURSOR_MAX
    receive(server, update(huge), 1000)
    assert memory.cursor is None


def test_fence_requests_of_the_server_are_counted() -> None:
    server, memory = session()
    receive(server, fence(0x80000000, b"a") + fence(0x80000001, b"b") + fence(1, b"c"))
    assert memory.fences.owed_by_client == 2


@pytest.mark.parametrize("chunk", [1, 7, 100_000])
@pytest.mark.parametrize("window", [9, 12, 15])
def test_each_tight_stream_s_first_window_and_last_bytes_are_known(window: int, chunk: int) -> None:
    server, memory = session()
    for stream in (0, 2):
        deflater = Deflater(window)
        for filler in range(3):
            data = deflater(bytes([filler]) * 192)
            receive(server, update(tight(stream, data), tight(stream, deflater(b"y" * 192))), chunk)
    uncompressed = rectangle(TIGHT, b"\x10" + bytes(3), width=1, height=1)
    receive(server, update(uncompressed), chunk)
    for stream, used in ((0, True), (1, False), (2, True), (3, False)):
        inflator = memory.inflators[stream]
        assert inflator.used is used
        assert inflator.cinfo == (window - 8 if used else None)
        assert inflator.tail == (SYNC_FLUSH if used else b"")
        assert inflator.joinable is used


def tight(stream: int, data: bytes) -> bytes:
    return rectangle(TIGHT, bytes([stream << 4]) + compact(len(data)) + data, width=8, height=8)


@pytest.mark.parametrize("chunk", [1, 100])
def test_the_last_four_bytes_are_known_even_when_rectangles_have_fewer(chunk: int) -> None:
    server, memory = session()
    receive(server, update(*(tight(1, piece) for piece in (b"\x78\x9c12345", b"6", b"78", b"9"))), chunk)
    assert memory.inflators[Stream.TIGHT_1].tail == b"6789"


def test_a_stream_whose_first_bytes_are_no_header_can_never_be_joined() -> None:
    server, memory = session()
    receive(server, update(tight(0, b"\x78\x9d" + SYNC_FLUSH), tight(1, b"\x78"), tight(1, b"\x9c" + SYNC_FLUSH)))
    for stream in (0, 1):
        inflator = memory.inflators[stream]
        assert inflator.used
        assert inflator.tail == SYNC_FLUSH
        assert not inflator.joinable


@pytest.mark.parametrize(
    ("header", "cinfo"),
    [
        (b"\x78\x9c", 7),
        (b"\x78\x01", 7),
        (b"\x78\xda", 7),
        (b"\x18\x95", 1),
        (b"\x78\x9d", None),  # not a multiple of 31
        (b"\x79\x9c", None),  # not deflate
        (b"\x88\x1c", None),  # a window of 64 KiB
        (b"\x78\xbb", None),  # asks for a dictionary
        (b"\x78", None),
        (b"", None),
    ],
)
def test_zlib_headers_are_read_as_rfc_1950_says(header: bytes, cinfo: int | None) -> None:
    assert window_size(header) == cinfo
