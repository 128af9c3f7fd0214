"""Records streams of real servers into tests/recordings/. Run from tests/: python -m support.record [NAME…]

Each scenario starts its server, does what its line in SCENARIOS says, freezes the picture, and keeps the stream
together with an independent Raw capture of the end.
"""

import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.recordings import Chunk, Recording
from support.rfb_client import messages
from support.rfb_client.client import RfbClient, capture_raw, tcp_client
from support.rfb_client.transport import TcpTransport
from support.rfb_client.wire import BGR233, RGB565, RGB888, Encoding, PixelFormat, jpeg_quality
from support.servers.address import Address
from support.servers.painter import Painter
from support.servers.qemu import qemu
from support.servers.xserver import Display, x11vnc, xterm, xvnc

E = Encoding
POINTER = (40, 40)
GEOMETRY = (256, 192)
QUICK = ("-wait", "10", "-defer", "5")  # milliseconds between two looks of x11vnc, and before it sends
COLOUR_MAP = PixelFormat(8, 8, true_colour=False, maxima=(0, 0, 0), shifts=(0, 0, 0))

# What noVNC offers beside pixels, without continuous updates and fences.
PSEUDO: tuple[int, ...] = (
    E.DESKTOP_SIZE,
    E.LAST_RECT,
    E.CURSOR,
    E.QEMU_KEYS,
    E.QEMU_LED,
    E.DESKTOP_NAME,
    E.EXTENDED_DESKTOP_SIZE,
)
PSEUDO += (E.VMWARE_CURSOR, E.QEMU_POINTER_CHANGE, E.XVP, E.EXTENDED_CLIPBOARD)
FLOWING = (*PSEUDO, E.FENCE, E.CONTINUOUS_UPDATES)


class Tap(TcpTransport):
    """A TCP transport that remembers when how many bytes went which way."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer)
        self.chunks: list[Chunk] = []
        self.began = time.monotonic()

    async def receive(self) -> bytes:
        data = await super().receive()
        self._note(data, from_server=True)
        return data

    async def send(self, data: bytes) -> None:
        self._note(data, from_server=False)
        await super().send(data)

    def _note(self, data: bytes, *, from_server: bool) -> None:
        self.chunks.append(Chunk(round((time.monotonic() - self.began) * 1000), from_server, len(data)))


@dataclass(frozen=True, slots=True)
class Stage:
    """A running server with something to draw on it: `churn` draws for a while, `freeze` ends all drawing."""

    address: Address
    churn: Callable[[], Awaitable[None]]
    freeze: Callable[[], Awaitable[None]]
    pointer: tuple[int, int] | None


Act = Callable[[RfbClient, Stage], Awaitable[None]]


async def watch(client: RfbClient, stage: Stage) -> None:
    """Look on for half a second."""
    await client.request(incremental=False)
    await asyncio.gather(stage.churn(), client.follow(0.4))


async def linger(client: RfbClient, stage: Stage) -> None:
    """Look on for longer: x11vnc gathers what changes and sends seldom."""
    for _ in range(2):
        await watch(client, stage)


async def flow(client: RfbClient, stage: Stage) -> None:
    """Look on with continuous updates."""
    await client.request(incremental=False)
    await client.go_continuous()
    await asyncio.gather(stage.churn(), client.follow(0.4))


async def resize(client: RfbClient, stage: Stage) -> None:
    """Change the desktop's size twice while drawing."""
    await client.request(incremental=False)
    for size in ((320, 200), (200, 150)):
        await client.send(messages.set_desktop_size(*size))
        await asyncio.gather(stage.churn(), client.follow(0.4))


async def change_format(client: RfbClient, stage: Stage) -> None:
    """Change the pixel format in mid-session, each time while no update is owed."""
    for pixel_format in (RGB565, BGR233, COLOUR_MAP, RGB888):
        await stage.churn()
        await client.set_pixel_format(pixel_format)
        await client.cover()


async def share_clipboard(client: RfbClient, stage: Stage) -> None:
    """A second viewer cuts text, which this one is told about."""
    await client.request(incremental=False)
    async with tcp_client(stage.address.host, stage.address.port) as other:
        await other.set_up([E.RAW], None)
        await other.send(messages.cut_text("cut by somebody else"))
        await client.follow(0.3)


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is recorded: a server, the encodings asked for, what happens."""

    server: Callable[[Path], contextlib.AbstractAsyncContextManager[Stage]]
    encodings: Sequence[int]
    act: Act = watch
    pseudo: Sequence[int] = PSEUDO
    pixel_format: PixelFormat = RGB888
    exact: bool = True


@contextlib.asynccontextmanager
async def qemu_stage(logs: Path) -> AsyncIterator[Stage]:
    async with qemu(logs=logs, lossy=True) as guest:
        yield Stage(guest.tcp, lambda: asyncio.sleep(0), guest.freeze, None)


@contextlib.asynccontextmanager
async def xvnc_stage(logs: Path) -> AsyncIterator[Stage]:
    async with xvnc(logs=logs, geometry=GEOMETRY) as server, desktop(server.tcp, server.display, logs) as stage:
        yield stage


@contextlib.asynccontextmanager
async def x11vnc_stage(logs: Path) -> AsyncIterator[Stage]:
    async with (
        xvnc(logs=logs, geometry=GEOMETRY) as below,
        x11vnc(below.display, logs=logs, options=QUICK) as address,
        desktop(address, below.display, logs) as stage,
    ):
        yield stage


@contextlib.asynccontextmanager
async def desktop(address: Address, display: Display, logs: Path) -> AsyncIterator[Stage]:
    """An xterm, and a painter beside it."""
    async with xterm(display, logs=logs, place="30x6+10+10") as terminal:
        with Painter(display) as painter:
            yield Stage(address, lambda: churn(painter), lambda: stop(terminal.freeze), POINTER)


async def churn(painter: Painter) -> None:
    painter.bell()
    for _ in range(14):
        painter.step(*GEOMETRY)
        await asyncio.sleep(0.03)


async def stop(freeze: Callable[[], None]) -> None:
    freeze()


JPEG = (E.COPY_RECT, E.TIGHT, jpeg_quality(4))
SCENARIOS = {
    "qemu-tight": Scenario(qemu_stage, [E.TIGHT]),
    "qemu-tight-jpeg": Scenario(qemu_stage, [E.TIGHT, jpeg_quality(3)], exact=False),
    "qemu-tight-png": Scenario(qemu_stage, [E.TIGHT_PNG]),
    "qemu-zrle": Scenario(qemu_stage, [E.ZRLE]),
    "qemu-zlib": Scenario(qemu_stage, [E.ZLIB]),
    "qemu-hextile": Scenario(qemu_stage, [E.HEXTILE], pixel_format=BGR233),
    "qemu-raw": Scenario(qemu_stage, [E.RAW], pixel_format=RGB565),
    "qemu-clipboard": Scenario(qemu_stage, [E.ZRLE], share_clipboard),
    "xvnc-tight": Scenario(xvnc_stage, [E.COPY_RECT, E.TIGHT]),
    "xvnc-tight-without-last-rect": Scenario(xvnc_stage, [E.TIGHT], pseudo=[E.DESKTOP_SIZE, E.X_CURSOR]),
    "xvnc-tight-jpeg-continuous": Scenario(xvnc_stage, JPEG, flow, pseudo=FLOWING, exact=False),
    "xvnc-zrle-continuous": Scenario(xvnc_stage, [E.COPY_RECT, E.ZRLE], flow, pseudo=FLOWING),
    "xvnc-hextile": Scenario(xvnc_stage, [E.HEXTILE]),
    "xvnc-rre": Scenario(xvnc_stage, [E.RRE], pixel_format=RGB565),
    "xvnc-raw": Scenario(xvnc_stage, [E.RAW], pixel_format=BGR233),
    "xvnc-resize": Scenario(xvnc_stage, [E.COPY_RECT, E.TIGHT], resize),
    "xvnc-formats": Scenario(xvnc_stage, [E.ZRLE], change_format),
    "x11vnc-tight": Scenario(x11vnc_stage, [E.COPY_RECT, E.TIGHT], linger, pseudo=[*PSEUDO, E.POINTER_POSITION]),
    "x11vnc-zlib": Scenario(x11vnc_stage, [E.ZLIB], linger, pixel_format=RGB565),
    "x11vnc-corre": Scenario(x11vnc_stage, [E.CORRE], linger, pixel_format=RGB565),
    "x11vnc-zywrle": Scenario(x11vnc_stage, [E.ZYWRLE], linger, exact=False),
}


async def record(name: str, scenario: Scenario, logs: Path) -> Recording:
    """Act the scenario out and return what was recorded; AssertionError if an exact one did not end exact."""
    async with scenario.server(logs) as stage:
        tap = Tap(*await asyncio.open_connection(stage.address.host, stage.address.port))
        client = RfbClient(tap)
        await client.open(password=stage.address.password)
        tap.chunks.clear()
        early = len(client.received)
        await client.set_up([*scenario.encodings, *scenario.pseudo], scenario.pixel_format)
        if stage.pointer:
            await client.send(messages.pointer(*stage.pointer))
        await scenario.act(client, stage)
        await stage.freeze()
        seen = await client.capture(settle=0.5)
        address = stage.address
        picture = await capture_raw(
            address.host, address.port, pixel_format=client.formats[-1][1], pointer=stage.pointer
        )
        await client.close()
    assert not scenario.exact or (seen == picture).all(), f"{name}: the picture differs from the Raw capture"
    first = [Chunk(0, True, early)] if early else []
    data = (client.server_init.raw, bytes(client.sent), bytes(client.received))
    return Recording(name, *data, picture, tuple(client.formats), (*first, *tap.chunks), scenario.exact)


async def main(wanted: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="record-") as logs:
        for name in wanted or SCENARIOS:
            recording = await record(name, SCENARIOS[name], Path(logs))
            path = recording.save()
            print(f"{name}: {len(recording.server)} bytes from the server, {path.stat().st_size} kept")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
