"""rfb.md §1, "What is changed outside a splice": each change, counted, and nothing else."""

import random
import struct
import zlib
from collections import Counter

import pytest
from support.rfb_streams import (
    COLOUR_MAP,
    FLUSHED,
    RGB888,
    TIGHT,
    TIGHT_PNG,
    ZLIB,
    ZRLE,
    ZYWRLE,
    Deflater,
    compact,
    rectangle,
    server_init,
    update,
)
from support.server_messages import CAPS, NOTIFY, PROVIDE, REQUEST, cut_text, extended_cut_text, fence
from support.tight_resets import TightClient, TightServer

from gateway.errors import UpstreamError
from gateway.rfb.client_stream import ClientStream
from gateway.rfb.held import HeldBudget, HeldTotal
from gateway.rfb.inflators import Stream
from gateway.rfb.memory import Change, Memory
from gateway.rfb.messages import set_pixel_format
from gateway.rfb.policy import Clipboard, Policy
from gateway.rfb.server_stream import ServerStream

EMPTY_RAW = bytes(12)


def session(form=RGB888, policy: Policy | None = None) -> ServerStream:
    return ServerStream(Memory(server_init(form)), HeldBudget(HeldTotal()), policy)


def successor(server: ServerStream) -> ServerStream:
    """The stream of the next upstream, for the same browser."""
    return ServerStream(server.memory, HeldBudget(HeldTotal()), server.policy)


def receive(server: ServerStream, data: bytes, chunk: int | None = None) -> bytes:
    out: list[memoryview | bytes] = []
    for at in range(0, len(data), chunk or len(data)):
        server.receive(memoryview(data)[at : at + (chunk or len(data))], out)
    return b"".join(out)


chunks = pytest.mark.parametrize("chunk", [1, 3, 17, None])


@chunks
def test_a_colour_map_is_dropped_while_the_client_is_true_colour(chunk: int | None) -> None:
    server = session()
    colours = struct.pack(">BxHH", 1, 0, 256) + bytes(6 * 256)
    assert receive(server, b"\2" + colours + b"\2", chunk) == b"\2\2"
    assert server.memory.changed == Counter({Change.COLOUR_MAP_DROPPED: 1})


def test_the_format_that_the_client_asked_for_last_decides_about_colour_maps() -> None:
    server = session(COLOUR_MAP)
    colours = struct.pack(">BxHH", 1, 0, 1) + bytes(6)
    assert receive(server, colours) == colours
    ClientStream(server.memory).receive(set_pixel_format(RGB888.wire), [])
    assert receive(server, colours) == b""


@chunks
def test_an_update_without_rectangles_gets_a_raw_one_without_area(chunk: int | None) -> None:
    server = session()
    assert receive(server, b"\0\7\0\0" + b"\2", chunk) == b"\0\7\0\1" + EMPTY_RAW + b"\2"
    assert server.memory.changed == Counter({Change.EMPTY_UPDATE_FILLED: 1})
    assert server.standing.rectangles_left == 0


@chunks
def test_the_answer_to_a_fence_of_the_gateway_is_dropped_and_others_are_not(chunk: int | None) -> None:
    server = session()
    server.memory.fences.ours.append(b"ours")
    mine, other, request = fence(0, b"ours"), fence(0, b"else"), fence(0x80000000, b"ours")
    assert receive(server, request + mine + other + mine, chunk) == request + other + mine
    assert server.memory.changed == Counter({Change.OWN_FENCE_DROPPED: 1})
    assert server.memory.fences.ours == []


@pytest.mark.parametrize(
    ("clipboard", "passes"),
    [
        (Clipboard.BOTH, {"text", "caps", "provide", "notify", "request"}),
        (Clipboard.FROM_VM, {"text", "caps", "provide", "notify"}),
        (Clipboard.TO_VM, {"caps", "request"}),
        (Clipboard.NONE, set()),
    ],
)
@chunks
def test_clipboard_from_the_vm_passes_as_rights_say(clipboard: Clipboard, passes: set[str], chunk: int | None) -> None:
    messages = {
        "text": cut_text(b"secret"),
        "caps": extended_cut_text(CAPS | PROVIDE | 1, bytes(4)),
        "provide": extended_cut_text(PROVIDE | 1, b"zipped"),
        "notify": extended_cut_text(NOTIFY | 1),
        "request": extended_cut_text(REQUEST | 1),
    }
    server = session(policy=Policy(clipboard=clipboard))
    for name, message in messages.items():
        assert receive(server, message + b"\2", chunk) == (message if name in passes else b"") + b"\2"
    assert server.memory.changed[Change.CLIPBOARD_DROPPED] == len(messages) - len(passes)


# Tight resets (rfb.md §2). The client does what RFB says: an inflator for each stream, reset when a bit says so.


@pytest.mark.parametrize("chunk", [1, 7, 100, None])
def test_tight_resets_are_cleared_and_the_streams_go_on_without_their_new_headers(chunk: int | None) -> None:
    dice = random.Random(1)
    upstream, client, server = TightServer(dice), TightClient(), session()
    for _ in range(60):
        rectangles = [
            upstream.fill(dice.randrange(16)) if dice.random() < 0.2 else upstream.rectangle(dice.randrange(4), resets)
            for resets in dice.choices([0, 0, 0, 1, 2, 15], k=5)
        ]
        client.read(receive(server, update(*rectangles), chunk))
    assert client.pixels == upstream.pixels
    assert client.resets == 0
    assert server.memory.changed[Change.TIGHT_RESET_CLEARED] > 10
    assert server.memory.changed[Change.ZLIB_HEADER_DROPPED] > 10
    assert all(server.memory.inflators[stream].tail == FLUSHED for stream in range(4))


def test_only_the_control_byte_changes_in_a_reset_without_data() -> None:
    server = session()
    fill = rectangle(TIGHT, b"\x8f" + b"rgb", width=8, height=8)
    small = rectangle(TIGHT, b"\x53\x01\x01" + b"rgbRGB" + b"xy", width=8, height=2)
    assert receive(server, update(fill, small)) == update(
        fill.replace(b"\x8f", b"\x80"), small.replace(b"\x53", b"\x50")
    )
    assert server.memory.changed == Counter({Change.TIGHT_RESET_CLEARED: 2})


def test_a_reset_of_a_stream_that_was_never_used_keeps_the_header() -> None:
    server = session()
    data = Deflater()(bytes(192))
    sent = rectangle(TIGHT, b"\x01" + compact(len(data)) + data, width=8, height=8)
    got = rectangle(TIGHT, b"\x00" + compact(len(data)) + data, width=8, height=8)
    assert receive(server, update(sent)) == update(got)
    assert server.memory.changed == Counter({Change.TIGHT_RESET_CLEARED: 1})


@pytest.mark.parametrize("length", [9, 128, 129, 130, 16384, 16385, 16386, 20_000])
def test_the_length_is_encoded_again_without_the_header(length: int) -> None:
    """A compact length may shrink from three bytes to two, or from two to one."""
    server = session()
    first = Deflater()(bytes(192))
    head = rectangle(TIGHT, b"\x40\x00", width=64, height=300)
    receive(server, update(rectangle(TIGHT, b"\x40\x00" + compact(len(first)) + first, width=8, height=8)))
    data = b"\x78\x9c" + random.Random(2).randbytes(length - 6) + FLUSHED
    sent = head[:12] + b"\x41\x00" + compact(length) + data
    assert receive(server, update(sent)) == update(head + compact(length - 2) + data[2:])


def test_a_reset_that_can_not_be_hidden_is_left_to_the_client() -> None:
    """The old stream did not end flushed: nothing can go on there, so the bit goes with the rectangle of the header."""
    dice = random.Random(3)
    upstream, client, server = TightServer(dice), TightClient(), session()
    first = update(upstream.rectangle(2, flush=zlib.Z_PARTIAL_FLUSH))
    second = update(upstream.fill(4), upstream.rectangle(2), upstream.rectangle(2))
    client.read(receive(server, first + second))
    assert client.pixels == upstream.pixels
    assert client.resets == 1
    assert server.memory.changed == Counter({Change.TIGHT_RESET_CLEARED: 1})


def test_a_reset_with_a_larger_window_than_the_first_is_left_to_the_client() -> None:
    dice = random.Random(4)
    upstream, client, server = TightServer(dice), TightClient(), session()
    upstream.deflaters[0] = Deflater(9)
    data = update(upstream.rectangle(0), upstream.rectangle(0, resets=1), upstream.rectangle(0))
    assert receive(server, data) == data
    client.read(data)
    assert client.pixels == upstream.pixels
    assert not server.memory.changed
    assert server.memory.inflators[Stream.TIGHT_0].cinfo == 7


def test_tight_png_shares_the_streams_of_tight() -> None:
    server = session()
    deflater = Deflater()
    first, second = deflater(bytes(192)), Deflater()(bytes(192))
    receive(server, update(rectangle(TIGHT, b"\x30" + compact(len(first)) + first, width=8, height=8)))
    sent = rectangle(TIGHT_PNG, b"\x38" + compact(len(second)) + second, width=8, height=8)
    got = rectangle(TIGHT_PNG, b"\x30" + compact(len(second) - 2) + second[2:], width=8, height=8)
    assert receive(server, update(sent)) == update(got)


# The seam between two upstreams: the same rule, with the connection's begin in place of the reset.


def packed(encoding: int, data: bytes) -> bytes:
    return rectangle(encoding, struct.pack(">I", len(data)) + data, width=8, height=8)


@pytest.mark.parametrize("encoding", [ZLIB, ZRLE, ZYWRLE])
@chunks
def test_streams_go_on_over_a_change_of_upstream(encoding: int, chunk: int | None) -> None:
    inflator = zlib.decompressobj()
    server = session()
    dice = random.Random(5)
    for _ in range(4):
        deflater = Deflater()
        for _ in range(3):
            pixels = dice.randbytes(300)
            got = receive(server, update(packed(encoding, deflater(pixels))), chunk)
            (length,) = struct.unpack_from(">I", got, 16)
            assert len(got) == 20 + length
            assert inflator.decompress(got[20:]) == pixels
        server = successor(server)
    assert server.memory.changed == Counter({Change.ZLIB_HEADER_DROPPED: 3})


def test_tight_streams_go_on_over_a_change_of_upstream() -> None:
    client, server = TightClient(), session()
    sent: list[bytes] = []
    for seed in range(5):
        upstream = TightServer(random.Random(seed))
        client.read(receive(server, update(*(upstream.rectangle(stream) for stream in (0, 1, 1, 3)))))
        sent += upstream.pixels
        server = successor(server)
    assert client.pixels == sent
    assert client.resets == 0


def test_a_stream_that_does_not_fit_the_client_s_inflator_ends_the_upstream() -> None:
    server = session()
    receive(server, update(packed(ZRLE, Deflater(9)(bytes(100)))))
    with pytest.raises(UpstreamError):
        receive(successor(server), update(packed(ZRLE, Deflater(15)(bytes(100)))))


def test_zywrle_that_continues_the_stream_of_zrle_is_recognised() -> None:
    """QEMU has one deflate stream for both; servers may have two."""
    server = session()
    shared = Deflater()
    data = update(
        packed(ZRLE, shared(bytes(100))), packed(ZYWRLE, shared(b"more" * 30)), packed(ZRLE, shared(b"x" * 50))
    )
    assert receive(server, data) == data
    inflators = server.memory.inflators
    assert inflators[Stream.ZYWRLE] is inflators[Stream.ZRLE]
    own = session()
    receive(own, update(packed(ZRLE, Deflater()(bytes(100))), packed(ZYWRLE, Deflater()(bytes(100)))))
    assert own.memory.inflators[Stream.ZYWRLE] is not own.memory.inflators[Stream.ZRLE]
    again = Deflater()
    after = receive(successor(server), update(packed(ZYWRLE, again(bytes(100))), packed(ZRLE, again(bytes(50)))))
    assert server.memory.changed == Counter({Change.ZLIB_HEADER_DROPPED: 1})
    assert after.count(b"\x78\x9c") == 0
