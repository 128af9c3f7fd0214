"""QEMU dies at random bytes, over TCP and over its own WebSocket, and noVNC does not notice."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from support.chaos.cutter import Cutter, cutter
from support.chaos.novnc import HEXTILE, NOVNC, RAW, TIGHT, TIGHT_JPEG, TIGHT_PNG, ZLIB, ZRLE, E, Engine, Wish, engine
from support.chaos.plan import TCP_WAYS, WS_WAYS, Plan
from support.chaos.scenes import Behind, Guest, guest
from support.chaos.trial import RECONNECT, SEED, Trial, cuts, rarely
from support.components import needs
from support.gateway import Gateway, gateway

pytestmark = [needs("qemu", "node", "npm"), pytest.mark.asyncio(loop_scope="session")]

NO_LAST_RECT = TIGHT.but(E.LAST_RECT, name="no-last-rect")


@dataclass(frozen=True, slots=True)
class House:
    guest: Guest
    cutters: dict[str, Cutter]
    gateway: Gateway
    engine: Engine

    def trial(self, console: str, artifacts: Path) -> Trial:
        machine = self.guest.machine
        behind = Behind({machine.tcp: self.guest, machine.websocket: self.guest})
        return Trial(self.engine, self.gateway, console, self.cutters[console], behind, artifacts)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(module_artifacts: Path) -> AsyncIterator[House]:
    logs = module_artifacts
    async with (
        guest(logs=logs, lossy=True) as machine,
        cutter(machine.machine.tcp, seed=SEED) as tcp,
        cutter(machine.machine.websocket, seed=SEED + 1) as ws,
        engine(logs) as novnc,
        gateway({"tcp": tcp.address, "ws": ws.address}, logs=logs, more=RECONNECT) as running,
    ):
        yield House(machine, {"tcp": tcp, "ws": ws}, running, novnc)


@pytest.mark.parametrize(
    ("wish", "few"),
    [
        *[(TIGHT, 8), (TIGHT_JPEG, 4), (TIGHT_PNG, 4), (ZRLE, 8), (ZLIB, 5), (HEXTILE, 5)],
        *rarely((RAW, 4), (NOVNC, 4), (NO_LAST_RECT, 4)),
    ],
    ids=str,
)
async def test_over_tcp(house: House, artifacts: Path, wish: Wish, few: int) -> None:
    await house.trial("tcp", artifacts).run(wish, Plan(cuts(few), first=1))


@pytest.mark.parametrize(("wish", "few"), [(TIGHT, 6), *rarely((ZRLE, 6), (HEXTILE, 4))], ids=str)
async def test_over_websocket(house: House, artifacts: Path, wish: Wish, few: int) -> None:
    await house.trial("ws", artifacts).run(wish, Plan(cuts(few), first=1, ways=WS_WAYS))


@pytest.mark.parametrize("console", ["ws", *rarely("tcp")])
async def test_in_crumbs_of_one_to_three_bytes(house: House, artifacts: Path, console: str) -> None:
    ways = WS_WAYS if console == "ws" else TCP_WAYS
    await house.trial(console, artifacts).run(TIGHT, Plan(cuts(3), ways=ways, chunked=True))


async def test_while_the_old_connection_is_still_open_there(house: House, artifacts: Path) -> None:
    await house.trial("tcp", artifacts).run(ZRLE, Plan(cuts(3), linger=0.5))
