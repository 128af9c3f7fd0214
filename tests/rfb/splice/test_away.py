"""Client messages while there is no upstream (rfb.md §5.2): remembered or lost, never sent, never sent later."""

import pytest
from support.drawn_streams import ALL, Drawing
from support.rfb_client import messages
from support.rfb_client.wire import RGB565, RGB888, ServerMessage
from support.rfb_streams import EXTENDED_MOUSE, QEMU_KEY, RAW, ZRLE, rectangle, update
from support.server_messages import fence
from support.splicing import Viewer

from gateway.errors import ProtocolViolation
from gateway.rfb.messages import extended_pointer_event
from gateway.rfb.policy import Policy

SHIFT, A, B = 0xFFE1, 0x61, 0x62
END = b"\x96"


def away(*before: bytes, server: bytes = b"", policy: Policy | None = None) -> Viewer:
    """A viewer whose upstream was lost after these messages."""
    first = Drawing(40, 30, 1)
    viewer = Viewer(first.server_init, first.form, ALL, policy)
    viewer.feed(server + update(rectangle(QEMU_KEY), rectangle(EXTENDED_MOUSE)))
    for message in before:
        viewer.send(message)
    viewer.lose()
    return viewer


def back(viewer: Viewer) -> list[bytes]:
    return viewer.join(Drawing(40, 30, 2).server_init)


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_nothing_is_sent_and_whole_messages_only_are_looked_at(chunk: int) -> None:
    viewer = away(server=bytes([250, 0, 1, 1]))
    data = b"".join(
        [
            messages.key(A, down=True),
            messages.cut_text("paste"),
            messages.update_request(0, 0, 40, 30, incremental=True),
            bytes([250, 0, 1, 2]),
            messages.pointer(5, 6),
            messages.fence(1, b"late"),
            messages.qemu_key(A, 30, down=True),
        ]
    )
    assert b"".join(viewer.send(data[at : at + chunk]) for at in range(0, len(data), chunk)) == b""
    dropped = viewer.memory.dropped
    assert dropped["cut_text"] == dropped["xvp"] == dropped["key"] == dropped["qemu_key"] == 1
    told = b"".join(back(viewer))
    assert messages.key(A, down=True) not in told
    assert b"paste" not in told
    assert bytes([250, 0, 1, 2]) not in told


def test_a_message_that_is_half_there_at_the_loss_or_the_return_is_completed() -> None:
    viewer = away(messages.pointer(1, 1)[:3])
    viewer.send(messages.pointer(1, 1)[3:] + messages.pointer(2, 2)[:4])
    assert viewer.memory.pointer is not None
    assert viewer.memory.pointer.x == 1
    back(viewer)
    assert viewer.send(messages.pointer(2, 2)[4:]) == messages.pointer(2, 2)


def test_formats_and_encodings_set_meanwhile_are_what_the_next_server_is_told() -> None:
    viewer = away()
    viewer.send(messages.set_pixel_format(RGB565) + messages.set_encodings([ZRLE, RAW, 12345]))
    told = back(viewer)
    assert told[:2] == [messages.set_pixel_format(RGB565), messages.set_encodings([ZRLE, RAW])]


def test_a_key_pressed_meanwhile_is_masked_until_released_also_after_the_return() -> None:
    viewer = away()
    viewer.send(messages.key(A, down=True) + messages.qemu_key(B, 48, down=True))
    back(viewer)
    viewer.feed(update(rectangle(QEMU_KEY)))
    repeated = messages.key(A, down=True) + messages.qemu_key(B, 48, down=True)
    assert viewer.send(repeated + repeated) == b""
    assert viewer.send(messages.key(A, down=False) + messages.qemu_key(B, 48, down=False)) == b""
    again = messages.key(A, down=True) + messages.qemu_key(B, 48, down=True)
    assert viewer.send(again) == again
    assert viewer.memory.dropped["key"] == 4


def test_a_key_pressed_and_released_meanwhile_is_free_again() -> None:
    viewer = away()
    viewer.send(messages.key(A, down=True) + messages.key(A, down=False))
    back(viewer)
    assert viewer.send(messages.key(A, down=True)) == messages.key(A, down=True)


def test_a_key_held_since_before_repeats_after_the_return_as_it_would_have() -> None:
    viewer = away(messages.key(A, down=True))
    viewer.send(messages.key(A, down=True))
    assert messages.key(A, down=False) in back(viewer)
    both = messages.key(A, down=True) + messages.key(A, down=False)
    assert viewer.send(both) == both


def test_a_client_that_releases_another_keysym_than_it_pressed_gets_its_keys_back() -> None:
    viewer = away()
    viewer.send(messages.key(0x41, down=True))
    back(viewer)
    viewer.send(messages.key(A, down=False))
    assert viewer.send(messages.key(0x41, down=True)) == messages.key(0x41, down=True)


def test_the_release_of_a_key_held_since_before_unmasks_nothing() -> None:
    viewer = away(messages.key(B, down=True))
    viewer.send(messages.key(A, down=True))
    back(viewer)
    assert viewer.send(messages.key(B, down=False)) == messages.key(B, down=False)
    assert viewer.send(messages.key(A, down=True)) == b""


def test_buttons_pressed_meanwhile_are_masked_and_places_are_not() -> None:
    viewer = away(messages.pointer(1, 1, buttons=1))
    viewer.send(messages.pointer(2, 2, buttons=1 | 4))
    viewer.send(messages.pointer(3, 3, buttons=1 | 4))
    told = back(viewer)
    assert told[2:4] == [messages.pointer(3, 3, buttons=1), messages.pointer(3, 3, buttons=1)]
    assert viewer.send(messages.pointer(4, 4, buttons=1 | 4)) == messages.pointer(4, 4, buttons=1)
    assert viewer.send(messages.pointer(5, 5, buttons=4 | 2)) == messages.pointer(5, 5, buttons=2)
    assert viewer.send(messages.pointer(5, 5)) == messages.pointer(5, 5)
    assert viewer.send(messages.pointer(5, 5, buttons=4)) == messages.pointer(5, 5, buttons=4)


def test_a_button_released_and_pressed_again_meanwhile_is_masked() -> None:
    viewer = away(messages.pointer(1, 1, buttons=1))
    viewer.send(messages.pointer(1, 1) + messages.pointer(1, 1, buttons=1))
    assert back(viewer)[2:4] == [messages.pointer(1, 1, buttons=1), messages.pointer(1, 1)]
    assert viewer.send(messages.pointer(2, 2, buttons=1)) == messages.pointer(2, 2)


def test_extended_buttons_are_masked_too() -> None:
    viewer = away(extended_pointer_event(0x80, 1, 1))
    viewer.send(extended_pointer_event(0x180, 2, 2))
    back(viewer)
    viewer.feed(update(rectangle(EXTENDED_MOUSE)))
    assert viewer.send(extended_pointer_event(0x184, 3, 3)) == extended_pointer_event(0x84, 3, 3)


def test_a_mask_survives_another_loss() -> None:
    viewer = away()
    viewer.send(messages.pointer(1, 1, buttons=1) + messages.key(A, down=True))
    back(viewer)
    viewer.send(messages.pointer(2, 2, buttons=1))
    viewer.lose()
    told = back(viewer)
    assert messages.pointer(2, 2, buttons=1) not in told
    assert viewer.send(messages.pointer(3, 3, buttons=1) + messages.key(A, down=True)) == messages.pointer(3, 3)


def test_fences_are_answered_and_late_answers_dropped_before_and_after_the_return() -> None:
    viewer = away(server=3 * fence(0x8000_0000, b"old"))
    seen = len(viewer.decoder.messages)
    viewer.send(messages.fence(0x8000_0001, b"mine") + messages.fence(0, b"old"))
    (answer,) = viewer.decoder.messages[seen:]
    assert answer.body[3:] == b"\0\0\0\1\4mine"
    back(viewer)
    assert viewer.send(messages.fence(0, b"old")) == b""  # the new server has not offered fences yet
    viewer.feed(fence(0x8000_0000, b"new"))
    assert viewer.send(messages.fence(0, b"old") + messages.fence(0, b"new")) == messages.fence(0, b"new")


def test_a_client_that_disables_continuous_updates_gets_its_end_once_formats_are_settled() -> None:
    """TigerVNC's viewer changes its format when the end comes: until the return it waits."""
    viewer = away(messages.continuous_updates(0, 0, 40, 30, enable=True), server=END)
    seen = len(viewer.browser)
    viewer.send(messages.continuous_updates(0, 0, 0, 0, enable=False))
    viewer.send(messages.set_pixel_format(RGB565))
    viewer.send(messages.continuous_updates(0, 0, 40, 30, enable=True))
    assert viewer.upstream.count(END) == 1
    told = back(viewer)
    assert told[0] == messages.set_pixel_format(RGB565)
    ends = [message for message in viewer.decoder.messages if message.kind is ServerMessage.END_OF_CONTINUOUS_UPDATES]
    assert len(ends) == 2
    assert viewer.browser[seen:].count(END) == 1
    assert viewer.memory.formats.current.size == 2


def test_an_end_that_only_the_lost_server_owed_comes_at_the_return() -> None:
    viewer = away(
        messages.continuous_updates(0, 0, 40, 30, enable=True),
        messages.continuous_updates(0, 0, 0, 0, enable=False),
        server=END,
    )
    seen = len(viewer.browser)
    back(viewer)
    assert bytes(viewer.browser[seen:]) == END
    assert viewer.feed(END) == b""  # the new server's offer
    assert viewer.upstream.endswith(messages.update_request(0, 0, 40, 30, incremental=False))  # and no EnableCU


def test_a_request_in_a_format_that_is_no_more_gets_an_empty_update() -> None:
    """A client that counts answers reads the next update in the format of its oldest request."""
    first = Drawing(40, 30, 1)
    viewer = Viewer(first.server_init, RGB888, ALL)
    viewer.lose()
    viewer.send(messages.set_pixel_format(RGB565) + messages.update_request(0, 0, 9, 9, incremental=True))
    seen = len(viewer.browser)
    back(viewer)
    assert bytes(viewer.browser[seen:]) == b"\0\0\0\1" + bytes(12)
    assert viewer.memory.formats.current.size == 2
    assert viewer.memory.formats.settled


def test_rights_hold_while_away() -> None:
    viewer = away(policy=Policy(control=False))
    viewer.send(messages.key(SHIFT, down=True) + messages.pointer(1, 1))
    assert len(back(viewer)) == 3
    viewer.feed(update(rectangle(QEMU_KEY)))
    assert viewer.send(messages.key(A, down=True)) == b""


def test_a_client_that_asks_without_end_is_ended() -> None:
    viewer = away(server=fence(0x8000_0000, b""))
    viewer.memory.seam.to_browser = viewer.server._interjections = [b"\2"]
    with pytest.raises(ProtocolViolation):
        viewer.client.receive(2000 * messages.fence(0x8000_0000, b"x"), [])
