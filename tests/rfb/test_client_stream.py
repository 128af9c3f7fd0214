"""Client to server (rfb.md §1): every message whole, byte by byte and with trailing bytes; limits; what a replay
needs. What is negotiated or lacks a right: test_client_negotiation."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.client_session import (
    AUDIO_FORMAT,
    AUDIO_OFF,
    AUDIO_ON,
    MESSAGES,
    XVP,
    enable_continuous_updates,
    qemu_key,
    receive,
    session,
    set_desktop_size,
)
from support.rfb_streams import RGB565
from support.server_messages import fence

from gateway.errors import ProtocolViolation, TooBig
from gateway.rfb.client_messages import CUT_TEXT_MAX
from gateway.rfb.memory import Pointer
from gateway.rfb.messages import (
    framebuffer_update_request,
    key_event,
    pointer_event,
    set_pixel_format,
)

every_message = pytest.mark.parametrize("name", MESSAGES)


@every_message
def test_a_message_passes_whole_and_in_pieces_and_with_trailing_bytes(name: str) -> None:
    message = MESSAGES[name]
    chunks = [None, 1, 7] if len(message) < 1000 else [None, 1000]
    for chunk in chunks:
        client = session()
        assert receive(client, message, chunk) == message
        assert client.messages == 1
        assert receive(client, message + message + XVP, chunk) == message + message + XVP
        assert client.held == 0
        assert not client.memory.dropped


@every_message
def test_nothing_of_an_unfinished_message_leaves(name: str) -> None:
    message = MESSAGES[name]
    client = session()
    assert receive(client, XVP + message[:-1]) == XVP
    assert client.held == len(message) - 1
    assert client.messages == 1
    assert receive(client, message[-1:]) == message


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(sorted(set(MESSAGES) - {"cut text, large"})), max_size=20),
    st.lists(st.integers(1, 300), min_size=1, max_size=10),
)
def test_any_messages_pass_in_any_chunks_unchanged_and_only_whole(names: list[str], sizes: list[int]) -> None:
    client = session()
    ends, data = {0}, b""
    for name in names:
        data += MESSAGES[name]
        ends.add(len(data))
    at = turn = released = 0
    while at < len(data):
        chunk = data[at : at + sizes[turn % len(sizes)]]
        at, turn = at + len(chunk), turn + 1
        out = receive(client, chunk) if chunk else b""
        assert out == data[released : released + len(out)]
        released += len(out)
        assert released == max(end for end in ends if end <= at)
    assert released == len(data)
    assert client.messages == len(names)


@settings(deadline=None)
@given(
    st.lists(st.one_of(st.binary(max_size=30), st.sampled_from(sorted(MESSAGES.values(), key=len)[:-1])), max_size=10)
)
def test_any_bytes_give_messages_or_one_of_our_errors(pieces: list[bytes]) -> None:
    client = session()
    try:
        for piece in pieces:
            client.receive(piece, [])
            assert client.held <= 4 + 4 * 65535
    except (ProtocolViolation, TooBig):
        pass


# Limits


@pytest.mark.parametrize(
    "message",
    [
        bytes([1]),
        bytes([7]),
        bytes([99]),
        bytes([252]),
        bytes([255, 2]),
        bytes([255, 1, 0, 3]),
        fence(0, bytes(64))[:8] + bytes([65]),
        struct.pack(">Bxxxi", 6, -1),
        struct.pack(">Bxxxi", 6, -3),
    ],
)
def test_what_is_no_client_message_is_a_violation(message: bytes) -> None:
    for chunk in (None, 1):
        with pytest.raises(ProtocolViolation):
            receive(session(), key_event(1, down=True) + message, chunk)


@pytest.mark.parametrize("length", [CUT_TEXT_MAX + 1, -CUT_TEXT_MAX - 1, 2**31 - 1, -(2**31)])
def test_a_clipboard_above_the_limit_is_too_big_at_its_header(length: int) -> None:
    with pytest.raises(TooBig):
        receive(session(), struct.pack(">Bxxxi", 6, length), 1)


# What a replay needs


def test_keys_that_are_down_are_remembered_and_bounded() -> None:
    client = session()
    keyboard = client.memory.keyboard
    receive(client, key_event(1, down=True) + key_event(2, down=True) + key_event(1, down=True))
    receive(client, qemu_key(1, 0x41, 30) + qemu_key(1, 0x42, 48) + qemu_key(0, 0x62, 48))
    assert list(keyboard.keysyms) == [1, 2]
    assert keyboard.keycodes == {30: 0x41}
    assert keyboard.anything_held
    receive(client, key_event(1, down=False) + key_event(2, down=False) + qemu_key(0, 0, 30) + key_event(9, down=False))
    assert not keyboard.anything_held
    for keysym in range(1000):
        receive(client, key_event(keysym, down=True) + qemu_key(1, 0, keysym))
    assert len(keyboard.keysyms) == len(keyboard.keycodes) == 256


def test_the_last_of_each_setting_is_remembered() -> None:
    client, memory = session(), None
    memory = client.memory
    assert not memory.pixel_format_set
    receive(client, set_pixel_format(RGB565.wire) + pointer_event(5, 7, 8) + pointer_event(1, 3, 4))
    receive(client, enable_continuous_updates(1) + set_desktop_size(1) + set_desktop_size(2))
    receive(client, AUDIO_FORMAT + AUDIO_ON)
    assert memory.pixel_format_set
    assert memory.formats.asked.wire == RGB565.wire
    assert memory.pointer == Pointer(1, 3, 4)
    assert memory.continuous_updates == enable_continuous_updates(1)
    assert memory.desktop_size_asked == set_desktop_size(2)
    assert memory.audio.set_format == AUDIO_FORMAT
    assert memory.audio.enabled
    receive(client, AUDIO_OFF)
    assert not memory.audio.enabled


def test_an_open_request_is_a_yes_or_no() -> None:
    client = session()
    request = framebuffer_update_request(0, 0, 1, 1, incremental=False)
    assert client.memory.formats.steady
    receive(client, request * 3)
    assert not client.memory.formats.steady
    client.memory.formats.update_begun()
    assert client.memory.formats.steady


def test_fences_are_booked_in_both_directions() -> None:
    client = session()
    fences = client.memory.fences
    fences.from_server(0x80000001, b"a")
    fences.from_server(0x80000001, b"b")
    assert fences.owed_by_client == 2
    receive(client, fence(1, b"a") + fence(0x80000002, b"mine"))
    assert fences.owed_by_client == 1
    assert fences.owed_by_server == [(0x80000002, b"mine")]
    fences.from_server(2, b"another")
    fences.from_server(0, b"mine")
    assert fences.owed_by_server == []
    receive(client, fence(0x80000000, b"x") * 1000)
    assert len(fences.owed_by_server) == 64


def test_people_are_told_from_programs() -> None:
    client = session()
    receive(client, b"".join(MESSAGES.values()))
    assert client.messages == len(MESSAGES)
    assert client.human_messages == 4
