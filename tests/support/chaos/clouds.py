"""The simulated clouds with a cutter in front of each proxy, and what the gateway must be told of them."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from gateway.simulator.clouds import alibaba, cloud, huawei
from gateway.simulator.clouds.limits import IdleCounts, Times
from gateway.simulator.desktop.desktop import Desktop
from gateway.simulator.simulator import Simulator
from support.chaos.cutter import Cutter, cutter
from support.chaos.scenes import Behind
from support.chaos.trial import SEED
from support.programs import LOOPBACK
from support.rfb_client.client import capture_raw
from support.rfb_client.pixels import Colours
from support.servers.address import Address

UNLIMITED = Times(minute=0.001)  # "30 a minute" is no limit for a test that cuts five times a second


@dataclass(frozen=True, slots=True)
class Machine:
    """A simulated desktop; `address` serves it as plain VNC, too."""

    desktop: Desktop
    address: Address

    async def freeze(self) -> None:
        self.desktop.frozen = True

    async def thaw(self) -> None:
        self.desktop.frozen = False

    async def capture(self) -> Colours:
        return await capture_raw(self.address.host, self.address.port)


@dataclass(frozen=True, slots=True)
class Cloud:
    """One of the two: what it counts, what cuts its proxy, and the console as the gateway names it."""

    service: cloud.Cloud
    cutter: Cutter
    behind: Behind
    console: str


@dataclass(frozen=True, slots=True)
class Clouds:
    simulator: Simulator
    each: dict[str, Cloud]
    configuration: str

    @property
    def direct(self) -> dict[str, Address]:
        """The machines as static consoles, past the clouds."""
        return {name: next(iter(one.behind.scenes.values())).address for name, one in self.each.items()}


@contextlib.asynccontextmanager
async def clouds(
    times: Times = UNLIMITED, idle_counts: IdleCounts = IdleCounts.RFB, *, ali: str = "", hua: str = ""
) -> AsyncIterator[Clouds]:
    """Both clouds, their proxies reached through cutters only; `ali` and `hua` are lines of their providers' tables."""
    async with Simulator(times=times, idle_counts=idle_counts) as simulator:
        proxy = Address(simulator.port, "ws")
        async with cutter(proxy, seed=SEED) as first, cutter(proxy, seed=SEED + 1) as second:
            each = {
                "alibaba": await _cloud(simulator, simulator.alibaba, first, f"hangzhou/{alibaba.RUNNING}"),
                "huawei": await _cloud(simulator, simulator.huawei, second, f"singapore/{huawei.RUNNING}"),
            }
            yield Clouds(simulator, each, configuration(simulator, ali, hua))


async def _cloud(simulator: Simulator, service: cloud.Cloud, cuts: Cutter, console: str) -> Cloud:
    service.ws_base = cuts.address.url
    instance = service.instances[console.partition("/")[2]]
    machine = Machine(instance.desktop, Address(await simulator.listen(instance)))
    return Cloud(service, cuts, Behind(dict.fromkeys(cuts.targets, machine)), console)


def configuration(simulator: Simulator, ali: str = "", hua: str = "") -> str:
    """Tables of the gateway's configuration: a provider for each cloud."""
    return f"""
[credentials.ali]
{_key(simulator.alibaba)}
[credentials.hua]
{_key(simulator.huawei)}
[providers.hangzhou]
type = "alibaba"
region = "{alibaba.REGION}"
credentials = "ali"
endpoint = "{simulator.endpoint}"
allowed_hosts = ["{LOOPBACK}"]
{ali}
[providers.singapore]
type = "huawei"
region = "{huawei.REGION}"
project_id = "{huawei.PROJECT}"
credentials = "hua"
endpoint = "{simulator.endpoint}"
allowed_hosts = ["{LOOPBACK}"]
{hua}
"""


def _key(service: cloud.Cloud) -> str:
    key = service.keyring.main
    return f'source = "static"\naccess_key = "{key.access}"\nsecret_key = "{key.secret}"'
