"""Clients that others wrote, through a small adapter from TCP to WebSocket: they see and type what they should."""

import asyncio
import contextlib
import sys
import warnings
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from PIL import Image
from support.adapter import adapter
from support.components import needs, program
from support.gateway import gateway
from support.programs import LOOPBACK, eventually, running
from support.rfb_client.client import capture_raw
from support.servers.address import Address
from support.servers.painter import Painter
from support.servers.xserver import x11vnc, xterm, xvfb, xvnc
from support.viewing import POINTER

pytestmark = [needs("xvnc", "xterm"), pytest.mark.asyncio(loop_scope="module")]

SIZE = (320, 240)


@dataclass(frozen=True, slots=True)
class House:
    """A desktop with something on it, a terminal that writes down what is typed, and a TCP port onto the gateway."""

    server: Address
    port: int
    typed: Path

    async def truth(self, pointer: tuple[int, int] | None = POINTER) -> np.ndarray:
        """The desktop, taken directly; without `pointer` the server paints its pointer into it."""
        return await capture_raw(self.server.host, self.server.port, pointer=pointer)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(module_artifacts: Path) -> AsyncIterator[House]:
    logs = module_artifacts
    typed = logs / "typed.txt"
    async with (
        xvnc(logs=logs, geometry=SIZE) as server,
        xterm(server.display, logs=logs, script=f"stty -echo; cat > '{typed}'", place="30x6+0+0"),
        gateway({"vm": server.tcp}, logs=logs) as gate,
        adapter(lambda: gate.address("vm")) as port,
    ):
        with Painter(server.display, seed=7) as painter:
            for _ in range(30):
                painter.step(*SIZE)
        await eventually(typed.exists, within=10, what="the terminal's shell")
        yield House(server.tcp, port, typed)


def shows(screen: np.ndarray, picture: np.ndarray) -> bool:
    """Whether `picture` is somewhere on `screen`, every pixel of it."""
    height, width = picture.shape[:2]
    sample = picture[::16, ::16]
    for y in range(screen.shape[0] - height + 1):
        for x in range(screen.shape[1] - width + 1):
            part = screen[y : y + height, x : x + width]
            if (part[::16, ::16] == sample).all() and (part == picture).all():
                return True
    return False


@needs("asyncvnc")
async def test_asyncvnc_sees_and_types(house: House) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it still imports DES from where cryptography warns about it
        import asyncvnc  # type: ignore[import-untyped]  # it has no types

    async with asyncio.timeout(30), asyncvnc.connect(LOOPBACK, house.port) as client:
        client.mouse.move(*POINTER)
        client.keyboard.write("over asyncvnc")
        client.keyboard.press("Return")
        await client.drain()
        await eventually(lambda: "over asyncvnc\n" in house.typed.read_text(), within=10, what="the typed text")
        picture = await client.screenshot()
    assert (picture[..., :3] == await house.truth()).all()


@needs("vncdotool")
async def test_vncdotool_sees_and_types(house: House, artifacts: Path) -> None:
    picture = artifacts / "vncdotool.png"
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "vncdotool.command",
        "-s",
        f"{LOOPBACK}::{house.port}",
        "--nocursor",
        "-t",
        "30",
    ]
    acts: list[str | Path] = [
        "move",
        *map(str, POINTER),
        "type",
        "overvncdotool",
        "key",
        "enter",
        "pause",
        "0.5",
        "capture",
        picture,
    ]
    async with running("vncdo", [*command, *acts], logs=artifacts) as client:
        assert await client.wait_exit(30) == 0, client.output()
    assert "overvncdotool\n" in house.typed.read_text()
    assert (np.asarray(Image.open(picture).convert("RGB")) == await house.truth()).all()


@needs("vncviewer", "xvfb", "x11vnc")
@pytest.mark.parametrize("encoding", ["Tight", "ZRLE", "Hextile"])
async def test_tigervncs_viewer_shows_the_same(house: House, artifacts: Path, encoding: str) -> None:
    """The viewer runs on an X server of its own. It only looks on, so the server paints the pointer for it."""
    options = ["-SecurityTypes", "None", "-AutoSelect=0", "-PreferredEncoding", encoding, "-NoJPEG", "-RemoteResize=0"]
    options += ["-Maximize=0", "-geometry", "{}x{}+0+0".format(*SIZE), "-ViewOnly", "-Shared", "-AlertOnFatalError=0"]
    async with contextlib.AsyncExitStack() as stack:
        screen = await stack.enter_async_context(xvfb(logs=artifacts, geometry=(SIZE[0] + 80, SIZE[1] + 60)))
        argv = [program("vncviewer"), "-display", screen.name, *options, f"{LOOPBACK}::{house.port}"]
        shown = await stack.enter_async_context(x11vnc(screen, logs=artifacts, options=["-nocursor"]))
        await stack.enter_async_context(running("vncviewer", argv, logs=artifacts))
        truth = await house.truth(pointer=None)
        Image.fromarray(truth).save(artifacts / "truth.png")

        async def same() -> bool:
            picture = await capture_raw(shown.host, shown.port)
            Image.fromarray(picture).save(artifacts / "vncviewer.png")
            return shows(picture, truth)

        await eventually(same, within=15, what="the desktop in the viewer's window")
