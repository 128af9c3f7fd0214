"""Capabilities that the client learned and the new server lacks (rfb.md §4): each in its way, none passed on."""

import struct
import zlib

import pytest
from support.drawn_streams import ALL, Drawing, extended_size
from support.rfb_client import messages
from support.rfb_client.wire import RGB565, RGB888, ServerMessage
from support.rfb_streams import AUDIO, EXTENDED_DESKTOP_SIZE, EXTENDED_MOUSE, QEMU_KEY, RAW, rectangle, update
from support.server_messages import CAPS, NOTIFY, PROVIDE, REQUEST, cut_text, extended_cut_text, fence
from support.splicing import Viewer

from gateway.rfb.messages import extended_pointer_event
from gateway.rfb.policy import Clipboard, Policy

END = b"\x96"
XVP_OFFER = bytes([250, 0, 1, 1])
EVERYTHING = (
    update(rectangle(QEMU_KEY), rectangle(AUDIO), rectangle(EXTENDED_MOUSE), extended_size(40, 30))
    + END
    + fence(0x8000_0000, b"offer")
    + XVP_OFFER
    + extended_cut_text(CAPS | PROVIDE | NOTIFY | REQUEST | 1, bytes(4))
)
REQUEST_ALL = messages.update_request(0, 0, 40, 30, incremental=True)


def on_a_server_with(offers: bytes = b"", *before: bytes, policy: Policy | None = None) -> Viewer:
    """A client that knows everything, on its second server."""
    viewer = Viewer(Drawing(40, 30, 1).server_init, RGB888, (*ALL, AUDIO), policy)
    viewer.feed(EVERYTHING)
    for message in (messages.fence(0, b"offer"), *before):
        viewer.send(message)
    viewer.lose()
    viewer.join(Drawing(40, 30, 2).server_init)
    viewer.feed(offers)
    viewer.upstream.clear()
    return viewer


def provided(text: bytes) -> bytes:
    return zlib.compress(struct.pack(">I", len(text)) + text)


@pytest.mark.parametrize(
    ("sent", "got"),
    [
        pytest.param(messages.qemu_key(0x61, 30, down=True), messages.key(0x61, down=True), id="QEMU key"),
        pytest.param(messages.qemu_key(0, 30, down=True), b"", id="QEMU key without keysym"),
        pytest.param(extended_pointer_event(0x185, 3, 4), messages.pointer(3, 4, buttons=5), id="extended mouse"),
        pytest.param(bytes([250, 0, 1, 2]), b"", id="xvp"),
        pytest.param(messages.fence(0, b"answer"), b"", id="fence answer"),
        pytest.param(messages.fence(0x8000_0000, b"request"), b"", id="fence request"),
        pytest.param(messages.set_desktop_size(9, 9), b"", id="SetDesktopSize"),
        pytest.param(messages.continuous_updates(0, 0, 9, 9, enable=False), b"", id="disable continuous updates"),
        pytest.param(messages.continuous_updates(0, 0, 9, 9, enable=True), REQUEST_ALL, id="continuous updates"),
        pytest.param(b"\xff\1\0\0", b"", id="audio"),
        pytest.param(messages.cut_text("plain"), messages.cut_text("plain"), id="plain text"),
        pytest.param(extended_cut_text(CAPS | 1, bytes(4), kind=6), b"", id="clipboard caps"),
        pytest.param(extended_cut_text(REQUEST | 1, kind=6), b"", id="clipboard request"),
        pytest.param(extended_cut_text(NOTIFY | 1, kind=6), b"", id="clipboard notice"),
        pytest.param(
            extended_cut_text(PROVIDE | 1, provided("zwei\r\nöde ☃\0".encode()), kind=6),
            messages.cut_text("zwei\nöde ?"),
            id="text",
        ),
        pytest.param(extended_cut_text(PROVIDE | 2, provided(b"rtf"), kind=6), b"", id="text in another format"),
        pytest.param(extended_cut_text(PROVIDE | 1, b"not zlib", kind=6), b"", id="broken text"),
        pytest.param(extended_cut_text(PROVIDE | 1, zlib.compress(b"xy"), kind=6), b"", id="short text"),
    ],
)
@pytest.mark.parametrize("chunk", [1, 1000])
def test_what_the_new_server_lacks_is_translated_or_swallowed(sent: bytes, got: bytes, chunk: int) -> None:
    viewer = on_a_server_with()
    assert b"".join(viewer.send(sent[at : at + chunk]) for at in range(0, len(sent), chunk)) == got


def test_a_text_that_unpacks_without_end_is_cut_at_our_limit() -> None:
    text = struct.pack(">I", 1 << 30) + bytes(50_000_000)
    viewer = on_a_server_with()
    assert len(viewer.send(extended_cut_text(PROVIDE | 1, zlib.compress(text), kind=6))) <= 8 + 256 * 1024


def test_a_client_that_has_text_is_asked_for_it() -> None:
    """noVNC gives its text only to a server that asks: a plain one would never get any."""
    viewer = on_a_server_with()
    viewer.send(extended_cut_text(NOTIFY | 1, kind=6))
    assert viewer.decoder.messages[-1].body[3:] == struct.pack(">iI", -4, REQUEST | 1)


def test_rights_come_first() -> None:
    viewer = on_a_server_with(policy=Policy(clipboard=Clipboard.FROM_VM))
    seen = len(viewer.browser)
    assert viewer.send(extended_cut_text(NOTIFY | 1, kind=6)) == b""
    assert viewer.send(extended_cut_text(PROVIDE | 1, provided(b"x\0"), kind=6)) == b""
    assert len(viewer.browser) == seen


def test_fence_requests_are_answered_by_the_gateway() -> None:
    viewer = on_a_server_with()
    viewer.send(messages.fence(0x8000_0001, b"abc"))
    answer = viewer.decoder.messages[-1]
    assert answer.kind is ServerMessage.FENCE
    assert answer.body[3:] == b"\0\0\0\1\3abc"


def test_set_desktop_size_is_refused() -> None:
    viewer = on_a_server_with()
    viewer.send(messages.set_desktop_size(9, 9))
    assert viewer.decoder.desktop.size_answers[-1] == (1, 1)
    assert (viewer.decoder.framebuffer.width, viewer.decoder.framebuffer.height) == (40, 30)


def test_answers_wait_for_the_end_of_the_server_s_message() -> None:
    """What the gateway says may stand only between two messages, however slow the server is."""
    viewer = on_a_server_with(update(rectangle(RAW, bytes(10), width=2, height=2), count=2))
    seen = len(viewer.browser)
    viewer.send(messages.fence(0x8000_0000, b"abc") + messages.set_desktop_size(9, 9))
    assert len(viewer.browser) == seen
    rest = bytes(6) + rectangle(RAW, bytes(4), width=1, height=1)
    refused = b"\0\0\0\1" + struct.pack(">HHHHi", 1, 1, 40, 30, EXTENDED_DESKTOP_SIZE) + bytes(4)
    next_update = update(rectangle(RAW, b"x", width=1, height=1))
    assert viewer.feed(rest[:-1]) == rest[:-1]
    assert viewer.feed(rest[-1:] + next_update) == rest[-1:] + fence(0, b"abc") + refused + next_update


def test_continuous_updates_are_imitated_by_requests() -> None:
    """§4: after each update an incremental request of our own."""
    viewer = on_a_server_with(b"", messages.continuous_updates(0, 0, 40, 30, enable=True))
    for _ in range(3):
        viewer.upstream.clear()
        viewer.feed(update(rectangle(RAW, bytes(4), width=1, height=1)))
        assert bytes(viewer.upstream) == REQUEST_ALL
    viewer.feed(update(rectangle(RAW, bytes(4800), width=40, height=30)))
    assert viewer.server.refreshed
    viewer.upstream.clear()
    viewer.feed(update(rectangle(RAW, bytes(4), width=1, height=1)), [1])
    assert bytes(viewer.upstream) == REQUEST_ALL
    viewer.upstream.clear()
    viewer.send(messages.continuous_updates(0, 0, 0, 0, enable=False))
    viewer.feed(update(rectangle(RAW, bytes(4), width=1, height=1)))
    assert bytes(viewer.upstream) == b""


def test_a_format_changes_with_the_end_of_imitated_updates() -> None:
    """The end is the mark of the new format: it comes after the last update in the old one."""
    viewer = on_a_server_with(b"", messages.continuous_updates(0, 0, 40, 30, enable=True))
    viewer.feed(update(rectangle(RAW, bytes(4), width=1, height=1)))
    seen = len(viewer.browser)
    viewer.send(messages.continuous_updates(0, 0, 0, 0, enable=False) + messages.set_pixel_format(RGB565))
    viewer.send(messages.continuous_updates(0, 0, 40, 30, enable=True))
    assert len(viewer.browser) == seen
    old = update(rectangle(RAW, bytes(4), width=1, height=1))
    while not viewer.memory.formats.settled:
        assert END not in viewer.feed(old[:-1])
        viewer.feed(old[-1:])
    assert viewer.browser.endswith(END)
    viewer.decoder.pixel_format = RGB565
    viewer.feed(update(rectangle(RAW, bytes(2), width=1, height=1)))
    assert viewer.decoder.idle


@pytest.mark.parametrize(
    "message",
    [
        messages.qemu_key(0x61, 30, down=True),
        extended_pointer_event(0x185, 3, 4),
        bytes([250, 0, 1, 2]),
        messages.fence(0, b"new"),
        messages.fence(0x8000_0000, b"request"),
        messages.set_desktop_size(9, 9),
        messages.continuous_updates(0, 0, 9, 9, enable=True),
        b"\xff\1\0\0",
        extended_cut_text(PROVIDE | 1, provided(b"x"), kind=6),
    ],
    ids=lambda message: message[:2].hex(),
)
def test_what_the_new_server_has_passes_again(message: bytes) -> None:
    viewer = on_a_server_with(EVERYTHING)
    assert viewer.send(message) == message


def test_capabilities_that_are_new_are_announced_and_used() -> None:
    viewer = Viewer(Drawing(40, 30, 1).server_init, RGB888, ALL)
    viewer.lose()
    viewer.join(Drawing(40, 30, 2).server_init)
    assert viewer.feed(EVERYTHING) == EVERYTHING
    message = messages.fence(0x8000_0000, b"x") + messages.qemu_key(0x61, 30, down=True)
    assert viewer.send(message) == message


def test_text_from_a_server_without_the_extension_passes() -> None:
    viewer = on_a_server_with()
    assert viewer.feed(cut_text(b"plain")) == cut_text(b"plain")
