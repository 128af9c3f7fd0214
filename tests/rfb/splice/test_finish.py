"""What the browser gets at the loss (rfb.md §3, §5.1): just enough to stand between two messages."""

import struct

import pytest
from support.drawn_streams import ALL, Drawing
from support.rfb_client import messages
from support.rfb_streams import (
    BGR233,
    HEXTILE,
    JPEG,
    LAST_RECT,
    RAW,
    RGB565,
    RGB888,
    RRE,
    TIGHT,
    ZRLE,
    Deflater,
    Format,
    compact,
    rectangle,
    server_init,
    update,
)
from support.server_messages import cut_text, extended_cut_text, fence
from support.splicing import Viewer

from gateway.errors import UpstreamChanged
from gateway.rfb.client_stream import ClientStream
from gateway.rfb.held import HeldBudget, HeldTotal
from gateway.rfb.memory import Memory
from gateway.rfb.messages import set_encodings
from gateway.rfb.server_stream import ServerStream
from gateway.rfb.splice.finish import BLOCK, finish
from gateway.rfb.splice.report import Note

LAST = rectangle(LAST_RECT)
EMPTY = bytes(12)
packed = Deflater()(bytes(800))
ZRLE_RECTANGLE = rectangle(ZRLE, struct.pack(">I", len(packed)) + packed, width=20, height=20)
TIGHT_RECTANGLE = rectangle(TIGHT, b"\x00" + compact(len(packed)) + packed, width=20, height=20)


def stream(form: Format = RGB888, encodings: tuple[int, ...] = ALL, limit: int = 4 << 20) -> ServerStream:
    memory = Memory(server_init(form))
    memory.encodings_asked = encodings
    memory.encodings = memory.negotiated()
    return ServerStream(memory, HeldBudget(HeldTotal(), limit))


def lose(server: ServerStream, data: bytes) -> bytes:
    """Feed it, lose the upstream; what the browser gets beyond what it had."""
    out: list[memoryview | bytes] = []
    server.receive(data, out)
    assert server.held == len(data) - len(b"".join(out))
    return b"".join(finish(server))


WITHOUT = tuple(encoding for encoding in ALL if encoding != LAST_RECT)


@pytest.mark.parametrize(
    ("data", "with_last_rect", "without"),
    [
        pytest.param(b"", b"", b"", id="nothing"),
        pytest.param(b"\2", b"", b"", id="between messages"),
        pytest.param(b"\0\0\0", b"", b"", id="in an update's header"),
        pytest.param(cut_text(b"abc")[:-1], b"", b"", id="in a message"),
        pytest.param(update(count=1), LAST, EMPTY, id="before the first rectangle"),
        pytest.param(update(count=3), LAST, 3 * EMPTY, id="before three"),
        pytest.param(update(ZRLE_RECTANGLE, count=3), LAST, 2 * EMPTY, id="between rectangles"),
        pytest.param(update(ZRLE_RECTANGLE[:-1], count=2), LAST, 2 * EMPTY, id="in ZRLE"),
        pytest.param(update(TIGHT_RECTANGLE[:-1], count=1), LAST, EMPTY, id="in Tight"),
        pytest.param(update(rectangle(JPEG, b"\xff\xd8\xff"), count=1), LAST, EMPTY, id="in JPEG"),
        pytest.param(update(rectangle(RRE, bytes(7)), count=1), LAST, EMPTY, id="in RRE"),
        pytest.param(update(rectangle(RAW, bytes(3), width=2, height=2)), bytes(13), bytes(13), id="in the only Raw"),
        pytest.param(
            update(rectangle(RAW, bytes(3), width=2, height=2), count=3),
            bytes(13) + LAST,
            bytes(13) + 2 * EMPTY,
            id="in Raw",
        ),
        pytest.param(update(rectangle(RAW, width=0, height=2), count=2), LAST, EMPTY, id="after an empty Raw"),
        pytest.param(
            update(rectangle(HEXTILE, b"\0", width=33, height=17), count=2),
            5 * b"\2\0\0\0\0" + LAST,
            5 * b"\2\0\0\0\0" + EMPTY,
            id="between tiles",
        ),
        pytest.param(
            update(rectangle(HEXTILE, b"\0\2xyz", width=20, height=9)), b"\2\0\0\0\0", b"\2\0\0\0\0", id="in a tile"
        ),
        pytest.param(update(ZRLE_RECTANGLE, LAST, count=65535), b"", b"", id="after LastRect"),
    ],
)
def test_an_update_is_ended_by_last_rect_or_by_empty_raw_rectangles(
    data: bytes, with_last_rect: bytes, without: bytes
) -> None:
    """§3: never with an update of no rectangles, and Raw and Hextile are filled."""
    assert lose(stream(), data) == with_last_rect
    assert lose(stream(encodings=WITHOUT), data) == without


def test_an_update_without_count_is_ended_too() -> None:
    assert lose(stream(), update(ZRLE_RECTANGLE, count=65535)) == LAST


@pytest.mark.parametrize(("form", "tile"), [(RGB565, b"\2\0\0"), (BGR233, b"\2\0")])
def test_tiles_have_a_background_of_the_pixel_s_size(form: Format, tile: bytes) -> None:
    assert lose(stream(form), update(rectangle(HEXTILE, width=17, height=1))) == 2 * tile


@pytest.mark.parametrize(
    ("encoding", "begun", "missing"), [(RAW, b"x", 3840 * 2160 * 4 - 1), (HEXTILE, b"", 240 * 135 * 5)]
)
def test_the_rest_of_a_whole_screen_takes_no_memory(encoding: int, begun: bytes, missing: int) -> None:
    server = stream()
    server.receive(update(rectangle(encoding, begun, width=3840, height=2160)), [])
    parts = finish(server)
    assert sum(map(len, parts)) == missing
    assert len({id(part) for part in parts}) <= 2
    assert all(len(part) <= BLOCK for part in parts)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(update(rectangle(ZRLE, struct.pack(">I", 9000) + packed, width=99, height=99)), id="zlib"),
        pytest.param(cut_text(bytes(9000))[:-1], id="clipboard"),
        pytest.param(update(rectangle(JPEG, b"\xff\xd8" + 2 * (b"\xff\xe0\x20\x00" + bytes(0x1FFE)))), id="jpeg"),
    ],
)
def test_inside_what_was_too_large_to_hold_the_session_ends(data: bytes) -> None:
    """§3: a byte filler cannot know the state of an inflator or an image decoder."""
    server = stream(limit=5000)
    server.receive(data, [])
    with pytest.raises(UpstreamChanged) as caught:
        finish(server)
    assert caught.value.ending.code == 4504


def test_what_was_held_is_given_back_and_counted() -> None:
    server = stream()
    data = update(ZRLE_RECTANGLE[:-5])
    assert lose(server, data) == LAST
    assert server.held == server.budget.reserved == 0
    report = server.memory.seam.report
    assert report.octets[Note.UNFINISHED] == len(data) - 4
    assert report.octets[Note.LAST_RECT] == len(LAST)
    assert report.times == {Note.UNFINISHED: 1, Note.LAST_RECT: 1}


def test_open_requests_of_the_client_s_fences_are_answered() -> None:
    """§5.1: without the request's flag, and without flags that an answer does not know."""
    server = stream()
    server.memory.fences.from_client(0x8000_0107, b"mine")
    server.memory.fences.from_client(0x8000_0000, b"")
    assert lose(server, update(count=1)) == LAST + fence(7, b"mine") + fence(0, b"")


def test_fences_of_the_server_are_remembered_as_late() -> None:
    server = stream()
    assert lose(server, 3 * fence(0x8000_0001, b"x")) == b""
    assert server.memory.seam.late_fences == 3
    assert server.memory.fences.owed_by_client == 0


def test_an_encoding_whose_stream_is_not_flushed_is_left_out() -> None:
    """§2: the last four bytes forwarded are those of Z_SYNC_FLUSH."""
    server = stream()
    cut = packed[:-4]
    lose(server, update(rectangle(ZRLE, struct.pack(">I", len(cut)) + cut), TIGHT_RECTANGLE))
    assert server.memory.negotiated() == tuple(encoding for encoding in ALL if encoding != ZRLE)


def test_the_clipboard_that_was_held_is_lost_whole() -> None:
    server = stream()
    data = extended_cut_text(1 << 28, bytes(50))
    assert lose(server, b"\2" + data[:-1]) == b""


def test_two_losses_in_a_row_add_up() -> None:
    first, second = Drawing(20, 10, 1), Drawing(20, 10, 2)
    viewer = Viewer(first.server_init, first.form, ALL)
    viewer.feed(fence(0x8000_0000, b"a"))
    viewer.send(messages.key(0xFFE1, down=True) + messages.pointer(1, 1, buttons=1))
    viewer.lose()
    viewer.join(second.server_init)
    viewer.lose()
    told = viewer.join(second.server_init)
    assert viewer.memory.seam.late_fences == 1
    assert messages.key(0xFFE1, down=False) in told
    assert messages.pointer(1, 1, buttons=1) in told


def test_encodings_are_those_that_the_client_has_now() -> None:
    """LastRect counts as offered if the last SetEncodings has it."""
    server = stream()
    ClientStream(server.memory).receive(set_encodings([RAW]), [])
    assert lose(server, update(count=2)) == 2 * EMPTY


@pytest.mark.parametrize("encoding", [RAW, HEXTILE])
def test_a_rectangle_larger_than_any_screen_is_not_filled_up(encoding: int) -> None:
    """A header of twelve bytes must not cost 17 GB of zeros, nor 84 MB of tiles."""
    begin = update(rectangle(encoding, b"\0", width=65535, height=65535))
    with pytest.raises(UpstreamChanged):
        lose(stream(), begin)


def test_a_screen_of_4k_is_filled_up() -> None:
    begin = update(rectangle(RAW, b"\0", width=3840, height=2160))
    assert len(lose(stream(), begin)) == 3840 * 2160 * 4 - 1
