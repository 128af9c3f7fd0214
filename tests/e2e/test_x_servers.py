"""X desktops through the gateway: TigerVNC's Xvnc without and with a password, and x11vnc (libvncserver)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from support.components import needs
from support.gateway import MANY_DIALS, Gateway, gateway
from support.programs import Program
from support.rfb_client.wire import BGR233, RGB565, Encoding, PixelFormat
from support.servers.address import Address
from support.servers.painter import Painter
from support.servers.xserver import x11vnc, xterm, xvnc
from support.tap import Tap, tapped
from support.viewing import HEXTILE, POINTER, RAW, RRE, TIGHT, TIGHT_JPEG, ZLIB, ZRLE, Stage, Wish, view

pytestmark = [needs("xvnc", "x11vnc", "xterm"), pytest.mark.asyncio(loop_scope="module")]

GEOMETRY = (480, 360)
QUICK = ("-wait", "10", "-defer", "5")  # milliseconds between two looks of x11vnc, and before it sends

CORRE = Wish((Encoding.CORRE,))
ZYWRLE = Wish((Encoding.ZYWRLE,), lossy=True)
TIGHT_CONTINUOUS = Wish((Encoding.COPY_RECT, Encoding.TIGHT), continuous=True)
ZRLE_CONTINUOUS = Wish((Encoding.COPY_RECT, Encoding.ZRLE), continuous=True)
JPEG_CONTINUOUS = Wish(TIGHT_JPEG.encodings, continuous=True, lossy=True)
RED_HIGH = PixelFormat(32, 24, shifts=(24, 16, 8))
XVNC = [TIGHT, TIGHT_JPEG, ZRLE, HEXTILE, RRE, RAW, TIGHT_CONTINUOUS, ZRLE_CONTINUOUS, JPEG_CONTINUOUS]
XVNC += [Wish((Encoding.TIGHT,), RGB565), Wish((Encoding.ZRLE,), RED_HIGH), Wish((Encoding.RRE,), BGR233)]
X11VNC = [TIGHT, TIGHT_JPEG, ZRLE, ZLIB, HEXTILE, RRE, CORRE, ZYWRLE, RAW]


@dataclass(frozen=True, slots=True)
class House:
    """Everything that runs: two desktops with an xterm and a painter each, three servers, taps, the gateway."""

    gateway: Gateway
    servers: dict[str, Address]
    taps: dict[str, Tap]
    terminals: dict[str, Program]
    painters: dict[str, Painter]

    def stage(self, console: str) -> Stage:
        terminal, painter = self.terminals[console], self.painters[console]

        async def move() -> None:
            for _ in range(12):
                painter.step(*GEOMETRY)
                await asyncio.sleep(0.02)

        async def freeze() -> None:
            terminal.freeze()

        async def thaw() -> None:
            terminal.thaw()

        return Stage(self.servers[console], self.taps[console], move, freeze, thaw, POINTER)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(module_artifacts: Path) -> AsyncIterator[House]:
    logs = module_artifacts
    async with (
        xvnc(logs=logs, geometry=GEOMETRY) as plain,
        xvnc(logs=logs, geometry=GEOMETRY, password="sesame") as locked,
        x11vnc(plain.display, logs=logs, options=QUICK) as over,
        xterm(plain.display, logs=logs / "plain") as first,
        xterm(locked.display, logs=logs / "locked") as second,
        tapped(plain.tcp) as plain_tap,
        tapped(locked.tcp) as locked_tap,
        tapped(over) as over_tap,
    ):
        taps = {"xvnc": plain_tap, "password": locked_tap, "x11vnc": over_tap}
        consoles = {name: tap.address for name, tap in taps.items()}
        servers = {"xvnc": plain.tcp, "password": locked.tcp, "x11vnc": over}
        terminals = {"xvnc": first, "password": second, "x11vnc": first}
        async with gateway(consoles, logs=logs, provider=MANY_DIALS) as running:
            with Painter(plain.display) as one, Painter(locked.display) as two:
                painters = {"xvnc": one, "password": two, "x11vnc": one}
                yield House(running, servers, taps, terminals, painters)


async def check(house: House, console: str, wish: Wish, artifacts: Path) -> None:
    seen = await view(house.gateway, console, house.stage(console), wish)
    seen.judge(artifacts, lossy=wish.lossy)
    wanted = next(number for number in wish.encodings if number >= 0 and number != Encoding.COPY_RECT)
    assert wanted in seen.encodings()


@pytest.mark.parametrize("wish", XVNC, ids=str)
async def test_xvnc(house: House, artifacts: Path, wish: Wish) -> None:
    await check(house, "xvnc", wish, artifacts)


@pytest.mark.parametrize("wish", [TIGHT, TIGHT_CONTINUOUS], ids=str)
async def test_xvnc_with_a_password_that_the_gateway_knows(house: House, artifacts: Path, wish: Wish) -> None:
    await check(house, "password", wish, artifacts)


@pytest.mark.parametrize("wish", X11VNC, ids=str)
async def test_x11vnc(house: House, artifacts: Path, wish: Wish) -> None:
    await check(house, "x11vnc", wish, artifacts)
