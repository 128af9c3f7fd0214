"""What a viewer of the desktop can rely on, over TCP with the tests' own client."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from support.desktop_server import DesktopServer, follow_until, shows
from support.programs import eventually
from support.rfb_client import messages
from support.rfb_client.client import ConnectionEndedError, RfbClient, tcp_client
from support.rfb_client.handshake import HandshakeRefusedError
from support.rfb_client.wire import Encoding, ServerMessage

from gateway.simulator.desktop.handshake import ServerOptions

HOST = "127.0.0.1"


@pytest.mark.parametrize("password", [None, "secret", "longer than eight"])
@pytest.mark.parametrize("version", ["3.3", "3.7", "3.8"])
@pytest.mark.parametrize("highest", [3, 7, 8])
async def test_every_version_and_password_gets_in(server, version, password, highest):
    port = await server.listen(ServerOptions(version=highest, password=password))
    async with tcp_client(HOST, port, version=min(version, f"3.{highest}"), password=password) as client:
        assert (client.server_init.width, client.server_init.height) == (800, 600)
        await client.set_up([Encoding.HEXTILE])
        await client.cover()


@pytest.mark.parametrize("version", ["3.7", "3.8"])
async def test_a_wrong_password_is_refused(server, version):
    port = await server.listen(ServerOptions(password="right"))
    with pytest.raises((HandshakeRefusedError, ConnectionEndedError)):
        async with tcp_client(HOST, port, password="wrong", version=version):
            pass
    assert not server.desktop.viewers


async def test_a_server_may_offer_only_types_that_nobody_knows(server):
    port = await server.listen(ServerOptions(security=(18, 129)))
    reader, writer = await asyncio.open_connection(HOST, port)
    assert await reader.readexactly(12) == b"RFB 003.008\n"
    writer.write(b"RFB 003.008\n")
    assert await reader.readexactly(3) == bytes([2, 18, 129])
    writer.close()


async def test_typed_keys_are_echoed_and_noted(server):
    async with watching(server) as client:
        before = client.picture.copy()
        await client.send(messages.key(ord("h"), down=True) + messages.key(ord("h"), down=False))
        await follow_until(client, lambda: bool((client.picture != before).any()))
        assert list(server.desktop.events.keys) == [(ord("h"), True), (ord("h"), False)]
        assert not server.desktop.events.held


async def test_keys_of_qemus_kind_count_once_the_client_knows_them(server):
    async with watching(server, Encoding.QEMU_KEYS) as client:
        assert Encoding.QEMU_KEYS in kinds(client)
        await client.send(messages.qemu_key(ord("x"), 45, down=True))
        await eventually(lambda: (ord("x"), True) in server.desktop.events.keys)


async def test_the_pointer_paints(server):
    async with watching(server) as client:
        await client.send(messages.pointer(600, 400, 1) + messages.pointer(700, 480, 1))
        await eventually(lambda: len(server.desktop.events.pointers) == 2)
        await shows(client, server)
        assert list(client.picture[440, 650]) == [0xF4, 0x72, 0xB6]


def test_ctrl_alt_del_is_told(server):
    held = (0xFFE3, 0xFFE9, 0xFFFF)
    for keysym in held:
        server.desktop.key(keysym, down=True)
    assert server.desktop.events.held == set(held)
    for keysym in held:
        server.desktop.key(keysym, down=False)
    assert not server.desktop.events.held


async def test_the_clipboard_goes_both_ways(server):
    async with watching(server) as client:
        await client.send(messages.cut_text("from the browser"))
        await eventually(lambda: server.desktop.clipboard == "from the browser")
        server.type("copy to the browser\n")
        message = await client.until(ServerMessage.SERVER_CUT_TEXT)
        assert message.body[7:] == b"to the browser"


async def test_a_bell_rings(server):
    async with watching(server) as client:
        server.type("bell\n")
        await client.until(ServerMessage.BELL)


async def test_the_cursor_has_a_shape(server):
    async with watching(server, Encoding.CURSOR) as client:
        assert Encoding.CURSOR in kinds(client)


async def test_a_new_name_is_told(server):
    async with watching(server, Encoding.DESKTOP_NAME) as client:
        server.desktop.rename("vm-2")
        await follow_until(client, lambda: client.decoder.desktop.name == "vm-2")


async def test_a_client_may_choose_the_size(server):
    async with (
        watching(server, Encoding.EXTENDED_DESKTOP_SIZE) as client,
        watching(server, Encoding.DESKTOP_SIZE) as other,
    ):
        await client.send(messages.set_desktop_size(1024, 700))
        await follow_until(client, lambda: (1, 0) in client.decoder.desktop.size_answers)
        await shows(client, server)
        await shows(other, server)
        assert other.picture.shape == (700, 1024, 3)


@pytest.mark.parametrize("size", [(10, 10), (5000, 600)])
async def test_sizes_without_sense_are_refused(server, size):
    async with watching(server, Encoding.EXTENDED_DESKTOP_SIZE) as client:
        await client.send(messages.set_desktop_size(*size))
        await follow_until(client, lambda: (1, 3) in client.decoder.desktop.size_answers)
        assert client.picture.shape == (600, 800, 3)


async def test_a_desktop_may_forbid_resizing(server):
    server.desktop.resizable = False
    async with watching(server, Encoding.EXTENDED_DESKTOP_SIZE) as client:
        await client.send(messages.set_desktop_size(640, 480))
        await follow_until(client, lambda: (1, 1) in client.decoder.desktop.size_answers)


async def test_a_client_that_knows_no_sizes_keeps_what_both_have(server):
    async with watching(server) as client:
        server.desktop.resize(400, 900)
        data = server.desktop.rgb()
        both = b"".join(data[row * 1200 : row * 1200 + 1200] for row in range(600))
        await follow_until(client, lambda: client.picture[:600, :400].tobytes() == both)


async def test_a_size_that_changed_before_the_encodings_is_told(server):
    async with tcp_client(HOST, await server.listen()) as client:
        server.desktop.resize(640, 480)
        await client.set_up([Encoding.TIGHT, Encoding.DESKTOP_SIZE])
        await client.request(incremental=False)
        await shows(client, server)


async def test_fences_come_back_without_the_request(server):
    async with watching(server, Encoding.FENCE) as client:
        await client.send(messages.fence(0x80000001, b"here"))
        while (message := await client.until(ServerMessage.FENCE)).body[8:] != b"here":
            pass
        assert message.body[3:7] == bytes([0, 0, 0, 1])


async def test_continuous_updates_end_with_the_message_that_says_so(server):
    async with watching(server, Encoding.FENCE, Encoding.CONTINUOUS_UPDATES) as client:
        await client.go_continuous()
        server.type("now")
        await client.until(ServerMessage.FRAMEBUFFER_UPDATE)
        await client.send(messages.continuous_updates(0, 0, 800, 600, enable=False))
        await client.until(ServerMessage.END_OF_CONTINUOUS_UPDATES)


NOT_OFFERED = {
    "fence": messages.fence(0x80000000, b""),
    "continuous updates": messages.continuous_updates(0, 0, 1, 1, enable=True),
    "size": messages.set_desktop_size(640, 480),
    "qemu": messages.qemu_key(1, 1, down=True),
    "xvp": bytes([250, 0, 1, 2]),
    "gii": bytes([253, 0, 0, 0]),
    "pixels that cannot be": bytes([0, 0, 0, 0, 24, 24, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16, 0, 0, 0]),
    "an endless text": bytes([6, 0, 0, 0, 0x7F, 0, 0, 0]),
    "an extended text": bytes([6, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFC, 0, 0, 0, 0]),
}


@pytest.mark.parametrize("what", NOT_OFFERED)
async def test_what_was_not_offered_ends_the_connection(server, what):
    async with watching(server) as client:
        await client.send(NOT_OFFERED[what])
        with pytest.raises((ConnectionEndedError, ConnectionResetError)):
            await client.follow(5)
    assert not server.desktop.viewers


async def test_a_client_that_reads_nothing_costs_no_memory(server):
    async with watching(server, Encoding.FENCE) as client:
        server_side = next(iter(server.desktop.viewers))
        flood = messages.fence(0x80000000, bytes(64)) * 1000
        sending = asyncio.create_task(_forever(client, flood))
        async with asyncio.timeout(20):
            before = -1
            while before != len(client.sent):  # until the server takes no more
                before = len(client.sent)
                await asyncio.sleep(0.3)
        assert server_side.unsent < 1024 * 1024
        sending.cancel()
        client.transport._writer.transport.abort()  # closing would wait until all is sent


async def test_a_frozen_picture_stands_still_but_notes_input(server):
    async with watching(server) as client:
        server.desktop.frozen = True
        before = server.desktop.rgb()
        server.desktop.tick(1000)
        await client.send(messages.key(ord("a"), down=True) + messages.pointer(600, 400, 1))
        await eventually(lambda: bool(server.desktop.events.pointers))
        assert server.desktop.rgb() == before
        assert server.desktop.events.held == {ord("a")}


@contextlib.asynccontextmanager
async def watching(server: DesktopServer, *extensions: Encoding) -> AsyncIterator[RfbClient]:
    """A client of the desktop that has the whole picture, with those extensions."""
    async with tcp_client(HOST, await server.listen()) as client:
        await client.set_up([Encoding.ZRLE, Encoding.COPY_RECT, *extensions])
        await client.cover()
        yield client


def kinds(client: RfbClient) -> set[int]:
    return {rect.encoding for message in client.decoder.messages for rect in message.rectangles}


async def _forever(client: RfbClient, data: bytes) -> None:
    while True:
        await client.send(data)
