"""Real servers with something going on, that can be frozen: what stands behind a cutter."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from support.programs import Program
from support.rfb_client.client import capture_raw
from support.rfb_client.pixels import Colours
from support.servers.address import Address
from support.servers.painter import Painter
from support.servers.qemu import Qemu, qemu
from support.servers.xserver import Xvnc, x11vnc, xterm, xvnc

POINTER = (40, 40)  # where the viewer leaves its pointer: an X server paints it for others, wherever else it is
STROKE = 0.02  # seconds between two strokes of a painter

# A newcomer whose handshake was cut looks like somebody who guesses passwords; cut handshakes are what we do here.
NO_BLACKLIST = ("-BlacklistThreshold", "1000000", "-AlwaysShared")


class Scene(Protocol):
    """A server whose picture moves until it is frozen."""

    @property
    def address(self) -> Address:
        """Plain TCP."""
        ...

    async def freeze(self) -> None: ...

    async def thaw(self) -> None: ...

    async def capture(self) -> Colours:
        """The frozen picture, over a connection of its own with nothing but Raw."""
        ...


@dataclass(frozen=True, slots=True)
class Guest:
    """QEMU's boot sector draws by itself."""

    machine: Qemu

    @property
    def address(self) -> Address:
        return self.machine.tcp

    async def freeze(self) -> None:
        await self.machine.freeze()

    async def thaw(self) -> None:
        await self.machine.thaw()

    async def capture(self) -> Colours:
        return await capture_raw(self.address.host, self.address.port)


class Desk:
    """An X desktop: a painter over the whole screen, a scrolling xterm above it."""

    def __init__(self, server: Xvnc, terminal: Program, painter: Painter, size: tuple[int, int]) -> None:
        self.server = server
        self.size = size
        self.painter = painter
        self._terminal = terminal
        self._painting: asyncio.Task[None] | None = None

    @property
    def address(self) -> Address:
        return self.server.tcp

    async def freeze(self) -> None:
        self._terminal.freeze()
        if self._painting is not None:
            self._painting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._painting
            self._painting = None

    async def thaw(self) -> None:
        self._terminal.thaw()
        if self._painting is None:
            self._painting = asyncio.create_task(self._paint())

    async def capture(self) -> Colours:
        return await capture_raw(self.address.host, self.address.port, pointer=POINTER)

    async def _paint(self) -> None:
        while True:
            self.painter.step(*self.size)
            await asyncio.sleep(STROKE)


@dataclass(frozen=True, slots=True)
class Shadow:
    """The same desktop, served by libvncserver."""

    desk: Desk
    address: Address

    async def freeze(self) -> None:
        await self.desk.freeze()

    async def thaw(self) -> None:
        await self.desk.thaw()

    async def capture(self) -> Colours:
        return await capture_raw(self.address.host, self.address.port, pointer=POINTER)


@contextlib.asynccontextmanager
async def guest(*, logs: Path, lossy: bool = False, tablet: bool = False) -> AsyncIterator[Guest]:
    """QEMU, 640x400."""
    async with qemu(logs=logs, lossy=lossy, tablet=tablet) as machine:
        yield Guest(machine)


@contextlib.asynccontextmanager
async def desk(*, logs: Path, size: tuple[int, int], seed: int = 1, options: Sequence[str] = ()) -> AsyncIterator[Desk]:
    """Xvnc with an xterm and a painter."""
    logs = logs / "desk-{}x{}".format(*size)
    more = [*NO_BLACKLIST, *options]
    async with (
        xvnc(logs=logs, geometry=size, options=more) as server,
        xterm(server.display, logs=logs) as terminal,
    ):
        with Painter(server.display, seed) as painter:
            one = Desk(server, terminal, painter, size)
            try:
                yield one
            finally:
                await one.freeze()


@contextlib.asynccontextmanager
async def shadow(original: Desk, *, logs: Path) -> AsyncIterator[Shadow]:
    """x11vnc over a desk; it looks for changes every few milliseconds."""
    async with x11vnc(original.server.display, logs=logs, options=("-wait", "10", "-defer", "5")) as address:
        yield Shadow(original, address)


@dataclass(frozen=True, slots=True)
class Behind:
    """What is behind a cutter: which scene at which address."""

    scenes: dict[Address, Scene]

    async def thaw(self) -> None:
        for scene in set(self.scenes.values()):
            await scene.thaw()

    async def freeze(self) -> None:
        for scene in set(self.scenes.values()):
            await scene.freeze()

    async def capture(self, address: Address) -> Colours:
        return await self.scenes[address].capture()
