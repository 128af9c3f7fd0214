"""VNC clients of others show the desktop as it is."""

import asyncio
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.components import needs, program
from support.desktop_server import DesktopServer
from support.programs import eventually, running
from support.rfb_client.client import capture_raw
from support.servers.xserver import xvnc

from gateway.simulator.desktop.handshake import ServerOptions

HOST = "127.0.0.1"
PASSWORD = "open"


def screen(server: DesktopServer) -> np.ndarray:
    canvas = server.desktop.canvas
    return np.frombuffer(server.desktop.rgb(), np.uint8).reshape(canvas.height, canvas.width, 3)


@needs("asyncvnc")
async def test_asyncvnc_sees_and_types(server):
    import asyncvnc

    # without a password: its use of DES warns, and warnings are errors here
    async with asyncvnc.connect(HOST, await server.listen()) as client:
        client.keyboard.write("hi")
        await eventually(lambda: server.desktop.terminal_text()[-1].endswith("hi"))
        picture = await client.screenshot()
    assert np.array_equal(picture[:, :, :3], screen(server))


@needs("vncdotool")
async def test_vncdotool_types_moves_and_captures(server, artifacts):
    port = await server.listen(ServerOptions(password=PASSWORD))
    file = artifacts / "picture.png"
    command = ["-s", f"{HOST}::{port}", "-p", PASSWORD, "type", "hello", "move", "600", "400", "pause", "0.5"]
    vncdo = await asyncio.create_subprocess_exec(Path(sys.executable).with_name("vncdo"), *command, "capture", file)
    assert await asyncio.wait_for(vncdo.wait(), 30) == 0
    assert server.desktop.terminal_text()[-1].endswith("hello")
    assert server.desktop.events.pointers[-1] == (600, 400, 0)
    assert np.array_equal(np.asarray(Image.open(file).convert("RGB")), screen(server))


@needs("vncviewer", "xvnc")
@pytest.mark.parametrize("encoding", ["ZRLE", "Tight"])
async def test_tigervncs_viewer_shows_it_and_has_its_size(server, artifacts, encoding):
    port = await server.listen()
    async with xvnc(logs=artifacts, geometry=(1024, 768)) as display:
        argv = [program("vncviewer"), "-display", display.display.name, "-SecurityTypes", "None"]
        argv += ["-Shared", "-AutoSelect=0", "-PreferredEncoding", encoding, "-RemoteResize", "-DesktopSize", "640x480"]
        async with running("vncviewer", [*argv, f"{HOST}::{port}"], logs=artifacts):
            await eventually(lambda: server.desktop.canvas.width == 640, within=20, what="the viewer's size")
            server.type("seq 30\n")
            await eventually(lambda: shown(display.tcp.port, server), within=20, what="the same picture")


async def shown(port: int, server: DesktopServer) -> bool:
    """Whether the X display shows the desktop, wherever its window is."""
    display = await capture_raw(HOST, port, pointer=(1020, 760))
    wanted = screen(server)
    height, width, _ = wanted.shape
    for top in range(display.shape[0] - height + 1):
        at = display[top].tobytes().find(wanted[0].tobytes())
        if at >= 0 and np.array_equal(display[top : top + height, at // 3 : at // 3 + width], wanted):
            return True
    return False
