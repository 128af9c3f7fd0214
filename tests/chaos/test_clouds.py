"""The simulated clouds' proxies die at random bytes: each reconnect takes a new address from the API."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from support.chaos.clouds import Cloud, clouds
from support.chaos.novnc import HEXTILE, NOVNC, TIGHT, ZRLE, Engine, Wish, engine
from support.chaos.plan import WS_WAYS, Plan, Way
from support.chaos.trial import RECONNECT, Trial, cuts, rarely
from support.components import needs
from support.gateway import Gateway, gateway
from support.programs import eventually

pytestmark = [needs("node", "npm"), pytest.mark.asyncio(loop_scope="session")]

CONTENDED = 5  # losses in a row


@dataclass(frozen=True, slots=True)
class House:
    clouds: dict[str, Cloud]
    gateway: Gateway
    engine: Engine

    async def run(self, name: str, wish: Wish, plan: Plan, artifacts: Path) -> None:
        cloud = self.clouds[name]
        before = cloud.service.calls
        trial = Trial(self.engine, self.gateway, cloud.console, cloud.cutter, cloud.behind, artifacts)
        await trial.run(wish, plan)
        assert cloud.service.calls - before >= plan.cuts + 1
        assert not cloud.service.proxy.counts.refused


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(module_artifacts: Path) -> AsyncIterator[House]:
    logs = module_artifacts
    async with (
        clouds() as both,
        engine(logs) as novnc,
        gateway(both.direct, logs=logs, more=both.configuration + RECONNECT) as running,
    ):
        yield House(both.each, running, novnc)


@pytest.mark.parametrize(("wish", "few"), [(ZRLE, 4), *rarely((TIGHT, 5), (HEXTILE, 3))], ids=str)
async def test_alibaba(house: House, artifacts: Path, wish: Wish, few: int) -> None:
    """Only resets: a Close frame or a FIN soon after each picture is how it looks when somebody else takes over."""
    await house.run("alibaba", wish, Plan(cuts(few), ways=(Way.RESET,)), artifacts)


@pytest.mark.parametrize(("wish", "few"), [(TIGHT, 4), *rarely((ZRLE, 5), (NOVNC, 3))], ids=str)
async def test_huawei(house: House, artifacts: Path, wish: Wish, few: int) -> None:
    await house.run("huawei", wish, Plan(cuts(few), ways=WS_WAYS), artifacts)


@pytest.mark.parametrize("way", [Way.FIN, Way.CLOSE_FRAME], ids=str)
async def test_a_fight_over_an_instance_is_given_up_where_only_one_can_have_it(house: House, way: Way) -> None:
    """Alibaba gives an instance to whoever came last: five times thrown out soon after a picture is enough."""
    cloud = house.clouds["alibaba"]
    cloud.cutter.follow(Plan(100, last=1 << 40, patience=1.0, ways=(way,)))
    client = await house.engine.open(await house.gateway.address(cloud.console), TIGHT)
    await eventually(lambda: client.ended is not None, within=30, what="the end")
    assert client.ended == "closed with 4424 contended"
    assert len(cloud.cutter.dials) == CONTENDED
