"""Xvnc and x11vnc die at random bytes: continuous updates, fences, JPEG, CopyRect, full HD, servers that differ."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from support.chaos.cutter import Cutter, cutter
from support.chaos.novnc import (
    COPY_RECT,
    FLOW,
    HEXTILE,
    NOVNC,
    RAW,
    RRE,
    TIGHT,
    TIGHT_JPEG,
    ZLIB,
    ZRLE,
    E,
    Engine,
    Wish,
    engine,
)
from support.chaos.plan import Plan
from support.chaos.scenes import Behind, desk, guest, shadow
from support.chaos.trial import RECONNECT, SEED, Trial, cuts, rarely
from support.components import needs
from support.gateway import Gateway, gateway

pytestmark = [needs("qemu", "xvnc", "x11vnc", "xterm", "node", "npm"), pytest.mark.asyncio(loop_scope="session")]

ON_REQUEST = "on-request"  # neither continuous updates nor fences


@dataclass(frozen=True, slots=True)
class House:
    cutters: dict[str, Cutter]
    behind: dict[str, Behind]
    gateway: Gateway
    engine: Engine

    def trial(self, console: str, artifacts: Path) -> Trial:
        return Trial(self.engine, self.gateway, console, self.cutters[console], self.behind[console], artifacts)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(module_artifacts: Path) -> AsyncIterator[House]:
    logs = module_artifacts
    async with (
        desk(logs=logs, size=(640, 480)) as small,
        desk(logs=logs, size=(800, 600), seed=2) as large,
        desk(logs=logs, size=(1920, 1080), seed=3) as full_hd,
        guest(logs=logs) as machine,
        shadow(large, logs=logs) as over,
        cutter(small.address, seed=SEED) as first,
        cutter(full_hd.address, seed=SEED + 1) as second,
        cutter(over.address, seed=SEED + 2) as third,
        cutter(small.address, large.address, machine.address, seed=SEED + 3) as in_turn,
        engine(logs) as novnc,
    ):
        cutters = {"xvnc": first, "full-hd": second, "x11vnc": third, "in-turn": in_turn}
        scenes = {"xvnc": [small], "full-hd": [full_hd], "x11vnc": [over], "in-turn": [small, large, machine]}
        behind = {name: Behind({one.address: one for one in some}) for name, some in scenes.items()}
        consoles = {name: one.address for name, one in cutters.items()}
        async with gateway(consoles, logs=logs, more=RECONNECT) as running:
            yield House(cutters, behind, running, novnc)


@pytest.mark.parametrize(
    ("wish", "few"),
    [
        *[(TIGHT, 8), (TIGHT_JPEG, 4), (ZRLE, 8), (RRE, 4), (RAW, 3), (COPY_RECT, 3)],
        *rarely((HEXTILE, 5), (NOVNC, 4)),
    ],
    ids=str,
)
async def test_with_continuous_updates(house: House, artifacts: Path, wish: Wish, few: int) -> None:
    status = await house.trial("xvnc", artifacts).run(wish, Plan(cuts(few), first=1))
    assert status.continuous


@pytest.mark.parametrize(("wish", "few"), [(TIGHT, 5), *rarely((ZRLE, 6), (HEXTILE, 4), (COPY_RECT, 4))], ids=str)
async def test_updates_on_request(house: House, artifacts: Path, wish: Wish, few: int) -> None:
    status = await house.trial("xvnc", artifacts).run(wish.but(*FLOW, name=ON_REQUEST), Plan(cuts(few)))
    assert not status.continuous


async def test_fences_without_continuous_updates(house: House, artifacts: Path) -> None:
    fenced = TIGHT.but(E.CONTINUOUS_UPDATES, name="fences")
    await house.trial("xvnc", artifacts).run(fenced, Plan(cuts(3)))


@pytest.mark.parametrize("wish", [TIGHT, *rarely(TIGHT.but(*FLOW, name=ON_REQUEST))], ids=str)
async def test_without_last_rect(house: House, artifacts: Path, wish: Wish) -> None:
    await house.trial("xvnc", artifacts).run(wish.but(E.LAST_RECT, name="no-last-rect"), Plan(cuts(3)))


@pytest.mark.parametrize("wish", [ZRLE, *rarely(TIGHT)], ids=str)
async def test_in_crumbs_of_one_to_three_bytes(house: House, artifacts: Path, wish: Wish) -> None:
    await house.trial("xvnc", artifacts).run(wish, Plan(cuts(3), last=20_000, chunked=True))


@pytest.mark.parametrize(("wish", "few"), [(TIGHT, 3), *rarely((ZRLE, 3))], ids=str)
async def test_full_hd(house: House, artifacts: Path, wish: Wish, few: int) -> None:
    await house.trial("full-hd", artifacts).run(wish, Plan(cuts(few)))


@pytest.mark.parametrize(("wish", "few"), [(TIGHT, 3), *rarely((ZLIB, 4), (ZRLE, 3))], ids=str)
async def test_libvncserver(house: House, artifacts: Path, wish: Wish, few: int) -> None:
    await house.trial("x11vnc", artifacts).run(wish, Plan(cuts(few)))


@pytest.mark.parametrize("wish", [TIGHT, *rarely(ZRLE, HEXTILE, NOVNC)], ids=str)
async def test_another_server_each_time(house: House, artifacts: Path, wish: Wish) -> None:
    """640x480 and 800x600 of TigerVNC, then QEMU's 640x400, which has no continuous updates and other extensions."""
    await house.trial("in-turn", artifacts).run(wish, Plan(cuts(7), first=1, patience=0.7))
