"""A hundred sessions lose their upstream in the same instant: all come back, and the cloud is asked once for each."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from support.chaos.clouds import configuration
from support.gateway import Gateway, gateway
from support.programs import eventually
from support.rfb_client.client import RfbClient
from support.rfb_client.wire import Encoding

from gateway.simulator.clouds import alibaba
from gateway.simulator.clouds.faults import Cut
from gateway.simulator.clouds.instances import Instance
from gateway.simulator.desktop.desktop import Desktop
from gateway.simulator.simulator import Simulator

pytestmark = pytest.mark.asyncio(loop_scope="session")

MANY = 100
SIZE = (96, 64)
BACK = 20.0  # seconds for all of them on two busy cores
WATCHED = 3.0  # seconds after the loss
SAMPLE = 0.02
TENTH = 5  # samples


@dataclass(frozen=True, slots=True)
class House:
    clouds: Simulator
    gateway: Gateway
    instances: list[str]


@pytest_asyncio.fixture(loop_scope="session")
async def house(artifacts: Path) -> AsyncIterator[House]:
    async with Simulator() as clouds:
        names = [f"i-bp1many{number:03}" for number in range(MANY)]
        for name in names:
            desktop = Desktop(name, size=SIZE)
            clouds.alibaba.instances[name] = Instance(name, alibaba.REGION, desktop)
        lab = {"direct": f"tcp://127.0.0.1:{await clouds.listen(clouds.instances[0])}"}
        async with gateway(lab, logs=artifacts, more=configuration(clouds)) as running:
            yield House(clouds, running, names)


async def _look(house: House, name: str, clients: dict[str, RfbClient]) -> None:
    """Be an ordinary viewer until cancelled."""
    async with house.gateway.client(f"hangzhou/{name}") as client:
        await client.set_up([Encoding.TIGHT, Encoding.DESKTOP_SIZE, Encoding.LAST_RECT])
        await client.cover()
        clients[name] = client
        while True:
            await client.follow(60)


async def _calls(house: House, seconds: float) -> list[int]:
    """How many API calls had come at each look."""
    seen = []
    for _ in range(int(seconds / SAMPLE)):
        seen.append(house.clouds.alibaba.calls)
        await asyncio.sleep(SAMPLE)
    return seen


def _same(house: House, name: str, client: RfbClient) -> bool:
    desktop = house.clouds.alibaba.instances[name].desktop
    return client.picture.tobytes() == desktop.rgb()


async def test_all_come_back_with_one_call_each(house: House) -> None:
    cloud, clients = house.clouds.alibaba, dict[str, RfbClient]()
    async with asyncio.TaskGroup() as group:
        viewers = [group.create_task(_look(house, name, clients)) for name in house.instances]
        await eventually(lambda: len(clients) == MANY, within=30, what="all pictures")
        received = {name: len(client.received) for name, client in clients.items()}
        calls = group.create_task(_calls(house, WATCHED))
        assert house.clouds.cut(Cut.RESET) == MANY
        await eventually(lambda: cloud.proxy.counts.opened == 2 * MANY, within=BACK, what="all connections")
        for name, client in clients.items():
            await eventually(
                lambda n=name, c=client: len(c.received) > received[n], within=BACK, what=f"{name}'s picture"
            )
        house.clouds.freeze()
        for name, client in clients.items():
            await eventually(lambda n=name, c=client: _same(house, n, c), within=BACK, what=f"{name}'s picture")
        for viewer in viewers:
            viewer.cancel()
    seen = calls.result()
    most = max(later - earlier for earlier, later in zip(seen, seen[TENTH:], strict=False))
    assert most <= MANY / 2, f"{most} of {MANY} calls within a tenth of a second"
    assert cloud.calls == 2 * MANY
    assert not cloud.errors
    assert not cloud.proxy.counts.refused
