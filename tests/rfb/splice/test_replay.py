"""What a new upstream is told, and in which order (rfb.md §5.4, §5 "Keys", "Buttons", §6)."""

import pytest
from support.drawn_streams import ALL, Drawing, extended_size
from support.rfb_client import messages
from support.rfb_client.wire import RGB565, RGB888, PixelFormat
from support.rfb_streams import AUDIO, EXTENDED_MOUSE, QEMU_KEY, RAW, TIGHT, TIGHT_PNG, rectangle, update
from support.splicing import Viewer

from gateway.rfb.memory import Memory
from gateway.rfb.policy import Policy
from gateway.rfb.server_init import ServerInit
from gateway.rfb.splice.replay import replay

SHIFT, CONTROL, ALT_GR, CAPS_LOCK, A = 0xFFE1, 0xFFE3, 0xFE03, 0xFFE5, 0x61
ENCODINGS = (*ALL, AUDIO)
BACK, FORWARD = 128, 256
OFFERS = update(rectangle(QEMU_KEY), rectangle(AUDIO), extended_size(640, 480))
OFFERS_MOUSE = update(rectangle(EXTENDED_MOUSE))
SET_AUDIO = b"\xff\1\0\2\3\2\0\0\xac\x44"
ENABLE_AUDIO = b"\xff\1\0\0"


def watching(offers: bytes = OFFERS, pixel_format: PixelFormat = RGB888) -> Viewer:
    viewer = Viewer(Drawing(640, 480, 1).server_init, pixel_format, ENCODINGS)
    viewer.feed(offers)
    return viewer


def spliced(viewer: Viewer, meanwhile: bytes = b"", size: tuple[int, int] = (640, 480)) -> list[bytes]:
    viewer.lose()
    viewer.send(meanwhile)
    return viewer.join(Drawing(*size, 2).server_init)


def test_the_order_is_that_of_the_page() -> None:
    viewer = watching()
    for message in (
        messages.pointer(7, 8, buttons=1),
        messages.key(A, down=True),
        messages.qemu_key(SHIFT, 42, down=True),
        SET_AUDIO,
        ENABLE_AUDIO,
        messages.set_desktop_size(800, 600),
    ):
        viewer.send(message)
    assert spliced(viewer, messages.pointer(9, 8)) == [
        messages.set_pixel_format(RGB888),
        messages.set_encodings(ENCODINGS),
        messages.set_desktop_size(800, 600),
        messages.pointer(9, 8, buttons=1),
        messages.pointer(9, 8),
        messages.key(A, down=False),
        messages.key(SHIFT, down=False),
        messages.key(SHIFT, down=True),
        SET_AUDIO,
        ENABLE_AUDIO,
        messages.update_request(0, 0, 640, 480, incremental=False),
    ]


def test_a_client_that_asked_for_nothing_gets_its_first_format_and_a_picture() -> None:
    memory = Memory(Drawing(640, 480, 1, RGB565).server_init)
    told = replay(memory, ServerInit.parse(Drawing(320, 200, 1).server_init))
    assert told == [
        messages.set_pixel_format(RGB565),
        messages.update_request(0, 0, 320, 200, incremental=False),
    ]


def test_a_screen_without_area_is_never_requested() -> None:
    """§7: QEMU would not update that connection again."""
    memory = Memory(Drawing(640, 480, 1).server_init)
    assert replay(memory, ServerInit.parse(Drawing(0, 480, 1).server_init)) == [messages.set_pixel_format(RGB888)]


def test_tight_is_left_out_for_a_format_in_which_servers_differ() -> None:
    viewer = watching(pixel_format=PixelFormat(depth=32))
    told = spliced(viewer)
    assert told[1] == messages.set_encodings([e for e in ENCODINGS if e not in (TIGHT, TIGHT_PNG)])


@pytest.mark.parametrize(
    ("before", "meanwhile", "told"),
    [
        pytest.param(0, 0, (0, 0), id="none"),
        pytest.param(1, 0, (1, 0), id="released meanwhile"),
        pytest.param(1, 1, (1, 1), id="still down"),
        pytest.param(5, 4, (5, 4), id="one of two released"),
        pytest.param(1, 3, (1, 1), id="another pressed meanwhile"),
    ],
)
def test_buttons_are_pressed_again_so_that_they_can_be_released(before: int, meanwhile: int, told: tuple[int]) -> None:
    viewer = watching()
    viewer.send(messages.pointer(3, 4, buttons=before))
    events = spliced(viewer, messages.pointer(5, 6, buttons=meanwhile))[2:4]
    assert events == [messages.pointer(5, 6, buttons=mask) for mask in told]


@pytest.mark.parametrize(
    ("meanwhile", "told", "once_offered"),
    [
        pytest.param(BACK | 1, (1, 1), (BACK | 1,), id="still down"),
        pytest.param(0, (1, 0), (BACK, 0), id="released meanwhile"),
        pytest.param(BACK | FORWARD, (1, 0), (BACK,), id="the other pressed meanwhile"),
    ],
)
def test_back_and_forward_follow_as_soon_as_the_new_server_offers_them(
    meanwhile: int, told: tuple[int, ...], once_offered: tuple[int, ...]
) -> None:
    viewer = watching(OFFERS_MOUSE)
    viewer.send(messages.extended_pointer(3, 4, buttons=BACK | 1))
    events = spliced(viewer, messages.extended_pointer(5, 6, buttons=meanwhile))[2:4]
    assert events == [messages.pointer(5, 6, buttons=mask) for mask in told]
    before = len(viewer.upstream)
    viewer.feed(OFFERS_MOUSE)
    told_now = [messages.extended_pointer(5, 6, buttons=mask) for mask in once_offered]
    assert bytes(viewer.upstream[before:]) == b"".join(told_now)


def test_back_that_was_let_go_before_it_was_offered_again_is_let_go_then() -> None:
    viewer = watching(OFFERS_MOUSE)
    viewer.send(messages.extended_pointer(3, 4, buttons=BACK))
    spliced(viewer)
    viewer.feed(OFFERS)
    assert viewer.send(messages.extended_pointer(3, 4)) == messages.pointer(3, 4)
    spliced(viewer)
    before = len(viewer.upstream)
    viewer.feed(OFFERS_MOUSE)
    told_now = [messages.extended_pointer(3, 4, buttons=mask) for mask in (BACK, 0)]
    assert bytes(viewer.upstream[before:]) == b"".join(told_now)


def test_the_pointer_stays_inside_a_smaller_screen() -> None:
    viewer = watching()
    viewer.send(messages.pointer(639, 479))
    assert spliced(viewer, size=(320, 200))[2:4] == 2 * [messages.pointer(319, 199)]


def test_only_modifiers_that_still_are_down_are_pressed_again() -> None:
    viewer = watching()
    for keysym in (A, SHIFT, CONTROL, CAPS_LOCK, ALT_GR):
        viewer.send(messages.key(keysym, down=True))
    told = spliced(viewer, messages.key(CONTROL, down=False))
    ups = [messages.key(keysym, down=False) for keysym in (A, SHIFT, CONTROL, CAPS_LOCK, ALT_GR)]
    downs = [messages.key(keysym, down=True) for keysym in (SHIFT, ALT_GR)]
    assert told[2:-1] == ups + downs
    assert viewer.send(messages.key(SHIFT, down=False)) == messages.key(SHIFT, down=False)


def test_extended_keys_are_lifted_by_keycode_once_they_are_offered_and_not_before() -> None:
    viewer = watching()
    viewer.send(messages.qemu_key(A, 30, down=True) + messages.qemu_key(0, 86, down=True))
    viewer.send(messages.qemu_key(SHIFT, 42, down=True))
    told = spliced(viewer)
    assert told[2:-1] == [messages.key(A, down=False), messages.key(SHIFT, down=False), messages.key(SHIFT, down=True)]
    before = len(viewer.upstream)
    viewer.feed(OFFERS)
    lifted = messages.qemu_key(A, 30, down=False) + messages.qemu_key(0, 86, down=False)
    assert bytes(viewer.upstream[before:]) == lifted


def test_a_modifier_pressed_by_keysym_is_released_by_keysym() -> None:
    """TigerVNC ignores the release of a keycode that was not pressed by it: Shift would stay down in the guest."""
    viewer = watching()
    viewer.send(messages.qemu_key(SHIFT, 42, down=True))
    spliced(viewer)
    viewer.feed(OFFERS)
    assert viewer.send(messages.qemu_key(0xFFE7, 42, down=False)) == messages.key(SHIFT, down=False)
    again = messages.qemu_key(SHIFT, 42, down=True)
    assert viewer.send(again) == again


@pytest.mark.parametrize(
    ("heard", "abrupt", "again"),
    [(b"", True, True), (b"\2", True, True), (update(rectangle(QEMU_KEY)), True, False), (b"", False, False)],
    ids=["silence", "no update", "an update", "a proper end"],
)
def test_what_was_let_go_on_a_line_that_may_have_been_dead_is_let_go_again(
    heard: bytes, abrupt: bool, again: bool
) -> None:
    viewer = watching()
    viewer.send(messages.key(A, down=True) + messages.qemu_key(SHIFT, 42, down=True))
    viewer.send(messages.pointer(3, 3, buttons=5))
    viewer.send(messages.key(A, down=False) + messages.qemu_key(SHIFT, 42, down=False))
    viewer.send(messages.pointer(4, 4, buttons=4) + messages.pointer(5, 5))
    viewer.feed(heard)
    viewer.lose(abrupt=abrupt)
    events = viewer.join(Drawing(640, 480, 2).server_init)[2:-1]
    ups = [messages.key(A, down=False), messages.key(SHIFT, down=False)]
    lost = [messages.pointer(5, 5, buttons=5), messages.pointer(5, 5), *ups]
    assert events == (lost if again else 2 * [messages.pointer(5, 5)])


def test_what_is_held_is_owed_until_a_server_has_been_heard() -> None:
    viewer = watching()
    viewer.send(messages.key(A, down=True) + messages.pointer(1, 1, buttons=1))
    spliced(viewer, messages.key(A, down=False) + messages.pointer(1, 1))
    assert messages.key(A, down=False) in spliced(viewer)  # the one before may have read nothing
    viewer.feed(b"\2")
    told = spliced(viewer)
    assert messages.key(A, down=False) not in told
    assert messages.pointer(1, 1, buttons=1) not in told


def test_a_size_that_was_asked_for_is_asked_once_of_a_server_that_dies_of_it() -> None:
    viewer = watching()
    viewer.send(messages.set_desktop_size(800, 600))
    assert messages.set_desktop_size(800, 600) in spliced(viewer)
    seen = len(viewer.decoder.desktop.size_answers)
    assert messages.set_desktop_size(800, 600) not in spliced(viewer)
    assert viewer.decoder.desktop.size_answers[seen:] == [(1, 1)]
    assert viewer.memory.desktop_size_asked is None


@pytest.mark.parametrize("offered", [False, True])
def test_a_size_that_a_server_without_sizes_was_asked_for_is_refused_once_its_picture_is_whole(offered: bool) -> None:
    viewer = watching()
    viewer.send(messages.set_desktop_size(800, 600))
    spliced(viewer)
    seen = len(viewer.decoder.desktop.size_answers)
    if offered:
        viewer.feed(update(extended_size(640, 480)))
        seen += 1
    viewer.feed(update(rectangle(RAW, bytes(640 * 479 * 4), width=640, height=479)))
    assert len(viewer.decoder.desktop.size_answers) == seen
    viewer.feed(update(rectangle(RAW, bytes(640 * 4), width=640, height=1)) + b"\2")
    assert viewer.decoder.desktop.size_answers[seen:] == ([] if offered else [(1, 1)])


def test_a_size_that_was_answered_is_not_asked_again() -> None:
    viewer = watching()
    viewer.send(messages.set_desktop_size(800, 600))
    viewer.feed(update(extended_size(800, 600, reason=1)))
    assert messages.set_desktop_size(800, 600) not in spliced(viewer, size=(800, 600))


def test_a_size_asked_for_meanwhile_is_passed_on() -> None:
    assert messages.set_desktop_size(801, 601) in spliced(watching(), messages.set_desktop_size(801, 601))


def test_audio_waits_for_the_offer_where_the_last_server_had_none() -> None:
    """QEMU without an audio device ends the connection of a client that asks for it."""
    viewer = watching()
    viewer.send(SET_AUDIO + ENABLE_AUDIO)
    assert spliced(viewer)[-3:-1] == [SET_AUDIO, ENABLE_AUDIO]
    told = spliced(viewer)  # the one before offered nothing
    assert SET_AUDIO not in told
    viewer.feed(OFFERS)
    assert viewer.upstream.endswith(SET_AUDIO + ENABLE_AUDIO)


def test_power_is_never_replayed() -> None:
    """Promise 3, rfb.md §1."""
    viewer = Viewer(Drawing(640, 480, 1).server_init, RGB888, ENCODINGS, Policy(power=True))
    viewer.feed(bytes([250, 0, 1, 1]))
    shutdown = bytes([250, 0, 1, 2])
    assert viewer.send(shutdown) == shutdown
    assert not any(message[0] == 250 for message in spliced(viewer, shutdown))
