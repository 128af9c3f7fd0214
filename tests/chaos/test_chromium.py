"""The gateway's own page in a real browser, while the upstream dies: one socket, the server's own pixels."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser
from support.chaos.chrome import Chrome
from support.chaos.cutter import Cutter, cutter
from support.chaos.novnc import NOVNC, TIGHT, TIGHT_JPEG, TIGHT_PNG, ZRLE, Engine, Wish, engine
from support.chaos.plan import WS_WAYS, Plan, Way
from support.chaos.scenes import POINTER, Behind, desk, guest
from support.chaos.trial import RECONNECT, SEED, Trial, cuts, rarely
from support.components import needs
from support.gateway import PROVIDER, Gateway, gateway
from support.page import DESK, chromium, profile, tab
from support.programs import LOOPBACK

pytestmark = [
    needs("chromium", "playwright", "qemu", "xvnc", "xterm", "node", "npm"),
    pytest.mark.asyncio(loop_scope="session"),
]


@dataclass(frozen=True, slots=True)
class House:
    cutters: dict[str, Cutter]
    behind: dict[str, Behind]
    gateway: Gateway
    engine: Engine
    browser: Browser

    async def run(self, console: str, wish: Wish, plan: Plan, artifacts: Path) -> None:
        trial = Trial(self.engine, self.gateway, console, self.cutters[console], self.behind[console], artifacts)
        url = f"http://{LOOPBACK}:{self.gateway.port}/console/{PROVIDER}/{console}"
        async with profile(self.browser, **DESK) as context, tab(context) as page:
            plan = await trial.begin(wish, plan)
            client = await Chrome.open(page, url, wish)
            await client.move(*POINTER)
            await trial.endure(client, wish, plan)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(module_artifacts: Path) -> AsyncIterator[House]:
    logs = module_artifacts
    async with (
        desk(logs=logs, size=(640, 480)) as one,
        guest(logs=logs, lossy=True) as machine,
        cutter(one.address, seed=SEED) as first,
        cutter(machine.machine.websocket, seed=SEED) as second,
        engine(logs) as novnc,
        gateway({"xvnc": first.address, "qemu": second.address}, logs=logs, more=RECONNECT) as running,
        chromium() as browser,
    ):
        behind = {"xvnc": Behind({one.address: one}), "qemu": Behind({machine.machine.websocket: machine})}
        yield House({"xvnc": first, "qemu": second}, behind, running, novnc, browser)


@pytest.mark.parametrize(
    ("console", "wish", "few"),
    [
        pytest.param("xvnc", NOVNC, 4, id="xvnc-novnc"),
        pytest.param("qemu", TIGHT_PNG, 4, id="qemu-tight-png"),
        *rarely(
            pytest.param("xvnc", ZRLE, 4, id="xvnc-zrle"),
            pytest.param("qemu", TIGHT, 4, id="qemu-tight"),
            pytest.param("qemu", TIGHT_JPEG, 4, id="qemu-tight-jpeg"),
        ),
    ],
)
async def test_the_page_does_not_notice(house: House, artifacts: Path, console: str, wish: Wish, few: int) -> None:
    ways = WS_WAYS if console == "qemu" else (Way.RESET, Way.FIN)
    await house.run(console, wish, Plan(cuts(few), ways=ways), artifacts)
