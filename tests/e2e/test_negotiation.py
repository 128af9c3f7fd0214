"""What is agreed on at the beginning: protocol versions, security, encodings."""

import contextlib
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from support.components import needs
from support.gateway import Gateway, gateway
from support.programs import eventually
from support.rfb_client.client import capture_raw, websocket_client
from support.rfb_client.wire import Encoding, jpeg_quality
from support.servers.address import Address
from support.servers.painter import Painter
from support.servers.qemu import qemu
from support.servers.xserver import x11vnc, xvfb
from support.tap import Tap, after_client_init, tapped
from support.viewing import POINTER, PSEUDO

pytestmark = pytest.mark.asyncio(loop_scope="module")

# rfb.md §1: kept in order, all else dropped.
PIXELS = [0, 1, 2, 4, 5, 6, 7, 16, 17, 21, 50, -260]
KEPT = [*PIXELS, -223, -224, -232, -239, -240, -257, -258, -259, -261, -307, -308, -309, -312, -313, -316]
KEPT += [0x574D5664, 0x574D5666, 0x574D5668, 0xC0A1E5CE - 2**32, -32, -23, -512, -412, -256, -247, -768, -763]
# WMVi, gii, VMware's cursor position, CursorWithAlpha, TRLE, ZlibHex, neighbours of ranges, and numbers of nobody
DROPPED = [0x574D5669, -305, 0x574D5667, -317, -314, 15, 8, -33, -22, -513, -411, -257 - 1000, -246, -769, -762, 3, 999]


@dataclass(frozen=True, slots=True)
class House:
    """A QEMU with sound behind a tap and the gateway."""

    tap: Tap
    gateway: Gateway

    def heard(self) -> bytes:
        """What QEMU has heard after ClientInit on its newest connection."""
        connection = self.tap.connections[-1]
        return after_client_init(bytes(connection.from_server), bytes(connection.from_client))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(module_artifacts: Path) -> AsyncIterator[House]:
    logs = module_artifacts
    async with (
        qemu(logs=logs, audio=True) as guest,
        tapped(guest.tcp) as tap,
        gateway({"vm": tap.address}, logs=logs) as running,
    ):
        yield House(tap, running)


@needs("qemu")
async def test_encodings_that_the_gateway_cannot_frame_are_not_asked_for(house: House) -> None:
    """Kept and dropped ones mixed: the server hears the kept ones in the browser's order."""
    kept, dropped = KEPT[::-1], iter(DROPPED)
    mixed = [number for one in kept for number in (one, next(dropped, one))]
    wanted = [number for number in mixed if number in KEPT]
    async with house.gateway.client("vm") as client:
        await client.set_up(mixed, None)

        def heard() -> list[int]:
            data = house.heard()
            count = int.from_bytes(data[2:4], "big") if len(data) >= 4 else 0
            body = data[4 : 4 + 4 * count]
            return list(struct.unpack(f">{count}i", body)) if body and len(body) == 4 * count else []

        await eventually(lambda: bool(heard()), within=5)
        assert list(dict.fromkeys(heard())) == list(dict.fromkeys(wanted))
        await client.cover()


@needs("xvfb", "x11vnc")
async def test_servers_of_every_protocol_version(artifacts: Path) -> None:
    """RFB 3.3, 3.7 and 3.8, without and with a password, as libvncserver speaks them."""
    cases = [(version, password) for version in ("3.3", "3.7", "3.8") for password in (None, "sesame")]
    async with contextlib.AsyncExitStack() as stack:
        display = await stack.enter_async_context(xvfb(logs=artifacts, geometry=(320, 240)))
        with Painter(display) as painter:
            for _ in range(20):
                painter.step(320, 240)
        servers: dict[str, Address] = {}
        for version, password in cases:
            name = f"v{version[-1]}-{'open' if password is None else 'locked'}"
            start = x11vnc(display, logs=artifacts, password=password, options=["-rfbversion", version])
            servers[name] = await stack.enter_async_context(start)
        running = await stack.enter_async_context(gateway(servers, logs=artifacts))
        for name, server in servers.items():
            truth = await capture_raw(server.host, server.port, password=server.password, pointer=POINTER)
            async with running.client(name) as client:
                await client.set_up([Encoding.ZRLE, *PSEUDO])
                assert (await client.capture() == truth).all(), name


@needs("qemu")
async def test_sound_may_be_asked_for(house: House) -> None:
    """QEMU's audio messages pass; the pictures go on."""
    async with house.gateway.client("vm") as client:
        await client.set_up([Encoding.TIGHT, jpeg_quality(6), Encoding.QEMU_AUDIO, *PSEUDO])
        await client.cover()
        assert Encoding.QEMU_AUDIO in client.decoder.desktop.announced
        audio_format, enable = struct.pack(">BBHBBI", 255, 1, 2, 3, 2, 44100), struct.pack(">BBH", 255, 1, 0)
        await client.send(audio_format + enable)
        await client.cover()
        assert house.heard() == client.sent


@needs("qemu")
@pytest.mark.parametrize("version", ["3.3", "3.7"])
async def test_a_browser_that_speaks_an_older_version_is_served(house: House, version: str) -> None:
    """The gateway offers 3.8; RFC 6143 §7.1.1 lets a client answer with less."""
    async with websocket_client(await house.gateway.address("vm"), version=version) as client:
        await client.set_up([Encoding.ZRLE, *PSEUDO])
        await client.cover()
