"""Client to server (rfb.md §1): SetEncodings rewritten; what lacks an offer or a right is dropped and counted."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.client_session import (
    AUDIO_ON,
    EVERYTHING,
    EXTENDED_PROVIDE,
    MESSAGES,
    XVP,
    cut_text,
    enable_continuous_updates,
    qemu_key,
    receive,
    session,
    set_desktop_size,
)
from support.rfb_streams import BGR233, RGB565, RGB888, pixel_format
from support.server_messages import CAPS, NOTIFY, PROVIDE, REQUEST, extended_cut_text, fence

from gateway.errors import ProtocolViolation
from gateway.rfb.memory import Capability, Pointer
from gateway.rfb.messages import (
    extended_pointer_event,
    key_event,
    pointer_event,
    set_encodings,
    set_pixel_format,
)
from gateway.rfb.policy import Clipboard, Policy

# SetEncodings and SetPixelFormat


def test_encodings_that_can_not_be_framed_are_left_out_in_order() -> None:
    asked = [
        7,
        15,
        -260,
        16,
        8,
        5,
        2,
        4,
        6,
        17,
        1,
        0,
        21,
        50,
        0x574D5664,
        -305,
        -314,
        -317,
        -23,
        -33,
        -412,
        -513,
        -247,
        -763,
    ]
    kept = [7, -260, 16, 5, 2, 4, 6, 17, 1, 0, 21, 50, 0x574D5664, -23, -412, -247, -763]
    client = session()
    assert receive(client, set_encodings(asked)) == set_encodings(kept)
    assert client.memory.encodings_asked == tuple(kept)
    assert client.memory.encodings == tuple(kept)


KEPT = {
    *(0, 1, 2, 4, 5, 6, 7, 16, 17, 21, 50, -260),
    *(-223, -224, -232, -239, -240, -257, -258, -259, -261, -307, -308, -309, -312, -313, -316),
    *(0x574D5664, 0x574D5666, 0x574D5668, 0xC0A1E5CE - 2**32),
    *range(-32, -22),
    *range(-512, -411),
    *range(-256, -246),
    *range(-768, -762),
}
"""rfb.md §1, the rule, written down again."""


@given(st.lists(st.one_of(st.integers(-1000, 100), st.integers(-(2**31), 2**31 - 1), st.sampled_from(sorted(KEPT)))))
def test_the_rule_for_encodings_holds_for_any_list(asked: list[int]) -> None:
    assert receive(session(), set_encodings(asked)) == set_encodings([e for e in asked if e in KEPT])


def test_all_of_the_rule_is_kept_and_its_neighbours_are_not() -> None:
    asked = sorted(KEPT | {e + 1 for e in KEPT} | {e - 1 for e in KEPT})
    assert receive(session(), set_encodings(asked)) == set_encodings(sorted(KEPT))


AMBIGUOUS = pixel_format(32, 32)


def test_tight_is_left_out_where_servers_disagree_about_its_pixels() -> None:
    client = session()
    receive(client, set_pixel_format(AMBIGUOUS.wire))
    assert receive(client, set_encodings([7, -260, 16])) == set_encodings([16])


@pytest.mark.parametrize("form", [RGB565, BGR233, pixel_format(32, 24), pixel_format(32, 30, maximum=1023)])
def test_tight_is_kept_where_they_agree(form) -> None:
    client = session()
    receive(client, set_pixel_format(form.wire))
    assert receive(client, set_encodings([7, -260, 16])) == set_encodings([7, -260, 16])


def test_tight_is_withdrawn_before_a_format_and_offered_after_one() -> None:
    client = session()
    receive(client, set_encodings([7, 16]))
    bad, good = set_pixel_format(AMBIGUOUS.wire), set_pixel_format(RGB888.wire)
    assert receive(client, bad) == set_encodings([16]) + bad
    assert receive(client, bad) == bad
    assert receive(client, good) == good + set_encodings([7, 16])


@pytest.mark.parametrize("bits", [0, 1, 24, 64, 255])
def test_a_format_of_impossible_pixels_is_a_violation(bits: int) -> None:
    with pytest.raises(ProtocolViolation):
        receive(session(), set_pixel_format(bytes([bits]) + RGB888.wire[1:]))


# Offers


@pytest.mark.parametrize(
    ("message", "capability", "name"),
    [
        (fence(0, b""), Capability.FENCE, "fence"),
        (enable_continuous_updates(1), Capability.CONTINUOUS_UPDATES, "continuous_updates"),
        (XVP, Capability.XVP, "xvp"),
        (AUDIO_ON, Capability.AUDIO, "audio"),
        (EXTENDED_PROVIDE, Capability.EXTENDED_CLIPBOARD, "cut_text"),
        (bytes([253, 0x81, 0, 3]) + b"gii", Capability.GII, "gii"),
        (bytes([253, 0x01, 3, 0]) + b"gii", Capability.GII, "gii"),
    ],
)
def test_what_the_upstream_did_not_offer_is_dropped_and_counted(
    message: bytes, capability: Capability, name: str
) -> None:
    key = key_event(0x61, down=True)
    for chunk in (None, 1):
        client = session(EVERYTHING - {capability})
        assert receive(client, key + message + key, chunk) == key + key
        assert client.memory.dropped == Counter({name: 1})
    assert receive(session(), message) == message
    assert client.memory.continuous_updates is None
    assert not client.memory.audio.enabled


def test_a_client_may_resize_before_the_offer_and_not_after_another_server_s() -> None:
    message = set_desktop_size(1)
    assert receive(session(frozenset()), message) == message
    client = session(frozenset({Capability.DESKTOP_SIZE}))
    client.memory.offered.clear()
    assert receive(client, message) == b""


def test_qemu_keys_become_plain_ones_where_they_were_not_offered() -> None:
    client = session(frozenset())
    assert receive(client, qemu_key(1, 0x61, 30)) == key_event(0x61, down=True)
    assert client.memory.keyboard.translated == {30: 0x61}
    assert receive(client, qemu_key(0, 0x41, 30)) == key_event(0x61, down=False)
    assert receive(client, qemu_key(1, 0, 30)) == b""
    assert not client.memory.keyboard.anything_held


def test_a_pointer_event_has_seven_bytes_only_after_the_client_was_told() -> None:
    told, plain = session(frozenset({Capability.EXTENDED_MOUSE})), session(frozenset())
    extended = extended_pointer_event(0x104, 1, 2)
    assert receive(told, extended, 1) == extended
    assert told.memory.pointer == Pointer(0x104, 1, 2)
    six = bytes([5, 0x84, 0, 1, 0, 2])
    assert receive(plain, six) == six
    told.memory.offered.clear()  # another upstream, without it
    assert receive(told, extended) == pointer_event(4, 1, 2)
    assert told.memory.pointer == Pointer(0x104, 1, 2), "still down, should this one come to offer it"
    assert receive(told, extended_pointer_event(0x184, 1, 2)) == pointer_event(4, 1, 2)
    assert told.memory.pointer == Pointer(0x104, 1, 2), "pressed where no server hears it"


# Rights


def test_without_control_nothing_reaches_the_vm_but_requests() -> None:
    client = session(policy=Policy(control=False, power=True))
    harmless = {
        "set_pixel_format",
        "set_encodings",
        "set_encodings, none",
        "update request",
        "enable continuous updates",
        "fence",
        "fence, full",
    }
    for name, message in MESSAGES.items():
        assert receive(client, message) == (message if name in harmless else b"")
    assert client.memory.dropped.total() == len(MESSAGES) - len(harmless)
    assert client.human_messages == 4


def test_xvp_needs_the_right_to_power() -> None:
    client = session(policy=Policy())
    assert receive(client, XVP) == b""
    assert client.memory.dropped == Counter({"xvp": 1})


@pytest.mark.parametrize(
    ("clipboard", "passes"),
    [
        (Clipboard.BOTH, {"text", "caps", "provide", "notify", "request"}),
        (Clipboard.TO_VM, {"text", "caps", "provide", "notify"}),
        (Clipboard.FROM_VM, {"caps", "request"}),
        (Clipboard.NONE, set()),
    ],
)
def test_clipboard_to_the_vm_passes_as_rights_say(clipboard: Clipboard, passes: set[str]) -> None:
    client, viewer = session(policy=Policy(clipboard=clipboard)), session(policy=Policy(False, clipboard))
    messages = {
        "text": cut_text(b"secret"),
        "caps": extended_cut_text(CAPS | PROVIDE | 1, bytes(4), kind=6),
        "provide": EXTENDED_PROVIDE,
        "notify": extended_cut_text(NOTIFY | 1, kind=6),
        "request": extended_cut_text(REQUEST | 1, kind=6),
    }
    for name, message in messages.items():
        assert receive(client, message) == (message if name in passes else b"")
        asks = "request" in passes and name in ("caps", "request")
        assert receive(viewer, message) == (message if asks else b"")


def test_what_is_asked_for_thousands_of_times_is_asked_for_once_with_another_pixel_format() -> None:
    """Else 20 bytes of a browser would be 256 KB for its server, and milliseconds of ours."""
    client, many = session(), [7, 5, 0] * 20_000 + [99_999] * 5000
    assert receive(client, set_encodings(many)) == set_encodings([7, 5, 0] * 20_000)
    assert receive(client, set_pixel_format(AMBIGUOUS.wire)) == set_encodings([5, 0]) + set_pixel_format(AMBIGUOUS.wire)
    clear = pixel_format(32, 24).wire
    assert receive(client, set_pixel_format(clear)) == set_pixel_format(clear) + set_encodings([7, 5, 0])
