"""Plain Tight rectangles in a row (rfbproto, Tight Encoding), over the ends of updates where nothing is due there."""

from support.rfb_streams import RGB565, RGB888, TIGHT, rectangle, server_init, update

from gateway.rfb.held import HeldBudget, HeldTotal
from gateway.rfb.memory import Memory
from gateway.rfb.pixel_format import PixelFormat
from gateway.rfb.server_stream import ServerStream
from gateway.rfb.splice.report import Note

BELL = b"\2"
EMPTY_UPDATE = update()


def fill(pixel: int = RGB888.tpixel) -> bytes:
    return rectangle(TIGHT, b"\x80" + bytes(pixel), width=16, height=16)


def stream() -> ServerStream:
    return ServerStream(Memory(server_init()), HeldBudget(HeldTotal()))


def receive(server: ServerStream, data: bytes) -> list[bytes]:
    out: list[memoryview | bytes] = []
    server.receive(memoryview(data), out)
    return [bytes(part) for part in out]


def test_updates_taken_in_a_row_leave_as_one_and_are_counted() -> None:
    server = stream()
    data = update(fill()) + update(fill(), fill()) * 4 + BELL
    assert receive(server, data) == [data]
    assert server.memory.formats.updates == 5
    assert server.between_messages


def test_a_row_ends_inside_an_update_at_any_byte() -> None:
    data = update(fill(), fill()) + update(fill(), fill(), fill())
    for cut in range(1, len(data)):
        server = stream()
        assert b"".join(receive(server, data[:cut]) + receive(server, data[cut:])) == data
        assert server.memory.formats.updates == 2
        assert server.between_messages


def test_an_update_without_rectangles_ends_a_row() -> None:
    server = stream()
    out = b"".join(receive(server, update(fill()) + EMPTY_UPDATE + update(fill())))
    assert len(out) > len(update(fill()) * 2 + EMPTY_UPDATE), "it is filled"
    assert server.between_messages


def test_a_row_does_not_pass_an_update_in_a_new_format() -> None:
    """Two updates were asked for, the second after SetPixelFormat."""
    server = stream()
    formats = server.memory.formats
    formats.update_requested()
    asked = PixelFormat.parse(RGB565.wire)
    assert asked is not None
    formats.format_asked(asked)
    formats.update_requested()
    data = update(fill(), fill()) + update(fill(RGB565.tpixel), fill(RGB565.tpixel))
    assert b"".join(receive(server, data)) == data
    assert formats.current is asked
    assert server.between_messages


def test_what_waits_for_a_message_border_leaves_at_the_first() -> None:
    server = stream()
    first, rest = update(fill(), fill()), update(fill()) * 2
    receive(server, first[:30])
    server.memory.seam.tell_browser(Note.SIZE, BELL)
    assert b"".join(receive(server, first[30:] + rest)) == first[16 + 4 :] + BELL + rest
