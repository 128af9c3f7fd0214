"""The small values of the RFB core: messages that the gateway writes, pixel formats, rights, and what may be held."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.rfb_streams import BGR233, COLOUR_MAP, RGB565, RGB888, Format, pixel_format

from gateway.rfb import messages
from gateway.rfb.held import ALWAYS_HELD, HeldBudget, HeldTotal
from gateway.rfb.pixel_format import PixelFormat
from gateway.rfb.policy import Clipboard, Policy


@pytest.mark.parametrize(
    ("built", "wire"),
    [
        (messages.framebuffer_update_request(1, 2, 640, 480, incremental=True), "03 01 0001 0002 0280 01e0"),
        (messages.framebuffer_update_request(0, 0, 1, 1, incremental=False), "03 00 0000 0000 0001 0001"),
        (messages.key_event(0xFF14, down=False), "04 00 0000 0000ff14"),
        (messages.key_event(0x61, down=True), "04 01 0000 00000061"),
        (messages.pointer_event(5, 1, 2), "05 05 0001 0002"),
        (messages.pointer_event(0x1FF, 1, 2), "05 7f 0001 0002"),
        (messages.extended_pointer_event(0x105, 1, 2), "05 85 0001 0002 02"),
        (messages.extended_pointer_event(0x080, 1, 2), "05 80 0001 0002 01"),
        (messages.set_encodings([7, -223]), "02 00 0002 00000007 ffffff21"),
        (messages.set_encodings([]), "02 00 0000"),
        (messages.set_pixel_format(RGB888.wire), "00 000000" + RGB888.wire.hex()),
        (messages.fence(0x80000001, b"ab"), "f8 000000 80000001 02 6162"),
    ],
)
def test_messages_are_laid_out_as_the_protocol_says(built: bytes, wire: str) -> None:
    assert built == bytes.fromhex(wire)


@pytest.mark.parametrize(
    ("form", "tight_is_clear"),
    [
        (RGB888, True),
        (RGB565, True),
        (BGR233, True),
        (COLOUR_MAP, True),
        (pixel_format(32, 32), False),
        (pixel_format(32, 30, maximum=1023), True),
        (pixel_format(32, 24, true_colour=0), True),
    ],
)
def test_sizes_of_pixels(form: Format, tight_is_clear: bool) -> None:
    parsed = PixelFormat.parse(form.wire)
    assert parsed is not None
    assert (parsed.wire, parsed.size, parsed.tpixel) == (form.wire, form.pixel, form.tpixel)
    assert parsed.tight_is_clear is tight_is_clear


@given(st.binary(min_size=16, max_size=16))
def test_any_pixel_format_is_read_or_refused(wire: bytes) -> None:
    parsed = PixelFormat.parse(wire)
    assert (parsed is None) is (wire[0] not in (8, 16, 32))


def test_rights_left_out_are_those_of_the_contract() -> None:
    policy = Policy()
    assert policy.control
    assert policy.clipboard is Clipboard.BOTH
    assert not policy.power


def test_without_control_no_text_reaches_the_vm() -> None:
    policy = Policy(control=False, clipboard=Clipboard.BOTH)
    assert not policy.text_to_vm
    assert policy.text_from_vm


def test_a_reservation_replaces_the_one_before() -> None:
    total = HeldTotal(limit=10_000)
    budget, other = HeldBudget(total, 6000), HeldBudget(total, 6000)
    assert budget.reserve(6000)
    assert budget.reserve(5000)
    assert total.used == 5000
    assert not budget.reserve(6001)
    assert total.used == 0
    assert budget.reserve(6000)
    assert not other.reserve(4001)
    assert other.reserve(4000)
    assert total.used == 10_000
    assert HeldBudget(total).reserve(ALWAYS_HELD)
    budget.release()
    budget.release()
    assert total.used == 4000 + ALWAYS_HELD
