"""Many machines of both simulated clouds, and what the clouds have counted of each."""

import contextlib
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass

from gateway.config.blocks import Reconnect
from gateway.simulator.clouds import alibaba, huawei
from gateway.simulator.clouds.cloud import Cloud
from gateway.simulator.clouds.faults import Cut
from gateway.simulator.clouds.instances import Instance
from gateway.simulator.clouds.limits import Budget
from gateway.simulator.desktop.desktop import Desktop
from gateway.simulator.simulator import Simulator
from support.chaos.clouds import configuration

PER_MINUTE = Reconnect().per_minute
SCREEN = (400, 300)  # a hundred of them have to be drawn by one process
WINDOW = 59.0
"""Seconds of a minute: the gateway counts when it is about to ask, the cloud when it is asked."""


class Tally(Budget):
    """What a cloud counts of each machine, without a limit. `peak`: the most of one machine within WINDOW."""

    def __init__(self) -> None:
        super().__init__(1_000_000, WINDOW)
        self.peak = 0
        self._totals: Counter[str] = Counter()

    def spend(self, instance: str, now: float) -> float:
        """Count one more."""
        super().spend(instance, now)
        self._totals[instance] += 1
        self.peak = max(self.peak, len(self._spent[instance]))
        return 0

    def of(self, instance: str) -> int:
        """All of one machine."""
        return self._totals[instance]

    @property
    def total(self) -> int:
        return self._totals.total()


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine; `console` is the gateway's name of it."""

    console: str
    cloud: Cloud
    instance: Instance

    @property
    def desktop(self) -> Desktop:
        return self.instance.desktop

    def cut(self) -> int:
        """Reset whoever is connected to it; how many that were."""
        return self.cloud.proxy.cut(Cut.RESET, self.instance.id)


@dataclass(slots=True)
class Machines:
    """All of them. `tables`: the configuration of their providers. `calls` and `dials`: tallies of both clouds."""

    each: list[Machine]
    tables: str
    calls: Tally
    dials: Tally
    _lines: int = 0

    @property
    def peak(self) -> int:
        """The most that a cloud was asked about one machine, or that one was dialled, within a minute."""
        return max(self.calls.peak, self.dials.peak)

    def move(self) -> None:
        """Let the next machine in turn print a line."""
        machine = self.each[self._lines % len(self.each)]
        self._lines += 1
        machine.desktop.print(f"{self._lines}: {time.time():.3f}\n")


@contextlib.asynccontextmanager
async def machines(count: int) -> AsyncIterator[Machines]:
    """`count` machines, those of both clouds in turn. They stand still unless they are moved."""
    async with Simulator() as simulator:
        calls, dials = Tally(), Tally()
        clouds = [
            ("hangzhou", simulator.alibaba, alibaba.REGION, "i-bp1{:06d}"),
            ("singapore", simulator.huawei, huawei.PROJECT, "47bc79ae-df61-4ade-9197-{:012d}"),
        ]
        for _, cloud, *_ in clouds:
            cloud.budget, cloud.proxy.budget = calls, dials
        each = []
        for number, (provider, cloud, place, name) in zip(range(count), itertools.cycle(clouds), strict=False):
            instance = cloud.add(name.format(number), place)
            instance.desktop.resize(*SCREEN)
            instance.desktop.animated = False
            each.append(Machine(f"{provider}/{instance.id}", cloud, instance))
        yield Machines(each, configuration(simulator), calls, dials)
