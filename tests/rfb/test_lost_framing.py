"""What can not be framed ends with NotUnderstood, at once; nothing else is ever raised, and memory stays bounded."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.rfb_streams import (
    FORMATS,
    JPEG,
    RECTANGLES,
    TIGHT,
    TIGHT_PNG,
    Wire,
    add_update,
    rectangle,
    server_init,
    update,
)

from gateway.errors import NotUnderstood, UpstreamError
from gateway.rfb.held import ALWAYS_HELD, HeldBudget, HeldTotal
from gateway.rfb.memory import Memory
from gateway.rfb.server_stream import ServerStream

LIMIT = 20_000


def session(form=FORMATS[0]) -> ServerStream:
    return ServerStream(Memory(server_init(form)), HeldBudget(HeldTotal(), LIMIT))


@pytest.mark.parametrize(
    "data",
    [
        *(bytes([kind]) for kind in (4, 5, 6, 127, 151, 173, 249, 252, 253, 254)),
        update(rectangle(15)),
        update(rectangle(8)),
        update(rectangle(-305)),
        update(rectangle(-312)),
        update(rectangle(-23)),
        update(rectangle(-314, struct.pack(">i", 16))),
        update(rectangle(0x574D5664, b"\2\0")),
        update(rectangle(TIGHT, b"\xa0")),
        update(rectangle(TIGHT, b"\xb0")),
        update(rectangle(TIGHT, b"\xf0")),
        update(rectangle(TIGHT_PNG, b"\xb0")),
        update(rectangle(TIGHT, b"\x40\x03", width=9, height=9)),
        update(rectangle(JPEG, b"JFIF")),
        update(rectangle(JPEG, b"\xff\xd8\xff\xe0\x00\x01")),
        struct.pack(">BxxxIB", 248, 0, 65),
        struct.pack(">Bxxxi", 3, -1),
        struct.pack(">Bxxxi", 3, 2**31 - 1),
        struct.pack(">Bxxxi", 3, -(2**31)),
        bytes([255, 0]) + bytes(2),
        bytes([255, 1, 0, 3]),
        struct.pack(">BBHI", 255, 1, 2, 2**31),
    ],
    ids=lambda data: data[:24].hex(),
)
def test_what_the_gateway_can_not_frame_is_not_understood(data: bytes) -> None:
    for chunk in (1, len(data)):
        server = session()
        with pytest.raises(NotUnderstood):
            for at in range(0, len(data), chunk):
                server.receive(memoryview(data)[at : at + chunk], [])


def test_what_was_whole_before_a_fault_is_released() -> None:
    out: list[memoryview | bytes] = []
    with pytest.raises(NotUnderstood):
        session().receive(memoryview(b"\2\2" + update(rectangle(1, b"1234"), rectangle(99))), out)
    assert b"".join(out) == b"\2\2" + update(rectangle(1, b"1234"), count=2)


LONG = struct.pack(">I", 2**32 - 1)


@pytest.mark.parametrize(
    "data",
    [
        update(rectangle(0, width=65535, height=65535)),
        update(rectangle(2, LONG)),
        update(rectangle(4, LONG)),
        update(rectangle(5, width=65535, height=65535)),
        update(rectangle(6, LONG)),
        update(rectangle(16, LONG)),
        update(rectangle(TIGHT, b"\x90\xff\xff\xff")),
        update(rectangle(50, LONG)),
        update(rectangle(-239, width=65535, height=65535)),
        update(rectangle(-240, width=65535, height=65535)),
        update(rectangle(0x574D5664, b"\0\0", width=65535, height=65535)),
        update(rectangle(-307, LONG)),
        update(rectangle(JPEG, b"\xff\xd8\xff\xda\x00\x02")),
        update(rectangle(JPEG, b"\xff\xd8")),
        struct.pack(">Bxxxi", 3, 60_000_000),
        struct.pack(">BBHI", 255, 1, 2, 4_000_000),
    ],
    ids=lambda data: data[:24].hex(),
)
@pytest.mark.parametrize("filler", [b"\0", b"\xff"])
def test_lengths_without_end_cost_no_memory(data: bytes, filler: bytes) -> None:
    server = session()
    server.receive(memoryview(data), [])
    try:
        for _ in range(500):
            server.receive(memoryview(filler * 999), [])
            assert server.held <= LIMIT + ALWAYS_HELD
    except NotUnderstood:  # zeros are no JPEG
        assert data[12:16] == struct.pack(">i", JPEG)


def outcome(form, data: bytes, sizes: list[int]) -> tuple[bytes, object]:
    """What is released of `data` in chunks of these sizes, and how it ends: an error, or what stands and is held."""
    server = session(form)
    out: list[memoryview | bytes] = []
    at = turn = 0
    try:
        while at < len(data):
            size = sizes[turn % len(sizes)]
            server.receive(memoryview(data)[at : at + size], out)
            assert server.held <= LIMIT + ALWAYS_HELD
            at, turn = at + size, turn + 1
    except UpstreamError as error:
        return b"".join(out), str(error)
    assert server.budget.reserved <= LIMIT
    return b"".join(out), (server.standing, server.held, server.memory.changed)


def check_any(data: bytes, sizes: list[int], form=FORMATS[0]) -> None:
    """No other error, bounded memory, and the same in whatever chunks it comes."""
    assert outcome(form, data, sizes) == outcome(form, data, [len(data) + 1])


sizes = st.lists(st.integers(1, 500), min_size=1, max_size=5)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(FORMATS), st.binary(max_size=400), sizes)
def test_any_bytes_are_released_held_or_not_understood(form, data: bytes, sizes: list[int]) -> None:
    check_any(data, sizes, form)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(RECTANGLES)), st.binary(max_size=400), st.integers(0, 40), sizes)
def test_any_bytes_in_a_rectangle_are_released_held_or_not_understood(
    name: str, data: bytes, side: int, sizes: list[int]
) -> None:
    wire = Wire()
    RECTANGLES[name](wire)
    encoding = wire.data[8:12]
    head = struct.pack(">HHHH", 0, 0, side, side) + encoding
    check_any(update(head + data, count=3), sizes)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 2**32),
    st.lists(st.sampled_from(sorted(RECTANGLES)), min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=5),
    sizes,
)
def test_damaged_streams_are_released_held_or_not_understood(
    seed: int, names: list[str], damages: list[tuple[int, int]], sizes: list[int]
) -> None:
    wire = Wire(seed=seed)
    add_update(wire, names)
    data = bytearray(wire.data)
    for place, value in damages:
        data[place % len(data)] = value
    check_any(bytes(data), sizes)
