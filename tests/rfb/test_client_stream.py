"""Client to server (rfb.md §1): every message whole, byte by byte and with trailing bytes; SetEncodings rewritten; what
lacks a right or an offer is dropped and counted; what is no RFB ends the session."""

import struct
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.rfb_streams import (
    BGR233,
    CAPS,
    NOTIFY,
    PROVIDE,
    REQUEST,
    RGB565,
    RGB888,
    extended_cut_text,
    fence,
    pixel_format,
    server_init,
)

from gateway.errors import ProtocolViolation, TooBig
from gateway.rfb.client_messages import CUT_TEXT_MAX
from gateway.rfb.client_stream import ClientStream
from gateway.rfb.memory import Capability, Memory, Pointer
from gateway.rfb.messages import (
    extended_pointer_event,
    framebuffer_update_request,
    key_event,
    pointer_event,
    set_encodings,
    set_pixel_format,
)
from gateway.rfb.policy import Clipboard, Policy

EVERYTHING = frozenset(Capability)


def qemu_key(down: int, keysym: int, keycode: int) -> bytes:
    return struct.pack(">BBHII", 255, 0, down, keysym, keycode)


def cut_text(text: bytes) -> bytes:
    return struct.pack(">Bxxxi", 6, len(text)) + text


def set_desktop_size(screens: int) -> bytes:
    return struct.pack(">BxHHBx", 251, 800, 600, screens) + bytes(16 * screens)


def enable_continuous_updates(enabled: int) -> bytes:
    return struct.pack(">BBHHHH", 150, enabled, 0, 0, 640, 480)


XVP = bytes([250, 0, 1, 2])
AUDIO_ON, AUDIO_OFF = bytes([255, 1, 0, 0]), bytes([255, 1, 0, 1])
AUDIO_FORMAT = bytes([255, 1, 0, 2, 3, 2]) + struct.pack(">I", 44100)
EXTENDED_PROVIDE = extended_cut_text(PROVIDE | 1, b"zipped", kind=6)

MESSAGES = {
    "set_pixel_format": set_pixel_format(RGB565.wire),
    "set_encodings": set_encodings([7, 16, 0, -223]),
    "set_encodings, none": set_encodings([]),
    "update request": framebuffer_update_request(0, 0, 640, 480, incremental=True),
    "key": key_event(0xFF0D, down=True),
    "pointer": pointer_event(1, 10, 20),
    "extended pointer": extended_pointer_event(0x101, 10, 20),
    "cut text": cut_text(b"hello"),
    "cut text, empty": cut_text(b""),
    "cut text, large": cut_text(b"x" * CUT_TEXT_MAX),
    "extended cut text": EXTENDED_PROVIDE,
    "enable continuous updates": enable_continuous_updates(1),
    "fence": fence(3, b"payload"),
    "fence, full": fence(0x80000000, bytes(64)),
    "xvp": XVP,
    "set desktop size": set_desktop_size(1),
    "set desktop size, many": set_desktop_size(255),
    "qemu key": qemu_key(1, 0x61, 30),
    "audio on": AUDIO_ON,
    "audio off": AUDIO_OFF,
    "audio format": AUDIO_FORMAT,
}

every_message = pytest.mark.parametrize("name", MESSAGES)


def session(offered: frozenset[Capability] = EVERYTHING, policy: Policy | None = None) -> ClientStream:
    memory = Memory(server_init())
    for capability in offered:
        memory.offer(capability)
    return ClientStream(memory, policy or Policy(power=True))


def receive(client: ClientStream, data: bytes, chunk: int | None = None) -> bytes:
    out: list[memoryview | bytes] = []
    for at in range(0, len(data), chunk or len(data)):
        client.receive(data[at : at + (chunk or len(data))], out)
    return b"".join(out)


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
    assert client.memory.encodings_asked == tuple(asked)
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
    client = session(policy=Policy(clipboard=clipboard))
    messages = {
        "text": cut_text(b"secret"),
        "caps": extended_cut_text(CAPS | PROVIDE | 1, bytes(4), kind=6),
        "provide": EXTENDED_PROVIDE,
        "notify": extended_cut_text(NOTIFY | 1, kind=6),
        "request": extended_cut_text(REQUEST | 1, kind=6),
    }
    for name, message in messages.items():
        assert receive(client, message) == (message if name in passes else b"")


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
    assert not client.memory.formats.outstanding
    receive(client, request * 3)
    assert client.memory.formats.outstanding
    client.memory.formats.update_begun()
    assert not client.memory.formats.outstanding


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
