"""Every encoding in every pixel format, decoded by the tests' own client, shows what Raw shows."""

import numpy as np
import pytest
from support.desktop_server import shows
from support.rfb_client import messages
from support.rfb_client.client import RfbClient, tcp_client
from support.rfb_client.rectangles import Rectangle
from support.rfb_client.wire import RGB888, Encoding, PixelFormat, compression

from gateway.simulator.desktop.colours import Colours
from gateway.simulator.desktop.handshake import ServerOptions
from gateway.simulator.desktop.wire import Encoding as Spoken

FORMATS = {
    "rgb888": RGB888,
    "bgr888": PixelFormat(shifts=(16, 8, 0)),
    "big-endian": PixelFormat(big_endian=True, shifts=(24, 16, 8)),
    "depth 30": PixelFormat(depth=30, maxima=(1023, 1023, 1023), shifts=(20, 10, 0)),
    "rgb565": PixelFormat(bits_per_pixel=16, depth=16, maxima=(31, 63, 31), shifts=(11, 5, 0)),
    "rgb555 big-endian": PixelFormat(
        bits_per_pixel=16, depth=15, big_endian=True, maxima=(31, 31, 31), shifts=(10, 5, 0)
    ),
    "bgr233": PixelFormat(bits_per_pixel=8, depth=8, maxima=(7, 7, 3), shifts=(0, 3, 6)),
    "colour map": PixelFormat(bits_per_pixel=8, depth=8, true_colour=False, maxima=(0, 0, 0), shifts=(0, 0, 0)),
}
PICTURES = (Encoding.TIGHT, Encoding.ZRLE, Encoding.HEXTILE, Encoding.ZLIB)


def rectangles(client: RfbClient) -> list[Rectangle]:
    return [rect for message in client.decoder.messages for rect in message.rectangles]


async def test_raw_in_the_servers_format_is_the_canvas(server):
    server.make_noise()
    async with tcp_client("127.0.0.1", await server.listen()) as client:
        await client.set_up([Encoding.RAW], None)
        picture = await client.capture(settle=0.05)
    assert picture.tobytes() == server.desktop.rgb()


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("encoding", PICTURES)
async def test_an_encoding_shows_what_raw_shows(server, encoding, name):
    server.desktop.resize(330, 250)
    server.make_noise()
    port = await server.listen()
    async with tcp_client("127.0.0.1", port) as raw, tcp_client("127.0.0.1", port) as client:
        await raw.set_up([Encoding.RAW], FORMATS[name])
        await client.set_up([encoding, Encoding.LAST_RECT, compression(6)], FORMATS[name])
        expected = await raw.capture(settle=0.05)
        picture = await client.capture(settle=0.05)
    assert np.array_equal(picture, expected)


async def test_a_wrong_bit_in_an_encoding_is_seen(server, monkeypatch):
    """The comparison itself can fail."""
    packed = Colours.packed
    monkeypatch.setattr(Colours, "packed", lambda self, bits: packed(self, bits)[1:] + b"\0")
    async with tcp_client("127.0.0.1", await server.listen()) as client:
        await client.set_up([Encoding.ZRLE], None)
        picture = await client.capture(settle=0.05)
    assert picture.tobytes() != server.desktop.rgb()


@pytest.mark.parametrize("encoding", [Encoding.RAW, *PICTURES])
@pytest.mark.parametrize("continuous", [False, True])
async def test_a_scrolling_picture_stays_right_with_copy_rect(server, encoding, continuous):
    extensions = [Encoding.FENCE, Encoding.CONTINUOUS_UPDATES] if continuous else []
    async with tcp_client("127.0.0.1", await server.listen()) as client:
        await client.set_up([encoding, Encoding.COPY_RECT, Encoding.LAST_RECT, *extensions])
        if continuous:
            await client.go_continuous()
        await client.cover()
        for step in range(8):
            server.type(f"seq {step}\n")
            server.desktop.tick(step)
            server.desktop.pointer(600 + 10 * step, 400 + 7 * step, step % 3)
            await client.follow(0.01)
        await shows(client, server)
        kinds = {rect.encoding for rect in rectangles(client)}
    assert Encoding.COPY_RECT in kinds


async def test_a_server_without_an_encoding_does_not_use_it(server):
    options = ServerOptions(without=frozenset({Spoken.TIGHT, Spoken.COPY_RECT, Spoken.LAST_RECT}))
    async with tcp_client("127.0.0.1", await server.listen(options)) as client:
        await client.set_up([Encoding.COPY_RECT, Encoding.TIGHT, Encoding.ZRLE, Encoding.LAST_RECT])
        await client.capture(settle=0.05)
        kinds = {rect.encoding for rect in rectangles(client)}
    assert kinds == {Encoding.ZRLE}


async def test_only_the_area_that_was_asked_for_is_sent(server):
    async with tcp_client("127.0.0.1", await server.listen()) as client:
        await client.set_up([Encoding.RAW])
        await client.send(messages.update_request(10, 20, 30, 40, incremental=False))
        while not rectangles(client):
            await client.next_messages()
        rect = rectangles(client)[0]
    assert (rect.x, rect.y, rect.width, rect.height) == (10, 20, 30, 40)
