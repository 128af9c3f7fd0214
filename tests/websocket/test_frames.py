"""Frames that the gateway sends (RFC 6455 §5.2, §5.3, §5.5), read back by the `websockets` library."""

import pytest
from support.websocket import MASK, judge, raw_frame, xor
from websockets import utils
from websockets.frames import Close

from gateway.websocket import frames
from gateway.websocket.frames import Opcode, binary_header, close_payload, control, header, masked_binary

LENGTHS = [0, 1, 125, 126, 127, 65535, 65536, 200_000]


@pytest.mark.parametrize("length", LENGTHS)
def test_header_uses_the_shortest_length_on_both_sides_of_each_limit(length: int) -> None:
    payload = bytes(length)
    assert header(Opcode.BINARY, length) + payload == raw_frame(Opcode.BINARY, payload)
    assert binary_header(length) == header(Opcode.BINARY, length)


@pytest.mark.parametrize("length", LENGTHS)
def test_masked_binary_is_one_frame_with_the_mask_applied(length: int) -> None:
    payload = bytes(range(256)) * (length // 256) + bytes(range(length % 256))
    message = masked_binary(payload, MASK)
    assert message == raw_frame(Opcode.BINARY, payload, mask=MASK)
    assert judge(message, masked=True).payload == payload


@pytest.mark.parametrize("length", [2**31, 2**32 + 5, 2**63 - 1])
def test_header_announces_lengths_beyond_32_bits(length: int) -> None:
    assert header(Opcode.BINARY, length) == b"\x82\x7f" + length.to_bytes(8, "big")


def test_header_without_fin_begins_a_fragmented_message() -> None:
    assert header(Opcode.BINARY, 3, fin=False) == b"\x02\x03"
    assert header(Opcode.CONTINUATION, 3, fin=False) == b"\x00\x03"
    assert header(Opcode.CONTINUATION, 3) == b"\x80\x03"


@pytest.mark.parametrize("opcode", [Opcode.PING, Opcode.PONG])
@pytest.mark.parametrize("payload", [b"", b"x", bytes(125)])
def test_control_frames_carry_their_payload_plain_and_masked(opcode: Opcode, payload: bytes) -> None:
    assert judge(control(opcode, payload), masked=False).controls == [(opcode, payload)]
    assert judge(control(opcode, payload, MASK), masked=True).controls == [(opcode, payload)]


def test_control_frame_refuses_a_payload_above_125_bytes() -> None:
    with pytest.raises(ValueError, match="125"):
        control(Opcode.PING, bytes(126))


@pytest.mark.parametrize(("code", "reason"), [(1000, "closed"), (4502, "upstream_lost"), (1011, "grüße"), (4999, "")])
def test_close_payload_is_read_back_by_the_library(code: int, reason: str) -> None:
    close = Close.parse(close_payload(code, reason))
    assert (close.code, close.reason) == (code, reason)


def test_close_payload_without_code_is_empty() -> None:
    assert close_payload(None) == b""


@pytest.mark.parametrize("reason", ["x" * 200, "ü" * 100, "x" + "ü" * 100, "🖥" * 40, "xx" + "🖥" * 40])
def test_close_payload_cuts_a_long_reason_between_characters(reason: str) -> None:
    payload = close_payload(1000, reason)
    assert 125 - 3 <= len(payload) <= 125
    assert reason.startswith(Close.parse(payload).reason)


@pytest.mark.parametrize("code", [0, 999, 1005, 1006, 1015, 5000, 70000])
def test_close_payload_refuses_codes_that_are_never_sent(code: int) -> None:
    with pytest.raises(ValueError, match=str(code)):
        close_payload(code, "x")


@pytest.mark.parametrize("mask", [frames.apply_mask, utils.apply_mask], ids=["compiled", "pure"])
def test_both_masks_of_the_library_agree_with_the_specification(mask) -> None:
    payload = bytes(range(256))
    for length in (0, 1, 3, 4, 5, 31, 256):
        assert mask(memoryview(payload)[:length], MASK) == xor(payload[:length], MASK)


def test_the_compiled_mask_is_in_use() -> None:
    pytest.importorskip("websockets.speedups")
    assert frames.apply_mask is not utils.apply_mask
