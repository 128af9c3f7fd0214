"""The other direction through the gateway: keys, pointer, clipboard and desktop size reach the real server."""

import zlib
from pathlib import Path

from support.components import needs
from support.gateway import gateway
from support.programs import eventually
from support.rfb_client import messages
from support.rfb_client.client import RfbClient, capture_raw, tcp_client
from support.rfb_client.wire import Encoding, ServerMessage
from support.servers.qemu import qemu
from support.servers.xserver import xterm, xvnc
from support.tap import tapped
from support.viewing import POINTER, PSEUDO

RETURN, CONTROL, LETTER_D = 0xFF0D, 0xFFE3, 0x64
_TEXT, _CAPABILITIES, _REQUEST, _NOTIFY, _PROVIDE = 1, 1 << 24, 1 << 25, 1 << 27, 1 << 28


async def press(client: RfbClient, keysym: int) -> None:
    await client.send(messages.key(keysym, down=True) + messages.key(keysym, down=False))


@needs("xvnc", "xterm")
async def test_typed_text_arrives_in_a_terminal(artifacts: Path) -> None:
    """All of ASCII that needs no dead keys, with Control-D at the end."""
    typed = "The quick brown fox, 0123456789: {[(<~|&$@%^#*+=-_>)]} 'jumps' \"over\" \\ / ? ! ; `dog`"
    written = artifacts / "typed.txt"
    async with (
        xvnc(logs=artifacts) as server,
        xterm(server.display, logs=artifacts, script=f"cat > '{written}'", place="70x20+0+0"),
        gateway({"vm": server.tcp}, logs=artifacts) as running,
        running.client("vm") as client,
    ):
        await client.set_up([Encoding.ZRLE, *PSEUDO])
        await client.send(messages.pointer(*POINTER))
        await client.cover()
        await eventually(written.exists, within=10, what="the terminal's shell")
        for letter in typed:
            await press(client, ord(letter))
        await press(client, RETURN)
        await client.send(messages.key(CONTROL, down=True))
        await press(client, LETTER_D)
        await client.send(messages.key(CONTROL, down=False))
        await eventually(lambda: written.read_text() == typed + "\n", within=10, what=f"the text in {written}")


@needs("qemu")
async def test_keys_and_buttons_reach_the_guest_in_order(artifacts: Path) -> None:
    """QEMU itself holds keys back a little, so the two kinds are looked at one by one."""
    async with (
        qemu(logs=artifacts, tablet=True) as guest,
        gateway({"vm": guest.websocket}, logs=artifacts) as running,
        running.client("vm") as client,
    ):
        await client.set_up([Encoding.TIGHT, *PSEUDO])
        await client.cover()
        await press(client, ord("a"))
        await client.send(messages.qemu_key(ord("b"), 0x30, down=True) + messages.qemu_key(ord("b"), 0x30, down=False))
        await client.send(messages.pointer(320, 200, 1) + messages.pointer(320, 200, 0))
        await press(client, ord("z"))
        await eventually(lambda: any("qcode z, down 0" in line for line in guest.inputs()), within=10)
        events = [line for line in guest.inputs() if "down" in line]
        keys = [line.partition("-1, key ")[2] for line in events if "qcode" in line]
        buttons = [line.partition("button ")[2] for line in events if "button" in line]
        assert keys == [f"qcode {letter}, down {down}" for letter in "abz" for down in (1, 0)]
        assert buttons == ["left, down 1", "left, down 0"]


async def paste(client: RfbClient) -> str:
    """Wait until another viewer has cut text, and ask QEMU for it (Extended Clipboard: notify, request, provide)."""
    await _clipboard(client, _NOTIFY)
    await client.send(messages.extended_cut_text(_REQUEST | _TEXT))
    data = zlib.decompressobj().decompress(await _clipboard(client, _PROVIDE))
    return data[4:].rstrip(b"\0").decode()


async def _clipboard(client: RfbClient, action: int) -> bytes:
    """The data of the next clipboard message with this action."""
    while True:
        body = (await client.until(ServerMessage.SERVER_CUT_TEXT)).body
        if int.from_bytes(body[3:7], "big", signed=True) < 0 and int.from_bytes(body[7:11], "big") & action:
            return body[11:]


@needs("qemu")
async def test_the_clipboard_works_both_ways(artifacts: Path) -> None:
    """Cut in the browser, pasted by another viewer of the same QEMU, and the other way round."""
    async with (
        qemu(logs=artifacts) as guest,
        gateway({"vm": guest.tcp}, logs=artifacts) as running,
        running.client("vm") as client,
        tcp_client(guest.tcp.host, guest.tcp.port) as other,
    ):
        for viewer in (client, other):
            await viewer.set_up([Encoding.ZRLE, *PSEUDO])
            await _clipboard(viewer, _CAPABILITIES)
        await client.send(messages.cut_text("from the browser"))
        assert await paste(other) == "from the browser"
        await other.send(messages.cut_text("from the machine"))
        assert await paste(client) == "from the machine"


@needs("xvnc")
async def test_the_browser_may_change_the_desktops_size(artifacts: Path) -> None:
    async with (
        xvnc(logs=artifacts, geometry=(320, 240)) as server,
        tapped(server.tcp) as tap,
        gateway({"vm": tap.address}, logs=artifacts) as running,
        running.client("vm") as client,
    ):
        await client.set_up([Encoding.TIGHT, *PSEUDO])
        await client.send(messages.pointer(*POINTER))
        await client.cover()
        for width, height in ((500, 300), (200, 400)):
            await client.send(messages.set_desktop_size(width, height))
            while client.picture.shape != (height, width, 3):
                await client.request(incremental=True)
                await client.next_messages()
            picture = await client.capture()
            assert picture.shape == (height, width, 3)
            assert (picture == await capture_raw(server.tcp.host, server.tcp.port, pointer=POINTER)).all()
        assert client.decoder.desktop.size_answers.count((1, 0)) == 2
