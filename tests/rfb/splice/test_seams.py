"""The seam as the browser sees it (rfb.md §2, §3, §10): one stream, cut anywhere, joined to another server's, and read
to the end by a decoder that knows of none of it."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.drawn_streams import ALL, DRAWN, Drawing, drawing
from support.rfb_client.pixels import DecodeError
from support.rfb_client.wire import BGR233, RGB565, Encoding, PixelFormat
from support.rfb_streams import (
    DESKTOP_SIZE,
    EXTENDED_DESKTOP_SIZE,
    H264,
    HEXTILE,
    JPEG,
    LAST_RECT,
    RAW,
    TIGHT,
    ZLIB,
    ZRLE,
)
from support.seams import Comparison, taken_apart
from support.seams import Stream as Sent
from support.splicing import Viewer, shown

from gateway.rfb.inflators import Inflator, Stream
from gateway.rfb.splice.report import Note
from gateway.rfb.zlib_streams import Start, ZlibStreams

WITHOUT_LAST_RECT = tuple(encoding for encoding in ALL if encoding != LAST_RECT)
COMPARED = tuple(encoding for encoding in DRAWN if encoding != H264)  # whose pixels nobody decodes
NAMES = {encoding: Encoding(encoding).name for encoding in DRAWN}


def view(server: Drawing, encodings: tuple[int, ...] = ALL) -> Viewer:
    return Viewer(server.server_init, server.form, encodings)


def check(viewer: Viewer, last: Drawing) -> None:
    assert viewer.decoder.idle
    assert viewer.decoder.position == len(viewer.browser)
    expected = shown(last.server_init, bytes(last.data), last.form)
    assert viewer.picture.shape == expected.shape
    assert np.array_equal(viewer.picture, expected)


def test_a_cut_at_every_byte_is_not_seen() -> None:
    """A stream with all encodings, small enough to be cut everywhere."""
    first, second = Drawing(20, 9, 5), Drawing(20, 9, 6)
    first.announce()
    for encoding in DRAWN:
        first.change([encoding])
    first.chatter()
    second.refresh(TIGHT)
    second.change([ZLIB, ZRLE, RAW])
    for cut in range(len(first.data) + 1):
        viewer = view(first)
        viewer.feed(bytes(first.data[:cut]))
        viewer.lose()
        viewer.join(second.server_init)
        viewer.feed(bytes(second.data))
        check(viewer, second)


@pytest.mark.parametrize("last_rect", [True, False], ids=["last_rect", "counted"])
@pytest.mark.parametrize("encoding", DRAWN, ids=NAMES.__getitem__)
def test_a_cut_in_each_encoding_is_not_seen(encoding: int, last_rect: bool) -> None:
    first = drawing(40, 30, 7, (encoding,), updates=3, last_rect=last_rect)
    second = drawing(40, 30, 8, (encoding,), updates=1, last_rect=last_rect)
    for cut in range(0, len(first.data) + 1, max(1, len(first.data) // 60)):
        viewer = view(first, ALL if last_rect else WITHOUT_LAST_RECT)
        viewer.feed(bytes(first.data[:cut]))
        viewer.lose()
        viewer.join(second.server_init)
        viewer.feed(bytes(second.data))
        check(viewer, second)
        assert viewer.server.refreshed


@pytest.mark.parametrize("form", [RGB565, BGR233], ids=["rgb565", "bgr233"])
@pytest.mark.parametrize("encoding", [RAW, HEXTILE, TIGHT, ZRLE, ZLIB], ids=NAMES.__getitem__)
def test_a_cut_is_not_seen_with_small_pixels(encoding: int, form: PixelFormat) -> None:
    first, second = (drawing(33, 21, seed, (encoding,), form=form) for seed in (3, 4))
    for cut in range(0, len(first.data) + 1, max(1, len(first.data) // 15)):
        viewer = view(first)
        viewer.feed(bytes(first.data[:cut]), [5])
        viewer.lose()
        viewer.join(second.server_init)
        viewer.feed(bytes(second.data), [1])
        check(viewer, second)


sizes = st.tuples(st.integers(1, 36), st.integers(1, 24))


@st.composite
def servers(draw: st.DrawFn, *, last_rect: bool) -> Drawing:
    encodings = draw(st.lists(st.sampled_from(COMPARED), min_size=1, max_size=4, unique=True))
    width, height = draw(sizes)
    return drawing(width, height, draw(st.integers(0, 2**32)), tuple(encodings), updates=2, last_rect=last_rect)


chunks = st.lists(st.one_of(st.integers(1, 9), st.integers(1, 2000)), min_size=1, max_size=8)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_servers_in_a_row_of_any_sizes_cut_anywhere_in_any_chunks(data: st.DataObject) -> None:
    last_rect = data.draw(st.booleans())
    size = data.draw(st.sampled_from([DESKTOP_SIZE, EXTENDED_DESKTOP_SIZE]))
    without = {DESKTOP_SIZE, EXTENDED_DESKTOP_SIZE} - {size} | (set() if last_rect else {LAST_RECT})
    row = data.draw(st.lists(servers(last_rect=last_rect), min_size=2, max_size=4))
    viewer = view(row[0], tuple(encoding for encoding in ALL if encoding not in without))
    for server, following in itertools.pairwise(row):
        cut = data.draw(st.integers(0, len(server.data)))
        viewer.feed(bytes(server.data[:cut]), data.draw(chunks))
        viewer.lose()
        viewer.join(following.server_init)
    viewer.feed(bytes(row[-1].data), data.draw(chunks))
    check(viewer, row[-1])


def test_fifty_reconnects_in_a_row_on_the_same_inflators() -> None:
    viewer, server = None, drawing(40, 30, 0)
    for seed in range(1, 51):
        if viewer is None:
            viewer = view(server)
        viewer.feed(bytes(server.data[: len(server.data) * seed // 50]))
        viewer.lose()
        server = drawing(40, 30, seed)
        viewer.join(server.server_init)
    assert viewer is not None
    viewer.feed(bytes(server.data))
    check(viewer, server)


# Negative controls: a harness that cannot fail proves nothing.


def cut_inside_a_rectangle(viewer: Viewer, server: Drawing) -> int:
    """Feed until a rectangle is held in part."""
    for cut in range(1, len(server.data)):
        viewer.feed(bytes(server.data[cut - 1 : cut]))
        if len(viewer.browser) > 300 and viewer.server.held > 20:
            return cut
    raise AssertionError("no rectangle is held")


def test_control_headers_kept_are_noticed() -> None:
    first, second = drawing(40, 30, 1, (ZRLE,)), drawing(40, 30, 2, (ZRLE,))
    viewer = view(first)
    viewer.feed(bytes(first.data))
    viewer.lose()
    viewer.memory.inflators[Stream.ZRLE] = Inflator()  # as if the client had not used it
    viewer.join(second.server_init)
    with pytest.raises(DecodeError, match="zlib"):
        viewer.feed(bytes(second.data))


class Resetting(ZlibStreams):
    """The obvious idea: say with Tight's own bits that the streams are new."""

    def pass_on(self, view, parts):
        first = parts.stream is not None and self._starts[parts.stream] is Start.CONNECTION
        if parts.stream is not None:
            self._starts[parts.stream] = Start.NONE
        return parts.head(view, 1 << parts.stream if first else 0, 0), parts.data_at


def test_control_reset_bits_are_noticed() -> None:
    first, second = drawing(40, 30, 1, (TIGHT,)), drawing(40, 30, 2, (TIGHT,), updates=20)
    viewer = view(first)
    viewer.feed(bytes(first.data))
    viewer.lose()
    viewer.join(second.server_init)
    viewer.server._streams = Resetting(viewer.memory)
    viewer.feed(bytes(second.data[:30]))
    with pytest.raises(DecodeError, match="too far back"):
        viewer.feed(bytes(second.data[30:]))


def test_control_half_a_rectangle_released_is_noticed() -> None:
    first, second = drawing(40, 30, 1, (ZRLE,)), drawing(40, 30, 2, (ZRLE,))
    viewer = view(first)
    cut_inside_a_rectangle(viewer, first)
    viewer._got([bytes(viewer.server._tail)])
    with pytest.raises((DecodeError, AssertionError)):
        viewer.lose()
        viewer.join(second.server_init)
        viewer.feed(bytes(second.data))


def test_control_no_padding_is_noticed() -> None:
    first, second = drawing(40, 30, 1, (RAW,)), drawing(40, 30, 2, (RAW,))
    viewer = view(first)
    viewer.feed(bytes(first.data[:-20]))
    viewer.server.discard()  # forgets how much of a Raw rectangle is missing
    with pytest.raises((DecodeError, AssertionError)):
        viewer.lose()
        viewer.join(second.server_init)
        viewer.feed(bytes(second.data))


def test_what_was_done_is_counted_to_the_byte() -> None:
    """Issue 3, "Byte promise": exactly what was added, dropped and rewritten."""
    first, second = drawing(40, 30, 1, (ZRLE,)), drawing(60, 40, 2, (ZRLE,))
    viewer = view(first)
    cut = cut_inside_a_rectangle(viewer, first)
    viewer.lose()
    viewer.join(second.server_init)
    viewer.feed(bytes(second.data))
    servers = [taken_apart(bytes(first.data[:cut]), (40, 30)), taken_apart(bytes(second.data), (60, 40))]
    comparison = Comparison(Sent(bytes(viewer.browser), viewer.decoder))
    comparison.connection(servers[0], lost=True)
    comparison.connection(servers[1], lost=False)
    comparison.check_sums(servers)
    report = viewer.memory.seam.report
    assert set(report.times) == {Note.UNFINISHED, Note.LAST_RECT, Note.SIZE, Note.ZLIB_HEADER, Note.REPLAYED}
    for edit in comparison.edits:
        assert report.times[Note(edit.kind)] == edit.times == 1
        assert report.octets[Note(edit.kind)] == abs(edit.added - edit.dropped)


def test_jpeg_of_the_new_server_brings_its_own_tables() -> None:
    first, second = drawing(40, 30, 1, (JPEG,)), drawing(40, 30, 2, (JPEG,))
    viewer = view(first)
    viewer.feed(bytes(first.data))
    viewer.lose()
    viewer.join(second.server_init)
    viewer.feed(bytes(second.data), [11])
    check(viewer, second)
