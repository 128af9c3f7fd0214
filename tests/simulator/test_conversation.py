"""The server's parser: whole, byte by byte, with anything after it; nothing but its own error comes out."""

import struct
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.rfb_client import messages
from support.rfb_client.wire import RGB888, Encoding

from gateway.simulator.desktop.desktop import Desktop
from gateway.simulator.desktop.handshake import ClientError, ServerOptions
from gateway.simulator.desktop.rfb_server import RfbServer

HELLO = b"RFB 003.008\n\x01\x01"
ALL = [code for code in Encoding if code is not Encoding.RAW]
SESSION = b"".join(
    (
        HELLO,
        messages.set_pixel_format(RGB888),
        messages.set_encodings(ALL),
        messages.update_request(0, 0, 800, 600, incremental=False),
        messages.key(ord("a"), down=True),
        messages.qemu_key(ord("a"), 30, down=False),
        messages.pointer(600, 400, 1),
        messages.cut_text("text"),
        messages.fence(0x80000000, b"x"),
        messages.continuous_updates(0, 0, 800, 600, enable=True),
        messages.set_desktop_size(100, 70),
    )
)


@pytest.fixture(scope="module")
def desktop() -> Desktop:
    made = Desktop("vm", size=(64, 64))
    made.frozen = True
    return made


def serve(desktop: Desktop, options: ServerOptions | None = None) -> RfbServer:
    return RfbServer(desktop, options or ServerOptions(), challenge=bytes(16), wake=lambda: None)


def answers(pieces: list[bytes]) -> tuple[bytes, Desktop]:
    """All that a new desktop sends when it gets those pieces and is asked only at the end."""
    desktop = Desktop("vm", size=(96, 64))
    server = serve(desktop)
    for piece in pieces:
        server.receive(piece)
    return server.take(), desktop


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(1, len(SESSION) - 1), max_size=8))
def test_it_is_all_the_same_how_bytes_arrive(cuts):
    edges = [0, *sorted(set(cuts)), len(SESSION)]
    pieces = [SESSION[start:end] for start, end in pairwise(edges)]
    assert answers(pieces)[0] == answers([SESSION])[0]


def test_byte_by_byte_too():
    together, desktop = answers([SESSION])
    assert answers([bytes([byte]) for byte in SESSION])[0] == together
    assert (desktop.canvas.width, desktop.canvas.height) == (100, 70)
    assert desktop.clipboard == "text"
    assert not desktop.events.held


def test_messages_and_inputs_are_counted(desktop):
    server = serve(desktop)
    server.receive(SESSION)
    assert (server.messages, server.inputs) == (10, 3)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_garbage_is_a_clients_error_or_waits_for_more(desktop, data):
    for start in (b"", HELLO, HELLO + messages.set_encodings(ALL)):
        server = serve(desktop)
        try:
            server.receive(start + data)
        except ClientError:
            pass
        finally:
            server.close()


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_a_password_is_not_guessed(desktop, data):
    server = serve(desktop, ServerOptions(password="secret"))
    try:
        server.receive(b"RFB 003.008\n\x02" + data)
    except ClientError as error:
        assert "authentication" in str(error)
        assert server.take().endswith(struct.pack(">II", 1, 21) + b"Authentication failed")
    assert server not in desktop.viewers
