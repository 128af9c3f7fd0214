"""The independent decoder where no recording leads: hand-made rectangles and messages, right ones and wrong ones."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from support.rfb_client.decoder import Decoder
from support.rfb_client.pixels import DecodeError, Palette
from support.rfb_client.wire import RGB888, Encoding, PixelFormat, ServerMessage
from support.servers.painter import gradient

SIZE = (20, 18)  # more than one Hextile tile in each direction
E = Encoding


def update(*rectangles: bytes, count: int | None = None) -> bytes:
    return struct.pack(">BxH", 0, len(rectangles) if count is None else count) + b"".join(rectangles)


def rectangle(encoding: int, body: bytes = b"", place: tuple[int, int, int, int] = (0, 0, *SIZE)) -> bytes:
    return struct.pack(">4Hi", *place, encoding) + body


def decode(data: bytes, pixel_format: PixelFormat = RGB888) -> Decoder:
    decoder = Decoder(*SIZE, pixel_format)
    decoder.feed(data)
    return decoder


def jpeg(quality: int = 90) -> bytes:
    file = io.BytesIO()
    Image.fromarray(gradient(*SIZE, 3)).save(file, "JPEG", quality=quality)
    return file.getvalue()


@pytest.mark.parametrize(
    ("pixel_format", "pixel", "compact"),
    [
        (RGB888, "112233ff", "112233"),
        (PixelFormat(big_endian=True), "ff332211", "332211"),
        (PixelFormat(shifts=(24, 16, 8)), "ff332211", "332211"),
        (PixelFormat(big_endian=True, shifts=(24, 16, 8)), "112233ff", "112233"),
        (PixelFormat(depth=32), "112233ff", "112233ff"),
    ],
)
def test_pixels_and_compact_pixels_have_the_same_colours(pixel_format: PixelFormat, pixel: str, compact: str) -> None:
    palette = Palette(pixel_format)
    assert pixel_format.compact_pixel == len(compact) // 2
    for colours in (palette.pixels(bytes.fromhex(pixel)), palette.compact(bytes.fromhex(compact))):
        assert colours.tolist() == [[0x11, 0x22, 0x33]]


def test_hextile_carries_colours_from_tile_to_tile() -> None:
    """Four tiles: background and foreground given, both kept, raw, and kept again over it."""
    red, blue = bytes((255, 0, 0, 0)), bytes((0, 0, 255, 0))
    first = bytes((2 | 4 | 8,)) + red + blue + bytes((1, 0x11, 0x00))  # one pixel at 1,1
    second = bytes((8, 1, 0x00, 0x00))
    third = b"\x01" + bytes((0, 255, 0, 0)) * (16 * 2)
    decoder = decode(update(rectangle(E.HEXTILE, first + second + third + b"\x00")))
    picture = decoder.framebuffer.colours
    assert picture[1, 1].tolist() == picture[0, 16].tolist() == [0, 0, 255]
    assert picture[0, 0].tolist() == picture[17, 19].tolist() == [255, 0, 0]
    assert picture[17, 0].tolist() == [0, 255, 0]
    assert decoder.idle


def test_tight_with_two_colours_begins_each_row_on_a_byte() -> None:
    body = bytes((0x50, 1, 1)) + bytes((1, 1, 1, 9, 9, 9)) + b"\x80\x40\x20"  # 3 wide: one byte a row, less than 12
    decoder = decode(update(rectangle(E.TIGHT, body, (0, 0, 3, 3))))
    assert (decoder.framebuffer.colours[:3, :3, 0] == [[9, 1, 1], [1, 9, 1], [1, 1, 9]]).all()
    assert decoder.messages[0].rectangles[0].detail == "plain palette"


def test_tight_gradient_is_undone() -> None:
    """Differences made by the definition, one pixel after the other, are undone by diagonals."""
    picture = np.random.default_rng(5).integers(0, 256, (SIZE[1], SIZE[0], 3)).astype(int)
    padded = np.pad(picture, ((1, 0), (1, 0), (0, 0)))
    guess = np.clip(padded[1:, :-1] + padded[:-1, 1:] - padded[:-1, :-1], 0, 255)
    data = zlib.compress(((picture - guess) & 255).astype(np.uint8).tobytes())
    length = bytes((len(data) & 127 | 128, len(data) >> 7))
    decoder = decode(update(rectangle(E.TIGHT, b"\x40\x02" + length + data)))
    assert (decoder.framebuffer.colours == picture).all()


def test_a_jpeg_rectangle_ends_at_its_marker_and_lends_its_tables() -> None:
    """JPEG (21): a second file of the same tables may leave them out."""
    whole = jpeg()
    at, bare = 2, bytearray(whole[:2])
    while whole[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(whole[at + 2 : at + 4], "big")
        bare += b"" if whole[at + 1] in (0xC4, 0xDB) else whole[at:end]
        at = end
    bare += whole[at:]
    decoder = decode(update(rectangle(E.JPEG, whole), rectangle(E.JPEG, bytes(bare))))
    assert decoder.idle
    assert np.abs(decoder.framebuffer.colours.astype(int) - gradient(*SIZE, 3)).mean() < 8


BODIES = {
    "cursor": (E.CURSOR, bytes(9 * 3 * 4 + 2 * 3), (1, 1, 9, 3)),
    "empty cursor": (E.CURSOR, b"", (0, 0, 0, 0)),
    "x cursor": (E.X_CURSOR, bytes(6 + 2 * 2 * 3), (1, 1, 9, 3)),
    "empty x cursor": (E.X_CURSOR, b"", (0, 0, 0, 0)),
    "alpha cursor": (E.CURSOR_WITH_ALPHA, bytes(4 + 9 * 3 * 4), (1, 1, 9, 3)),
    "vmware cursor": (E.VMWARE_CURSOR, b"\0\0" + bytes(2 * 9 * 3 * 4), (1, 1, 9, 3)),
    "vmware alpha cursor": (E.VMWARE_CURSOR, b"\1\0" + bytes(9 * 3 * 4), (1, 1, 9, 3)),
    "vmware state": (E.VMWARE_STATE, b"", (0, 0, 0, 0)),
    "vmware led": (E.VMWARE_LED, bytes(4), (0, 0, 0, 0)),
    "led": (E.QEMU_LED, b"\3", (0, 0, 0, 0)),
    "name": (E.DESKTOP_NAME, b"\0\0\0\3abc", (0, 0, 0, 0)),
    "extended size": (E.EXTENDED_DESKTOP_SIZE, b"\2\0\0\0" + bytes(32), (0, 0, *SIZE)),
    "h264": (E.H264, b"\0\0\0\5\0\0\0\0hello", (0, 0, *SIZE)),
    "empty raw": (E.RAW, b"", (3, 3, 0, 0)),
    "empty hextile": (E.HEXTILE, b"", (3, 3, 0, 5)),
}


@pytest.mark.parametrize("name", BODIES)
def test_every_rectangle_ends_where_it_should(name: str) -> None:
    encoding, body, place = BODIES[name]
    whole = rectangle(encoding, body, place)
    decoder = decode(update(whole, rectangle(E.LAST_RECT), count=65535) + b"\x02")
    assert [message.kind for message in decoder.messages] == [ServerMessage.FRAMEBUFFER_UPDATE, ServerMessage.BELL]
    first, last = decoder.messages[0].rectangles
    assert (first.start, first.end) == (4, 4 + len(whole))
    assert last.encoding == E.LAST_RECT
    assert decoder.idle


@pytest.mark.parametrize(
    "message",
    [
        struct.pack(">BxHH", 1, 0, 3) + bytes(18),
        struct.pack(">B3xi", 3, 5) + b"hello",
        struct.pack(">B3xi", 3, -5) + b"hello",
        struct.pack(">B3xIB", 248, 1, 3) + b"abc",
        b"\x96",
        b"\xfa\0\1\1",
        b"\xff\1\0\1",
        b"\xff\1\0\2\0\0\0\3abc",
    ],
)
def test_every_message_ends_where_it_should(message: bytes) -> None:
    decoder = decode(message + b"\x02")
    assert [(each.start, each.end) for each in decoder.messages] == [
        (0, len(message)),
        (len(message), len(message) + 1),
    ]


def test_a_refused_size_changes_nothing_and_a_granted_one_does() -> None:
    screens = b"\1\0\0\0" + bytes(16)
    decoder = decode(update(rectangle(E.EXTENDED_DESKTOP_SIZE, screens, (1, 3, 50, 60))))
    assert (decoder.framebuffer.width, decoder.framebuffer.height) == SIZE
    decoder.feed(update(rectangle(E.EXTENDED_DESKTOP_SIZE, screens, (1, 0, 50, 60))))
    assert (decoder.framebuffer.width, decoder.framebuffer.height) == (50, 60)
    assert decoder.desktop.size_answers == [(1, 3), (1, 0)]


@pytest.mark.parametrize(
    "data",
    [
        b"\x63",
        update(rectangle(12345)),
        update(rectangle(E.RAW, place=(0, 0, 21, 1)) + bytes(84)),
        update(rectangle(E.RRE, b"\0\0\0\1" + bytes(4) + bytes(4) + struct.pack(">4H", 19, 0, 2, 1))),
        update(rectangle(E.ZLIB, b"\0\0\0\4abcd")),
        update(rectangle(E.ZRLE, b"\0\0\0\x09" + zlib.compress(b"\x7f"))),
        update(rectangle(E.TIGHT, b"\xb0")),
        update(rectangle(E.TIGHT, b"\x90\x03abc")),
        update(rectangle(E.TIGHT, b"\x40\x07")),
        update(rectangle(E.JPEG, b"no")),
        b"\xff\2\0\0",
    ],
)
def test_what_cannot_be_is_an_error(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode(data)


def test_half_a_message_is_not_idle() -> None:
    decoder = decode(update(rectangle(E.RAW))[:7])
    assert not decoder.idle
    assert decoder.messages == []
