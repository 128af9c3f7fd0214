"""The stream of the server that follows (rfb.md §2, §4 "Size", §5.5, §6)."""

import struct

import pytest
from support.drawn_streams import ALL, Drawing, extended_size
from support.rfb_client import messages
from support.rfb_client.wire import RGB888
from support.rfb_streams import (
    CURSOR,
    DESKTOP_NAME,
    DESKTOP_SIZE,
    EXTENDED_DESKTOP_SIZE,
    H264,
    LAST_RECT,
    RAW,
    rectangle,
    server_init,
    update,
)
from support.splicing import Viewer

from gateway.errors import UpstreamChanged
from gateway.rfb.held import HeldBudget, HeldTotal
from gateway.rfb.memory import Memory
from gateway.rfb.server_stream import ServerStream
from gateway.rfb.splice.finish import finish
from gateway.rfb.splice.join import join
from gateway.rfb.splice.joined import PARKED_MAX, JoinedStream
from gateway.rfb.splice.report import Note

END = b"\x96"
PIXEL = rectangle(RAW, bytes(4), width=1, height=1)
CURSOR_RECTANGLE = rectangle(CURSOR, bytes(5), width=1, height=1)
chunks = pytest.mark.parametrize("chunk", [1, 7, 4000])


def joined(size: tuple[int, int] = (40, 30), encodings: tuple[int, ...] = ALL, **server) -> Viewer:
    viewer = Viewer(Drawing(40, 30, 1).server_init, RGB888, encodings)
    viewer.lose()
    viewer.join(Drawing(*size, 2, **server).server_init)
    return viewer


def without(*encodings: int) -> tuple[int, ...]:
    return tuple(encoding for encoding in ALL if encoding not in encodings)


# Sizes


@chunks
def test_a_size_that_differs_is_said_before_the_first_pixels(chunk: int) -> None:
    viewer = joined((64, 20))
    data = update(CURSOR_RECTANGLE, PIXEL, PIXEL)
    assert viewer.feed(b"\2" + data, [chunk]) == b"\2" + update(rectangle(DESKTOP_SIZE, width=64, height=20)) + data
    assert viewer.memory.seam.report.times[Note.SIZE] == 1
    assert viewer.feed(data, [chunk]) == data


def test_extended_desktop_size_says_it_where_it_is_all_that_the_client_knows() -> None:
    viewer = joined((64, 20), without(DESKTOP_SIZE))
    expected = update(extended_size(64, 20).replace(b"\0\0\0\1", b"\0\0\0\0", 1))
    got = viewer.feed(update(PIXEL))
    assert len(got) == len(expected) + len(update(PIXEL))
    assert (viewer.decoder.framebuffer.width, viewer.decoder.framebuffer.height) == (64, 20)
    assert viewer.send(messages.set_desktop_size(1, 1)) == b""
    assert viewer.decoder.desktop.size_answers[-1] == (1, 1)


def test_a_client_that_knows_neither_can_not_follow() -> None:
    viewer = joined((64, 20), without(DESKTOP_SIZE, EXTENDED_DESKTOP_SIZE))
    with pytest.raises(UpstreamChanged):
        viewer.feed(b"\2" + update(CURSOR_RECTANGLE, PIXEL))
    assert viewer.browser.endswith(b"\2")
    assert viewer.decoder.idle


@pytest.mark.parametrize(
    "size",
    [rectangle(DESKTOP_SIZE, width=40, height=30), extended_size(40, 30), extended_size(40, 30, reason=2)],
    ids=["desktop_size", "extended", "extended, another client"],
)
@chunks
def test_a_server_that_corrects_its_size_is_left_to_do_it(size: bytes, chunk: int) -> None:
    """QEMU's ServerInit rounds the width up to 16; a size of its own comes before pixels, in their update or before."""
    data = update(CURSOR_RECTANGLE, size, PIXEL)
    assert joined((48, 30)).feed(data, [chunk]) == data
    data = update(CURSOR_RECTANGLE) + update(size) + b"\2" + update(PIXEL)
    assert joined((48, 30)).feed(data, [chunk]) == data


def test_a_refused_size_is_no_size() -> None:
    viewer = joined((48, 30))
    viewer.feed(update(extended_size(99, 99, reason=1, status=1), PIXEL))
    assert viewer.decoder.framebuffer.width == 48


@pytest.mark.parametrize("last_rect", [True, False])
@chunks
def test_an_update_without_pixels_is_held_to_its_end_and_no_longer(chunk: int, last_rect: bool) -> None:
    viewer = joined((64, 20))
    rectangles = [CURSOR_RECTANGLE, CURSOR_RECTANGLE] + [rectangle(LAST_RECT)] * last_rect
    data = update(*rectangles, count=65535 if last_rect else 2)
    assert viewer.feed(data[:-1], [chunk]) == b""
    assert viewer.server.between_messages
    viewer.send(messages.fence(0x8000_0000, b""))
    assert viewer.feed(data[-1:]) == data


def test_what_waits_at_another_loss_is_completed() -> None:
    viewer = joined((64, 20))
    data = update(CURSOR_RECTANGLE, count=5)
    assert viewer.feed(data) == b""
    assert viewer.lose() == data + rectangle(LAST_RECT)
    viewer.join(Drawing(40, 30, 3).server_init)
    assert viewer.feed(update(PIXEL)) == update(PIXEL)


def test_what_waits_is_bounded() -> None:
    viewer = joined((64, 20))
    cursor = rectangle(CURSOR, bytes(100 * 100 * 4 + 13 * 100), width=100, height=100)
    data = update(*[cursor] * 20)
    got = viewer.feed(data[: PARKED_MAX + 100_000], [5000])
    assert got.startswith(update(rectangle(DESKTOP_SIZE, width=64, height=20)) + data[:4])
    assert len(got) > PARKED_MAX


def test_messages_of_the_gateway_pass_an_update_that_waits() -> None:
    viewer = joined((64, 20))
    data = update(CURSOR_RECTANGLE, PIXEL)
    viewer.feed(data[:30])
    viewer.memory.seam.to_browser.append(b"\2")
    seen = len(viewer.browser)
    viewer._interject()
    assert viewer.browser[seen:] == b"\2"
    assert viewer.feed(data[30:]).endswith(data)


# Names, continuous updates, H.264


def test_a_name_that_differs_is_told_to_a_client_that_wants_it() -> None:
    viewer = joined(name=b"another")
    name = update(rectangle(DESKTOP_NAME, b"\0\0\0\7another"))
    assert bytes(viewer.browser[-len(name) :]) == name
    assert viewer.memory.name == b"another"
    assert bytes(joined(encodings=without(DESKTOP_NAME), name=b"another").browser) == b""
    assert bytes(joined().browser) == b""


def continuous(enabled: bool = True) -> Viewer:
    viewer = Viewer(Drawing(40, 30, 1).server_init, RGB888, ALL)
    viewer.feed(END)
    viewer.send(messages.continuous_updates(0, 0, 40, 30, enable=True))
    if not enabled:
        viewer.send(messages.continuous_updates(0, 0, 40, 30, enable=False))
        viewer.feed(END)
    viewer.lose()
    viewer.join(Drawing(40, 30, 2).server_init)
    viewer.upstream.clear()
    return viewer


@chunks
def test_the_first_end_is_absorbed_and_updates_enabled_again(chunk: int) -> None:
    """§5.5: a second one would switch them off in noVNC."""
    viewer = continuous()
    assert viewer.feed(b"\2" + END + b"\2", [chunk]) == b"\2\2"
    assert viewer.upstream == messages.continuous_updates(0, 0, 40, 30, enable=True)
    assert viewer.feed(END) == END
    assert viewer.memory.seam.report.octets[Note.UPDATES_OFFER] == 1


def test_updates_that_were_disabled_stay_so() -> None:
    viewer = continuous(enabled=False)
    assert viewer.feed(END) == b""
    assert viewer.upstream == b""


def test_a_client_that_never_heard_of_them_hears_of_them() -> None:
    viewer = joined()
    viewer.upstream.clear()
    assert viewer.feed(END) == END
    assert viewer.upstream == b""


def h264(flags: int, data: bytes = b"nal") -> bytes:
    return rectangle(H264, struct.pack(">II", len(data), flags) + data, width=40, height=30)


@chunks
def test_contexts_of_h264_are_reset_in_the_first_rectangle_only(chunk: int) -> None:
    viewer = Viewer(Drawing(40, 30, 1).server_init, RGB888, ALL)
    viewer.feed(update(h264(1)))
    viewer.lose()
    viewer.join(Drawing(40, 30, 2).server_init)
    refresh = update(rectangle(RAW, bytes(4800), width=40, height=30))
    assert viewer.feed(refresh + update(PIXEL, h264(0)), [chunk]) == refresh + update(PIXEL, h264(2))
    assert viewer.feed(update(h264(1), h264(0)), [chunk]) == update(h264(1), h264(0))


def test_a_client_without_contexts_needs_no_reset() -> None:
    assert joined().feed(update(h264(1))) == update(h264(1))


# Refresh, and what the seam costs once it is closed


@chunks
def test_the_picture_is_refreshed_when_pixels_for_the_screen_have_come(chunk: int) -> None:
    viewer = joined()
    half = rectangle(RAW, bytes(2400), width=40, height=15)
    viewer.feed(update(half) + update(rectangle(1, bytes(4), width=40, height=30)), [chunk])
    assert not viewer.server.refreshed
    viewer.feed(update(half)[:-1], [chunk])
    assert not viewer.server.refreshed
    viewer.feed(update(half)[-1:])
    assert viewer.server.refreshed


def test_a_closed_seam_costs_nothing() -> None:
    """Streams of a second class would cost all of a process: what CPython caches is cached for one."""
    memory, budget = Memory(server_init(width=8, height=8)), HeldBudget(HeldTotal())
    finish(ServerStream(memory, budget))
    after, _ = join(memory, server_init(width=8, height=8), budget)
    after.receive(update(rectangle(RAW, bytes(256), width=8, height=8)), [])
    assert type(after) is ServerStream
    assert after.refreshed
    receive = JoinedStream.receive  # bound before, by whoever feeds it
    out: list[memoryview | bytes] = []
    receive(after, b"\2", out)  # type: ignore[arg-type]
    assert out == [b"\2"]
