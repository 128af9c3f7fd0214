"""Another client than noVNC: TigerVNC's viewer on a screen of its own, through an adapter from TCP to WebSocket."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from support.adapter import adapter
from support.chaos.cutter import Cutter, cutter
from support.chaos.novnc import HEXTILE, TIGHT, ZRLE, Engine, Wish, engine
from support.chaos.plan import Plan
from support.chaos.scenes import Behind, Desk, desk
from support.chaos.trial import RECONNECT, SEED, Trial, cuts, rarely
from support.components import needs, program
from support.gateway import Gateway, gateway
from support.programs import LOOPBACK, Program, eventually, running
from support.rfb_client.client import capture_raw
from support.rfb_client.pixels import Colours
from support.servers.address import Address
from support.servers.xserver import Xvnc, xvnc

pytestmark = [needs("xvnc", "xterm", "vncviewer", "xdotool", "node", "npm"), pytest.mark.asyncio(loop_scope="session")]

SIZE = (400, 300)
SCREEN = (480, 360)
ASIDE = (470, 350)  # beside the viewer's window
FIXED = ["-SecurityTypes", "None", "-AutoSelect=0", "-RemoteResize=0", "-Maximize=0", "-Shared", "-ViewOnly"]
FIXED += ["-geometry", "{}x{}+0+0".format(*SIZE), "-AlertOnFatalError=0", "-ReconnectOnError=0", "-DotWhenNoCursor=0"]


@dataclass(frozen=True, slots=True)
class Viewer:
    """A viewer's window on a screen of its own. What the cutter has passed on stands for what it has drawn."""

    screen: Address
    process: Program
    cutter: Cutter

    @property
    def ended(self) -> str | None:
        return None if self.process.alive else self.process.output()[-300:]

    async def picture(self) -> Colours:
        """Its window is in the upper left corner, without a frame, for want of a window manager."""
        shown = await capture_raw(self.screen.host, self.screen.port, pointer=ASIDE)
        return shown[: SIZE[1], : SIZE[0]]

    async def refine(self) -> None:
        """It cannot be told so while it runs."""
        raise NotImplementedError

    async def drawn(self) -> int:
        return sum(one.sent for one in self.cutter.connections)

    async def draws(self, count: int, *, since: int, within: float = 10.0) -> None:
        async def enough() -> bool:
            return await self.drawn() >= since + count

        await eventually(enough, within=within, what=f"{count} bytes")


@dataclass(frozen=True, slots=True)
class House:
    desk: Desk
    cutter: Cutter
    gateway: Gateway
    engine: Engine

    async def run(self, wish: Wish, options: list[str], plan: Plan, artifacts: Path) -> None:
        behind = Behind({self.desk.address: Watched(self.desk)})
        trial = Trial(self.engine, self.gateway, "vm", self.cutter, behind, artifacts)
        async with contextlib.AsyncExitStack() as stack:
            screen = await stack.enter_async_context(xvnc(logs=artifacts, geometry=SCREEN))
            port = await stack.enter_async_context(adapter(lambda: self.gateway.address("vm")))
            plan = await trial.begin(wish, plan)
            argv = [program("vncviewer"), "-display", screen.display.name, *FIXED, *options, f"{LOOPBACK}::{port}"]
            process = await stack.enter_async_context(running("vncviewer", argv, logs=artifacts))
            viewer = Viewer(screen.tcp, process, self.cutter)
            await eventually(lambda: bool(self.cutter.dials), within=10, what="the viewer's connection")
            await _into_the_corner(screen, artifacts)
            await trial.endure(viewer, wish, plan)


async def _into_the_corner(screen: Xvnc, logs: Path) -> None:
    """Move the viewer's window."""
    argv = [program("xdotool"), "search", "--sync", "--onlyvisible", "--name", "TigerVNC"]
    argv += ["windowmove", "--sync", "0", "0"]
    async with running("xdotool", argv, logs=logs, env={"DISPLAY": screen.display.name}) as moving:
        assert await moving.wait_exit() == 0, moving.output()


@dataclass(frozen=True, slots=True)
class Watched:
    """A desk whose viewers leave the pointer alone: the server paints it for all of them."""

    desk: Desk

    @property
    def address(self) -> Address:
        return self.desk.address

    async def freeze(self) -> None:
        await self.desk.freeze()

    async def thaw(self) -> None:
        await self.desk.thaw()

    async def capture(self) -> Colours:
        return await capture_raw(self.address.host, self.address.port)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(module_artifacts: Path) -> AsyncIterator[House]:
    logs = module_artifacts
    async with (
        desk(logs=logs, size=SIZE) as one,
        cutter(one.address, seed=SEED) as cuts_it,
        engine(logs) as novnc,
        gateway({"vm": cuts_it.address}, logs=logs, more=RECONNECT) as gate,
    ):
        yield House(one, cuts_it, gate, novnc)


@pytest.mark.parametrize(
    ("wish", "options"),
    [
        pytest.param(TIGHT, ["-PreferredEncoding", "Tight", "-NoJPEG"], id="tight"),
        *rarely(
            pytest.param(ZRLE, ["-PreferredEncoding", "ZRLE"], id="zrle"),
            pytest.param(HEXTILE, ["-PreferredEncoding", "Hextile"], id="hextile"),
        ),
    ],
)
async def test_tigervncs_viewer_does_not_notice(house: House, artifacts: Path, wish: Wish, options: list[str]) -> None:
    await house.run(wish, options, Plan(cuts(4)), artifacts)
