"""Where the browser stands (rfb.md §3): told exactly at any byte, so that a cut anywhere can be finished."""

import struct

import pytest
from support.rfb_streams import (
    HEXTILE,
    JPEG,
    RAW,
    RECTANGLES,
    RGB888,
    TIGHT,
    ZRLE,
    Deflater,
    Wire,
    add_update,
    compact,
    jpeg_image,
    rectangle,
    server_init,
    update,
)
from support.server_messages import cut_text

from gateway.rfb.held import ALWAYS_HELD, HeldBudget, HeldTotal
from gateway.rfb.inflators import SYNC_FLUSH, Stream
from gateway.rfb.memory import Change, Memory
from gateway.rfb.policy import Clipboard, Policy
from gateway.rfb.server_stream import ServerStream
from gateway.rfb.standing import Standing

BETWEEN = Standing(rectangles_left=0, raw_left=0, tiles_left=0, pixel=4, repairable=True)


def session(limit: int = 4 << 20, total: HeldTotal | None = None, policy: Policy | None = None) -> ServerStream:
    return ServerStream(Memory(server_init()), HeldBudget(total or HeldTotal(), limit), policy)


def receive(server: ServerStream, data: bytes) -> bytes:
    out: list[memoryview | bytes] = []
    server.receive(memoryview(data), out)
    return b"".join(out)


def test_raw_is_released_as_it_comes_and_what_is_missing_is_known() -> None:
    server = session()
    data = update(rectangle(RAW, bytes(400), width=10, height=10), rectangle(1, bytes(4)))
    assert server.standing == BETWEEN
    assert receive(server, data[:3]) == b""
    assert server.standing == BETWEEN
    assert receive(server, data[3:15]) == data[:4]
    assert server.standing == Standing(2, 0, 0, 4, repairable=True)
    assert server.held == 11
    assert receive(server, data[15:16]) == data[4:16]
    assert server.standing == Standing(2, 400, 0, 4, repairable=True)
    receive(server, data[16:115])
    assert server.standing == Standing(2, 301, 0, 4, repairable=True)
    receive(server, data[115:416])
    assert server.standing == Standing(1, 0, 0, 4, repairable=True)
    receive(server, data[416:])
    assert server.standing == BETWEEN


def test_hextile_is_released_by_tiles_and_the_missing_ones_are_known() -> None:
    server = session()
    tiles = [b"\2bgbg", b"\0", b"\1" + bytes(16 * 4 * 4), b"\x1e" + b"bgbgfgfg" + b"\1" + bytes(6)]
    head = update(rectangle(HEXTILE, width=20, height=20))
    assert receive(server, head) == head
    assert server.standing == Standing(1, 0, 4, 4, repairable=True)
    assert receive(server, tiles[0] + tiles[1]) == tiles[0] + tiles[1]
    assert server.standing == Standing(1, 0, 2, 4, repairable=True)
    assert receive(server, tiles[2][:100]) == b""
    assert server.held == 100
    assert receive(server, tiles[2][100:] + tiles[3][:-1]) == tiles[2]
    assert server.standing == Standing(1, 0, 1, 4, repairable=True)
    assert receive(server, tiles[3][-1:]) == tiles[3]
    assert server.standing == BETWEEN


@pytest.mark.parametrize("name", sorted(set(RECTANGLES) - {"raw", "hextile"}))
def test_nothing_of_any_other_rectangle_is_out_before_its_end(name: str) -> None:
    wire = Wire(seed=9)
    add_update(wire, [name])
    server = session()
    receive(server, bytes(wire.data[:-1]))
    assert server.held == len(wire.data) - 5
    assert server.standing == Standing(1, 0, 0, 4, repairable=True)
    assert server.discard() == len(wire.data) - 5
    assert server.held == 0
    assert server.budget.reserved == 0


# Too large to hold


def test_a_rectangle_above_the_session_s_limit_streams_from_its_first_byte_and_is_counted() -> None:
    server = session(limit=10_000)
    fits, large = rectangle(ZRLE, struct.pack(">I", 9984) + bytes(9984)), Deflater()
    payload = b"\x78\x9c" + bytes(9979) + SYNC_FLUSH
    oversized = rectangle(ZRLE, struct.pack(">I", len(payload)) + payload)
    assert large
    data = update(oversized, fits)
    assert receive(server, data[:19]) == data[:4]
    assert receive(server, data[19:20]) == b""  # the first two compressed bytes may be a header
    assert receive(server, data[20:22]) == data[4:22]
    assert server.held == 0
    assert server.budget.reserved == 0
    assert server.memory.oversized == 1
    assert not server.standing.repairable
    for at in range(22, 4 + len(oversized), 999):
        end = min(at + 999, 4 + len(oversized))
        assert receive(server, data[at:end]) == data[at:end]
    assert server.standing == Standing(1, 0, 0, 4, repairable=True)
    assert server.memory.inflators[Stream.ZRLE].tail == SYNC_FLUSH
    assert receive(server, fits[:-1]) == b""
    assert server.held == 9999
    assert server.budget.reserved == 10_000
    receive(server, fits[-1:])
    assert server.standing == BETWEEN
    assert server.memory.oversized == 1


def test_a_rectangle_above_what_is_left_of_the_process_streams() -> None:
    total = HeldTotal(limit=50_000)
    first, second = session(total=total), session(total=total)
    body = update(rectangle(ZRLE, struct.pack(">I", 30_000) + bytes(30_000)))
    assert receive(first, body[:100]) == body[:4]
    assert total.used == 30_016
    assert receive(second, body[:100]) == body[:100]
    assert second.memory.oversized == 1
    assert receive(first, body[100:]) == body[4:]
    assert total.used == 0
    third = session(total=total)
    receive(third, body[:100])
    third.discard()
    assert total.used == 0


def test_what_is_needed_to_tell_a_length_is_held_even_when_the_process_has_nothing_left() -> None:
    total = HeldTotal(limit=0)
    server = session(total=total)
    palette = b"\x50\x01\xff" + bytes(256 * 3)
    data = update(rectangle(TIGHT, palette + compact(3000) + b"\x78\x9c" + bytes(2998), width=100, height=100))
    out = b""
    for at in range(len(data)):
        out += receive(server, data[at : at + 1])
        assert server.held <= ALWAYS_HELD
    assert out == data
    assert server.memory.oversized == 1
    assert server.standing == BETWEEN
    assert total.used == 0


def test_a_jpeg_rectangle_streams_once_it_has_grown_above_the_limit() -> None:
    import random

    image = b"".join(
        [
            b"\xff\xd8\xff\xda\x00\x03\x00",
            random.Random(1).randbytes(20_000).replace(b"\xff", b"\xff\x00"),
            b"\xff\xe0\x20\x00" + bytes(0x2000 - 2),
            jpeg_image(random.Random(2))[2:],
        ]
    )
    data = update(rectangle(JPEG, image, width=9, height=9), rectangle(1, bytes(4)))
    for chunk in (1, 10, 1000, 7777):
        server = session(limit=5000)
        out = b""
        for at in range(0, len(data), chunk):
            out += receive(server, data[at : at + chunk])
            if at + chunk < 4 + 5000:
                assert out == data[: min(4, at + chunk) if at + chunk >= 4 else 0]
            else:
                assert server.held <= 0x2000 + 16
            if 6000 < at < 20_000:
                assert not server.standing.repairable
        assert out == data
        assert server.memory.oversized == 1
        assert server.standing == BETWEEN


def test_a_clipboard_too_large_to_hold_streams_or_is_dropped_as_it_comes() -> None:
    text = cut_text(b"x" * 9000)
    server = session(limit=5000)
    assert receive(server, text[:100]) == text[:100]
    assert not server.standing.repairable
    assert receive(server, text[100:] + b"\2") == text[100:] + b"\2"
    assert server.memory.oversized == 1
    denied = session(limit=5000, policy=Policy(clipboard=Clipboard.NONE))
    assert receive(denied, b"\2" + text[:100]) == b"\2"
    assert denied.held == 0
    assert denied.standing == BETWEEN
    assert receive(denied, text[100:5000]) == b""
    assert receive(denied, text[5000:] + b"\2") == b"\2"
    assert denied.memory.changed == {Change.CLIPBOARD_DROPPED: 1}
    assert denied.memory.oversized == 0


def test_a_long_rectangle_in_many_small_chunks_is_joined_without_going_over_it_again() -> None:
    """Quadratic work would take minutes here."""
    server = session()
    data = update(rectangle(ZRLE, struct.pack(">I", 4_000_000) + b"\x78\x9c" + bytes(3_999_998)))
    view = memoryview(data)
    out: list[memoryview | bytes] = []
    for at in range(0, len(data), 50):
        server.receive(view[at : at + 50], out)
    assert b"".join(out) == data
    assert len(out) <= 3


def test_pixels_of_the_open_update_are_those_of_its_format() -> None:
    server = ServerStream(Memory(server_init(RGB888)), HeldBudget(HeldTotal()))
    receive(server, update(rectangle(RAW, width=2, height=2)))
    assert server.standing.pixel == 4
    assert server.standing.raw_left == 16
