"""Zlib streams that can't go on in the client's inflator (rfb.md §2): what it costs, and for how long."""

import struct

import pytest
from support.drawn_streams import ALL
from support.rfb_client import messages
from support.rfb_streams import LAST_RECT, RAW, TIGHT, ZLIB, ZRLE, Deflater, compact, rectangle, server_init, update

from gateway.errors import UpstreamChanged, UpstreamLost
from gateway.rfb.client_stream import ClientStream
from gateway.rfb.held import HeldBudget, HeldTotal
from gateway.rfb.inflators import Stream
from gateway.rfb.memory import Memory
from gateway.rfb.server_stream import ServerStream
from gateway.rfb.splice.finish import finish
from gateway.rfb.splice.join import join

PIXEL = rectangle(RAW, bytes(4), width=1, height=1)


def packed(encoding: int, data: bytes) -> bytes:
    if encoding == TIGHT:
        return rectangle(TIGHT, b"\x00" + compact(len(data)) + data, width=8, height=8)
    return rectangle(encoding, struct.pack(">I", len(data)) + data, width=8, height=8)


def small_window(encoding: int) -> tuple[ServerStream, Memory, HeldBudget]:
    """A client whose stream of this encoding began with the smallest window."""
    memory, budget = Memory(server_init()), HeldBudget(HeldTotal())
    memory.encodings_asked = memory.encodings = ALL
    first = ServerStream(memory, budget)
    first.receive(update(packed(encoding, Deflater(9)(bytes(192)))), [])
    return first, memory, budget


@pytest.mark.parametrize("encoding", [TIGHT, ZLIB, ZRLE])
def test_a_larger_window_costs_a_connection_and_then_the_encoding(encoding: int) -> None:
    """§2: pako fails for 12 of 12 streams that go from a window of 9 bits to 15."""
    first, memory, budget = small_window(encoding)
    finish(first)
    second, _ = join(memory, server_init(), budget)
    out: list[memoryview | bytes] = []
    with pytest.raises(UpstreamLost):
        second.receive(update(PIXEL, packed(encoding, Deflater(15)(bytes(192)))), out)
    assert b"".join(out) == update(PIXEL, count=2)
    assert b"".join(finish(second)) == rectangle(LAST_RECT)
    third, told = join(memory, server_init(), budget)
    assert encoding not in memory.encodings
    assert struct.pack(">i", encoding) not in told[1]
    with pytest.raises(UpstreamChanged):
        third.receive(update(packed(encoding, Deflater(15)(bytes(192)))), [])


def test_a_left_out_encoding_stays_out_when_the_client_asks_again() -> None:
    first, memory, budget = small_window(ZRLE)
    memory.inflators[Stream.ZRLE].tail = b"1234"
    finish(first)
    _, told = join(memory, server_init(), budget)
    assert told[1] == messages.set_encodings([encoding for encoding in ALL if encoding != ZRLE])
    out: list[memoryview | bytes] = []
    ClientStream(memory).receive(messages.set_encodings([ZRLE, RAW]), out)
    assert out == [messages.set_encodings([RAW])]


def test_the_same_window_is_joined() -> None:
    first, memory, budget = small_window(ZRLE)
    finish(first)
    second, _ = join(memory, server_init(), budget)
    data = Deflater(9)(bytes(192))
    out: list[memoryview | bytes] = []
    second.receive(update(packed(ZRLE, data)), out)
    assert b"".join(out) == update(packed(ZRLE, data[2:]))
