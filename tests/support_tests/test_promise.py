"""The comparison of bytes that e2e tests rest on: it accepts what is allowed and notices everything else."""

import struct

import pytest
from support import recordings
from support.promise import difference
from support.rfb_client.decoder import Decoder, Message
from support.rfb_client.wire import RGB888
from support.tap import after_client_init, after_server_init, websocket_payload

EMPTY_UPDATE = bytes(4)
FILLER = bytes.fromhex("00000001") + bytes(12)
COLOUR_MAP = struct.pack(">BxHH", 1, 0, 1) + bytes(6)
BELL = b"\x02"
PIXEL = bytes.fromhex("00000001") + struct.pack(">4Hi", 0, 0, 1, 1, 0) + b"\x01\x02\x03\x00"


def messages(data: bytes) -> list[Message]:
    decoder = Decoder(4, 4, RGB888)
    decoder.feed(data)
    return decoder.messages


def compare(server: bytes, browser: bytes, *, true_colour: bool = True) -> str | None:
    return difference(server, messages(server), browser, messages(browser), true_colour=true_colour)


def test_equal_streams_have_no_difference() -> None:
    assert compare(BELL + PIXEL, BELL + PIXEL) is None


def test_an_empty_update_may_become_a_zero_area_rectangle() -> None:
    assert compare(EMPTY_UPDATE + BELL, FILLER + BELL) is None


def test_a_colour_map_may_be_left_out_for_a_true_colour_client_only() -> None:
    assert compare(COLOUR_MAP + BELL, BELL) is None
    assert compare(COLOUR_MAP + BELL, BELL, true_colour=False) is not None


@pytest.mark.parametrize(
    "browser", [b"", BELL, BELL + PIXEL + BELL, PIXEL + BELL, BELL + PIXEL[:-2] + b"\x09\x00", BELL + PIXEL[:-1]]
)
def test_anything_else_is_a_difference(browser: bytes) -> None:
    assert compare(BELL + PIXEL, browser) is not None


def test_an_unfinished_message_is_compared_too() -> None:
    assert compare(BELL + PIXEL[:9], BELL + PIXEL[:9]) is None
    assert compare(BELL + PIXEL[:9], BELL) is not None


def test_one_changed_byte_of_a_real_stream_is_found() -> None:
    recording = recordings.load("qemu-raw")
    whole = recording.decoded().messages
    rect = max((rect for message in whole for rect in message.rectangles), key=lambda rect: rect.area)
    changed = bytearray(recording.server)
    changed[rect.end - 1] ^= 1
    assert difference(recording.server, whole, recording.server, whole) is None
    assert difference(recording.server, whole, bytes(changed), whole) is not None


def test_frames_come_off_a_recorded_direction() -> None:
    mask = bytes((1, 2, 3, 4))
    hidden = bytes(byte ^ mask[i % 4] for i, byte in enumerate(b"abcdef"))
    frames = b"\x82\x86" + mask + hidden + b"\x89\x00" + b"\x02\x01g" + b"\x80\x01h" + b"\x82\x7e\x01\x00" + b"x" * 256
    assert websocket_payload(b"HTTP/1.1 101 Yes\r\nA: b\r\n\r\n" + frames) == b"abcdefgh" + b"x" * 256


@pytest.mark.parametrize(
    ("server", "client"),
    [
        (b"RFB 003.008\n\x01\x01" + bytes(4), b"RFB 003.008\n\x01\x01"),
        (b"RFB 003.008\n\x02\x01\x02" + bytes(16) + bytes(4), b"RFB 003.008\n\x02" + bytes(16) + b"\x01"),
        (b"RFB 003.008\n\x01\x01", b"RFB 003.007\n\x01\x01"),
        (b"RFB 003.003\n\0\0\0\x01", b"RFB 003.003\n\x01"),
        (b"RFB 003.003\n\0\0\0\x02" + bytes(16) + bytes(4), b"RFB 003.003\n" + bytes(16) + b"\x01"),
    ],
)
def test_what_follows_the_handshake_is_found_in_each(server: bytes, client: bytes) -> None:
    init = recordings.load("qemu-raw").server_init
    assert after_server_init(server + init + b"pixels", client) == b"pixels"
    assert after_client_init(server + init, client + b"keys") == b"keys"
