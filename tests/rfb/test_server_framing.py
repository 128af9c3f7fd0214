"""Server to client framing (rfb.md §1): every message and rectangle whole, byte by byte, with trailing bytes, and in
any mixture and any cut; what comes out is what went in, released at the right places."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.rfb_streams import COLOUR_MAP, FORMATS, RECTANGLES, RGB888, Format, Wire, add_update, server_init
from support.server_messages import MESSAGES, colour_map

from gateway.rfb.held import HeldBudget, HeldTotal
from gateway.rfb.memory import Memory
from gateway.rfb.policy import Policy
from gateway.rfb.server_stream import ServerStream

every_rectangle = pytest.mark.parametrize("name", RECTANGLES)
every_message = pytest.mark.parametrize("name", MESSAGES)
every_format = pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.wire[:4].hex())


def stream(form: Format = RGB888) -> ServerStream:
    return ServerStream(Memory(server_init(form)), HeldBudget(HeldTotal()), Policy())


def receive(server: ServerStream, data: bytes) -> bytes:
    out: list[memoryview | bytes] = []
    server.receive(memoryview(data), out)
    return b"".join(out)


def check_cuts(wire: Wire, sizes: list[int]) -> None:
    """Feed the stream in chunks of these sizes, over and over: all of it comes out, each part as soon as it may."""
    server = stream(wire.form)
    data = bytes(wire.data)
    at, turn, released = 0, 0, 0
    while at < len(data):
        chunk = data[at : at + sizes[turn % len(sizes)]]
        at, turn = at + len(chunk), turn + 1
        out = receive(server, chunk)
        assert out == data[released : released + len(out)]
        released += len(out)
        assert released == wire.released(at)
        assert server.held == at - released
    assert released == len(data)
    assert server.standing.rectangles_left == 0
    assert server.budget.reserved == 0
    assert not server.memory.changed


@every_format
@every_rectangle
def test_a_rectangle_passes_whole_and_byte_by_byte_and_with_trailing_bytes(name: str, form: Format) -> None:
    for seed in range(8):
        wire = Wire(form, seed)
        add_update(wire, [name, name])
        check_cuts(wire, [len(wire.data)])
        check_cuts(wire, [1] if len(wire.data) < 3000 else [7])
        trailing = Wire(form, seed)
        add_update(trailing, [name, "copy_rect", name])
        trailing.whole(b"\2")
        check_cuts(trailing, [len(trailing.data)])
        check_cuts(trailing, [len(trailing.data) - 1, 1])


@every_message
def test_a_message_passes_whole_and_byte_by_byte_and_with_trailing_bytes(name: str) -> None:
    for seed in range(4):
        wire = Wire(seed=seed)
        for _ in range(3):
            wire.whole(MESSAGES[name](wire))
        check_cuts(wire, [len(wire.data)])
        check_cuts(wire, [1] if len(wire.data) < 3000 else [5])
        check_cuts(wire, [13])


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_messages_are_counted_once_however_they_are_cut(size: int) -> None:
    wire = Wire(seed=size)
    for message in MESSAGES.values():
        wire.whole(message(wire))
    add_update(wire, list(RECTANGLES))
    add_update(wire, list(RECTANGLES), last_rect=True)
    server = stream(wire.form)
    for at in range(0, len(wire.data), size):
        receive(server, bytes(wire.data[at : at + size]))
    assert server.memory.messages_from_server == len(MESSAGES) + 2


def test_a_colour_map_passes_while_the_client_uses_one() -> None:
    wire = Wire(COLOUR_MAP)
    wire.whole(colour_map(wire))
    wire.whole(b"\2")
    check_cuts(wire, [len(wire.data)])
    check_cuts(wire, [1])


@pytest.mark.parametrize("size", [1, 2, 3, 5, 11, 64, 65, 1000])
def test_all_rectangles_in_one_update_pass_in_chunks_of_any_size(size: int) -> None:
    wire = Wire(seed=size)
    add_update(wire, [*RECTANGLES, *RECTANGLES], last_rect=True)
    check_cuts(wire, [size])


updates = st.tuples(st.lists(st.sampled_from(sorted(RECTANGLES)), min_size=1, max_size=12), st.booleans())
messages = st.sampled_from(sorted(MESSAGES))


@st.composite
def wires(draw: st.DrawFn) -> Wire:
    """Any sequence of updates and messages in one of the formats."""
    wire = Wire(draw(st.sampled_from(FORMATS)), draw(st.integers(0, 2**32)))
    for part in draw(st.lists(st.one_of(updates, messages), min_size=1, max_size=8)):
        if isinstance(part, str):
            wire.whole(MESSAGES[part](wire))
        else:
            add_update(wire, part[0], last_rect=part[1])
    return wire


@settings(max_examples=150, deadline=None)
@given(wires(), st.lists(st.one_of(st.integers(1, 20), st.integers(1, 5000)), min_size=1, max_size=20))
def test_any_stream_passes_in_any_chunks_unchanged_and_released_as_soon_as_whole(wire: Wire, sizes: list[int]) -> None:
    check_cuts(wire, sizes)


@settings(max_examples=100, deadline=None)
@given(wires())
def test_a_chunk_in_which_all_is_whole_leaves_as_one_view_of_it(wire: Wire) -> None:
    server = stream(wire.form)
    data = bytes(wire.data)
    out: list[memoryview | bytes] = []
    server.receive(memoryview(data), out)
    assert len(out) == 1
    view = out[0]
    assert isinstance(view, memoryview)
    assert view.obj is data
    assert len(view) == len(data)
