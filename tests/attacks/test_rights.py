"""Rights on real servers: a user without a right changes nothing on the machine, and one with it does.

Told from the machine's side: by what X and QEMU know of keys, pointers, sizes, clipboards and resets.
"""

import subprocess
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from support.components import needs, program
from support.programs import eventually
from support.rfb_client import messages
from support.rfb_client.client import RfbClient, tcp_client
from support.rfb_client.wire import Encoding, ServerMessage
from support.servers.qemu import Qemu, qemu
from support.servers.xserver import Xvnc, xterm, xvnc
from support.tickets import Bastion, bastion
from support.viewing import PSEUDO

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIZE = (320, 240)
RETURN = 0xFF0D
RESET = bytes((250, 0, 1, 4))
TEXT, CAPS, REQUEST, NOTIFY, PROVIDE = 1, 1 << 24, 1 << 25, 1 << 27, 1 << 28
MANY = "reconnect = { per_minute = 1000 }"


async def everything(client: RfbClient, mark: str) -> None:
    """Type `mark` and Return, press, move, cut, resize; then wait for a picture, so that all of it was heard."""
    for letter in (*map(ord, mark), RETURN):
        await client.send(messages.key(letter, down=True) + messages.key(letter, down=False))
    await client.send(messages.pointer(200, 150, 1) + messages.pointer(200, 150, 0))
    await client.send(messages.cut_text(mark) + messages.set_desktop_size(400, 300))
    await client.send(messages.qemu_key(0x7A, 0x2C, down=True) + messages.qemu_key(0x7A, 0x2C, down=False))
    await client.cover()


def pointer_of(server: Xvnc) -> str:
    command = [program("xdotool"), "getmouselocation"]
    return subprocess.run(command, env={"DISPLAY": server.display.name}, capture_output=True, text=True).stdout


def size_of(server: Xvnc) -> str:
    command = [program("xdotool"), "getdisplaygeometry"]
    return subprocess.run(command, env={"DISPLAY": server.display.name}, capture_output=True, text=True).stdout


@needs("xvnc", "xterm", "xdotool")
async def test_a_view_only_user_changes_nothing_on_an_x_desktop(artifacts: Path) -> None:
    """Beside the control, who does the same with the right to."""
    written = artifacts / "typed.txt"
    async with (
        xvnc(logs=artifacts, geometry=SIZE) as server,
        xterm(server.display, logs=artifacts, script=f"exec cat > '{written}'", place="60x20+0+0"),
        bastion({"vm": server.tcp}, logs=artifacts, provider=MANY) as running,
    ):
        await eventually(written.exists, what="the terminal's shell")
        before = pointer_of(server), size_of(server)
        async with running.client("vm", control=False, power=True) as client:
            await client.set_up([Encoding.ZRLE, *PSEUDO])
            await client.cover()
            await everything(client, "seen")
            assert (pointer_of(server), size_of(server)) == before
            assert client.picture.shape[:2] == (SIZE[1], SIZE[0])
        async with running.client("vm", control=True) as client:
            await client.set_up([Encoding.ZRLE, *PSEUDO])
            await client.send(messages.pointer(40, 40))
            await client.cover()
            await everything(client, "done")
            await eventually(lambda: size_of(server).split() == ["400", "300"], what="the new size")
            assert pointer_of(server).startswith("x:200 y:150")
        await eventually(lambda: written.read_text() != "", what="the typed line")
        assert written.read_text().startswith("done")
        assert "seen" not in written.read_text()


@needs("qemu")
async def test_a_view_only_user_presses_nothing_in_a_guest(artifacts: Path) -> None:
    async with (
        qemu(logs=artifacts, tablet=True) as guest,
        bastion({"vm": guest.tcp}, logs=artifacts, provider=MANY) as running,
    ):
        async with running.client("vm", control=False, power=True) as client:
            await client.set_up([Encoding.TIGHT, *PSEUDO])
            await client.cover()
            await everything(client, "abc")
            assert guest.inputs() == []
        async with running.client("vm", control=True) as client:
            await client.set_up([Encoding.TIGHT, *PSEUDO])
            await client.cover()
            await everything(client, "abc")
            await eventually(lambda: any("qcode z, down 0" in line for line in guest.inputs()), what="the last key")


@dataclass(frozen=True, slots=True)
class House:
    """A guest whose clipboard is used, and the way to it."""

    guest: Qemu
    bastion: Bastion


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(module_artifacts: Path) -> AsyncIterator[House]:
    async with (
        qemu(logs=module_artifacts) as guest,
        bastion({"vm": guest.tcp}, logs=module_artifacts, provider=MANY) as running,
    ):
        yield House(guest, running)


def actions(body: bytes) -> int:
    """What an extended clipboard message says and is about; 0 for a plain one."""
    return int.from_bytes(body[7:11], "big") if int.from_bytes(body[3:7], "big", signed=True) < 0 else 0


async def clipboard(client: RfbClient, wanted: int, within: float = 10.0) -> bytes:
    """The data of the next extended clipboard message that says all of this."""
    while True:
        body = (await client.until(ServerMessage.SERVER_CUT_TEXT, within)).body
        if actions(body) & wanted == wanted:
            return body[11:]


async def pasted(client: RfbClient) -> str:
    """What another viewer has cut, as QEMU gives it out."""
    await clipboard(client, NOTIFY | TEXT)
    await client.send(messages.extended_cut_text(REQUEST | TEXT))
    return zlib.decompressobj().decompress(await clipboard(client, PROVIDE))[4:].rstrip(b"\0").decode()


async def cut(client: RfbClient, text: str, *, extended: bool) -> None:
    """Give QEMU a text: as RFC 6143 does, or on its request as the Extended Clipboard does."""
    if not extended:
        await client.send(messages.cut_text(text))
        return
    data = text.encode() + b"\0"
    packed = zlib.compress(len(data).to_bytes(4, "big") + data)
    await client.send(messages.extended_cut_text(NOTIFY | TEXT) + messages.extended_cut_text(PROVIDE | TEXT, packed))


async def silent(client: RfbClient) -> bool:
    """Whether no text nor notice of one comes before a picture that was asked for last.

    A notice of no text is none: QEMU gives it when a viewer leaves whose text it had, such as that of the test before.
    """
    seen = len(client.decoder.messages)
    await client.cover()
    cuts = [m.body for m in client.decoder.messages[seen:] if m.kind is ServerMessage.SERVER_CUT_TEXT]
    return all(actions(body) and not actions(body) & TEXT for body in cuts)


@needs("qemu")
@pytest.mark.parametrize("extended", [False, True], ids=["plain", "extended"])
@pytest.mark.parametrize(
    ("rights", "to_vm", "from_vm"),
    [
        ({"clipboard": "both"}, True, True),
        ({"clipboard": "to_vm"}, True, False),
        ({"clipboard": "from_vm"}, False, True),
        ({"clipboard": "none"}, False, False),
        ({"clipboard": "both", "control": False}, False, True),
    ],
    ids=["both", "to_vm", "from_vm", "none", "view-only"],
)
async def test_text_passes_in_the_directions_that_are_allowed(
    house: House, rights: dict[str, object], to_vm: bool, from_vm: bool, extended: bool
) -> None:
    """Another viewer of the same QEMU, not through the gateway, is the machine's side.

    QEMU gives text to viewers with the Extended Clipboard only: test_view_only has plain text from a machine.
    """
    address = house.guest.tcp
    async with (
        tcp_client(address.host, address.port) as machine,
        house.bastion.client("vm", **rights) as client,
    ):
        offer = [Encoding.ZRLE, *(code for code in PSEUDO if extended or code != Encoding.EXTENDED_CLIPBOARD)]
        await machine.set_up([Encoding.ZRLE, *PSEUDO])
        await clipboard(machine, CAPS)
        await client.set_up(offer)
        await client.cover()
        await cut(client, "from the browser", extended=extended)
        assert await silent(client)
        if to_vm:
            assert await pasted(machine) == "from the browser"
        else:
            assert await silent(machine)
        await cut(machine, "from the machine", extended=False)
        assert await silent(machine)
        if not from_vm:
            assert await silent(client)
        elif extended and rights.get("control", True):
            assert await pasted(client) == "from the machine"
        elif extended:  # who may send no request is told of the text, and no more
            await clipboard(client, NOTIFY | TEXT)


@needs("qemu")
async def test_power_needs_its_right(artifacts: Path) -> None:
    async with (
        qemu(logs=artifacts, power=True) as guest,
        bastion({"vm": guest.tcp}, logs=artifacts, provider=MANY) as running,
    ):
        for rights in ({"control": True}, {"control": False, "power": True}):
            async with running.client("vm", **rights) as client:
                await client.set_up([Encoding.TIGHT, *PSEUDO])
                await client.cover()
                await client.send(RESET * 3)
                await client.cover()
                assert guest.process.alive
        async with running.client("vm", control=True, power=True) as client:
            await client.set_up([Encoding.TIGHT, *PSEUDO])
            await client.cover()
            await client.send(RESET)
            await guest.process.wait_exit(20)
