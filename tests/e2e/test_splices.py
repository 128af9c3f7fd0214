"""What a session has going on with real servers when one of them is lost: fences in both directions, sound."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from support.chaos.cutter import Cutter, cutter
from support.chaos.plan import Way
from support.chaos.scenes import desk
from support.components import needs
from support.gateway import MANY_DIALS, Gateway, gateway
from support.guest import client_messages
from support.programs import eventually
from support.rfb_client import messages
from support.rfb_client.client import RfbClient
from support.rfb_client.wire import ClientMessage, Encoding, ServerMessage
from support.servers.qemu import qemu
from support.tap import Tap, after_client_init, tapped
from support.viewing import FLOWING, PSEUDO

pytestmark = pytest.mark.asyncio(loop_scope="module")

REQUEST, BLOCK_BEFORE = 1 << 31, 1
HANDSHAKE = 12 + 1 + 1  # bytes of a client that speaks RFB 3.8 with security None
AUDIO_FORMAT, ENABLE_AUDIO = struct.pack(">BBHBBI", 255, 1, 2, 3, 2, 44100), struct.pack(">BBH", 255, 1, 0)


@dataclass(frozen=True, slots=True)
class House:
    gateway: Gateway
    cutters: dict[str, Cutter]
    taps: dict[str, Tap]

    def heard(self, console: str) -> list[bytes]:
        """What the server has got on its newest connection."""
        newest = self.taps[console].connections[-1]
        sent, got = bytes(newest.from_server), bytes(newest.from_client)
        return client_messages(after_client_init(sent, got)) if len(got) > HANDSHAKE else []

    def fences(self, console: str) -> list[bytes]:
        return [message for message in self.heard(console) if message[0] == ClientMessage.FENCE]

    async def lose(self, console: str) -> None:
        """Lose the upstream, and get none until `find`."""
        cuts = self.cutters[console]
        cuts.up, dials = False, len(cuts.dials)
        await cuts.cut(Way.FIN)
        await eventually(lambda: len(cuts.dials) > dials, what="the gateway's attempt")

    async def find(self, console: str, client: RfbClient) -> None:
        self.cutters[console].up = True
        client.decoder.framebuffer.watch()
        async with asyncio.timeout(20):
            while not client.decoder.framebuffer.covered:
                await client.next_messages(20)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(module_artifacts: Path) -> AsyncIterator[House]:
    logs = module_artifacts
    async with (
        desk(logs=logs, size=(320, 240)) as one,
        qemu(logs=logs, audio=True) as machine,
        tapped(one.address) as of_xvnc,
        tapped(machine.tcp) as of_qemu,
        cutter(of_xvnc.address) as first,
        cutter(of_qemu.address) as second,
    ):
        await one.thaw()
        cutters = {"xvnc": first, "qemu": second}
        consoles = {name: cuts.address for name, cuts in cutters.items()}
        async with gateway(consoles, logs=logs, provider=MANY_DIALS) as running:
            yield House(running, cutters, {"xvnc": of_xvnc, "qemu": of_qemu})


@contextlib.asynccontextmanager
async def flowing(house: House) -> AsyncIterator[RfbClient]:
    """A client of Xvnc's under continuous updates, with fences."""
    house.cutters["xvnc"].up = True
    async with house.gateway.client("xvnc") as client:
        await client.set_up([Encoding.HEXTILE, *FLOWING])
        await client.request(incremental=False)
        await client.go_continuous()
        yield client


async def answers(client: RfbClient, payload: bytes) -> list[int]:
    """Wait for an answer to a fence, and a little longer; the flags of all that came."""
    async with asyncio.timeout(20):
        while not (found := _answers(client, payload)):
            await client.next_messages(20)
    await client.follow(0.1)
    return found


def _answers(client: RfbClient, payload: bytes) -> list[int]:
    fences = [one.body for one in client.decoder.messages if one.kind is ServerMessage.FENCE]
    flags = [int.from_bytes(body[3:7], "big") for body in fences if body[8:] == payload]
    return [one for one in flags if not one & REQUEST]


@needs("xvnc", "xterm", "qemu")
async def test_each_fence_of_the_browser_is_answered_once_whoever_is_lost(house: House) -> None:
    async with flowing(house) as client:
        await client.send(messages.fence(REQUEST | BLOCK_BEFORE, b"server"))
        assert await answers(client, b"server") == [BLOCK_BEFORE]
        house.cutters["xvnc"].stall()
        await client.send(messages.fence(REQUEST | BLOCK_BEFORE, b"lost"))
        await house.lose("xvnc")
        await client.send(messages.fence(REQUEST | BLOCK_BEFORE, b"away"))
        assert await answers(client, b"away") == [BLOCK_BEFORE]
        assert await answers(client, b"lost") == [BLOCK_BEFORE]
        await house.find("xvnc", client)
        await client.send(messages.fence(REQUEST | BLOCK_BEFORE, b"next"))
        assert await answers(client, b"next") == [BLOCK_BEFORE]
        for payload in (b"server", b"lost", b"away"):
            assert len(_answers(client, payload)) == 1
        asked = [message[9:] for message in house.fences("xvnc") if message[4] & 0x80]
        assert asked == [b"next"]


@needs("xvnc", "xterm", "qemu")
async def test_late_answers_to_a_server_that_is_gone_reach_no_other(house: House) -> None:
    async with flowing(house) as client:
        client.late = []
        async with asyncio.timeout(20):
            while not client.late:
                await client.next_messages(20)
        await house.lose("xvnc")
        await client.follow(0.2)
        for_the_old = len(client.late)
        await house.find("xvnc", client)
        async with asyncio.timeout(20):
            while len(client.late) == for_the_old:
                await client.next_messages(20)
        dials = len(house.cutters["xvnc"].dials)
        late, client.late = client.late, None
        await client.send(b"".join(late))
        await eventually(lambda: len(house.fences("xvnc")) >= len(late) - for_the_old, what="the newer answers")
        assert house.fences("xvnc")[: len(late) - for_the_old] == late[for_the_old:]
        await client.send(messages.fence(REQUEST, b"alive"))
        assert await answers(client, b"alive") == [0]
        assert len(house.cutters["xvnc"].dials) == dials


@needs("xvnc", "xterm", "qemu")
async def test_sound_goes_on_with_the_next_server(house: House) -> None:
    async with house.gateway.client("qemu") as client:
        await client.set_up([Encoding.HEXTILE, Encoding.QEMU_AUDIO, *PSEUDO])
        await client.cover()
        assert Encoding.QEMU_AUDIO in client.decoder.desktop.announced
        await client.send(AUDIO_FORMAT + ENABLE_AUDIO)
        await client.cover()
        await house.lose("qemu")
        await house.find("qemu", client)
        *_, audio_format, enable, request = house.heard("qemu")[:5]
        assert [audio_format, enable] == [AUDIO_FORMAT, ENABLE_AUDIO]
        assert request[:2] == bytes((ClientMessage.FRAMEBUFFER_UPDATE_REQUEST, 0))
        dials = len(house.cutters["qemu"].dials)
        await client.cover()
        assert len(house.cutters["qemu"].dials) == dials, "QEMU has taken it"
