"""Both replicas restarted, one after the other, under people at work: HAProxy, Redis, Chromium, two clouds, all real.

In `make test` with a few browsers and short waits; `make rolling` has a hundred, and HAProxy's file as it is.
"""

import asyncio
import contextlib
import os
import statistics
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from support.audit import chained, lines_of
from support.certificates import loopback_certificate
from support.components import needs
from support.deployed import HAPROXY, Ports, serving
from support.programs import LOOPBACK, free_port
from support.replicas.machines import PER_MINUTE, Machine, Machines, machines
from support.replicas.replica import Replica, replicas
from support.servers.redis import redis_server

BROWSERS = int(os.environ.get("ROLLING_BROWSERS", "6"))
FULL = "ROLLING_BROWSERS" in os.environ
DRAIN_DELAY, DRAIN = (10.0, 30.0) if FULL else (0.6, 1.0)
PATIENCE = DRAIN_DELAY + DRAIN + 15
QUICK_FRONT = {"check inter 2s": "check inter 200ms", "slowstart 10s": "slowstart 1s"}
LINES = 40 if FULL else 20  # that the machines print a second, all together
CUT_EVERY = 0.25  # seconds between two cuts of any machine's connection
PURSUED = 0.7  # seconds between two cuts of the same one's
FEW_CUTS = 1000 if FULL else 12  # for one machine: beyond its budget somebody has to wait for a minute

pytestmark = [
    needs("chromium", "playwright", "haproxy", "redis"),
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(1800 if FULL else 120),
]


@dataclass(frozen=True, slots=True)
class House:
    """Everything running, and a tab open at each machine."""

    replicas: list[Replica]
    machines: Machines
    tabs: list[Any]

    async def restart(self, replica: Replica) -> None:
        """Drain it, and have it back before anything else happens."""
        await replica.drain(within=PATIENCE)
        await replica.start()

    async def where(self, console: str) -> Replica:
        """The replica that has the console's session, as any of them tells it."""
        (session,) = (await self.replicas[0].bastion.api("GET", f"/sessions?console={console}")).body["sessions"]
        pid = int(session["replica"].split("-")[-2])
        return next(replica for replica in self.replicas if replica.process.pid == pid)

    async def rest(self) -> None:
        """Let all pictures stand still."""
        for machine in self.machines.each:
            machine.desktop.frozen = True

    def acts(self) -> list[dict[str, Any]]:
        """What both have written into their audits, each a chain over all its lives."""
        return [act for replica in self.replicas for act in chained(lines_of(replica.audit))]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(module_artifacts: Path) -> AsyncIterator[House]:
    from support.page import chromium  # playwright may be missing: then these tests are skipped by name
    from support.replicas.tabs import tabs

    certificate = loopback_certificate(module_artifacts / "tls")
    async with contextlib.AsyncExitStack() as stack:
        enter = stack.enter_async_context
        redis = await enter(redis_server(module_artifacts))
        behind = await enter(machines(BROWSERS))
        https = free_port()
        url = f"https://{LOOPBACK}:{https}"
        times = {"drain_delay": DRAIN_DELAY, "drain": DRAIN}
        pair = await enter(replicas(module_artifacts, redis=redis.url, tables=behind.tables, public_url=url, **times))
        ports = Ports(https, free_port(), pair[0].port, 0)
        await enter(serving(HAPROXY, ports, certificate, module_artifacts / "front", {} if FULL else QUICK_FRONT))

        async def link(machine: Machine) -> str:
            minted = await pair[0].bastion.minted(machine.console, user=f"user of {machine.console}")
            return str(minted["url"])

        browser = await enter(chromium("--process-per-site"))
        yield House(pair, behind, await enter(tabs(browser, behind.each, link)))


@contextlib.asynccontextmanager
async def at_work(house: House) -> AsyncIterator[None]:
    """Machines that print, connections that are cut, and one machine whose connection is cut again and again."""
    pursued, *others = house.machines.each

    async def every(seconds: float, act: Callable[[int], object]) -> None:
        for number in range(1_000_000):
            act(number)
            await asyncio.sleep(seconds)

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(every(1 / LINES, lambda _: house.machines.move())),
            group.create_task(every(CUT_EVERY, lambda number: others[number % len(others)].cut())),
            group.create_task(every(PURSUED, lambda number: number < FEW_CUTS and pursued.cut())),
        ]
        yield
        for task in tasks:
            task.cancel()


def seconds(times: Sequence[float]) -> str:
    """Median, 95th percentile and worst."""
    p95 = statistics.quantiles(times, n=20, method="inclusive")[-1]
    return f"median {statistics.median(times):.2f} s, 95 % within {p95:.2f} s, worst {max(times):.2f} s"


async def test_every_console_is_back_with_its_picture_and_nobody_is_asked_again(house: House, record_property) -> None:
    from support.replicas.tabs import faults

    async with at_work(house):
        for replica in house.replicas:
            await house.restart(replica)
    await house.rest()
    assert await faults(house.tabs, within=150 if FULL else 75) == {}
    returns = [await tab.away() for tab in house.tabs]
    away = [time for times in returns for time in times]
    record_property(
        "figure",
        f"rolling restart, {len(house.tabs)} browsers, {len(away)} times away: {seconds(away)}; "
        f"{house.machines.dials.total} dials, at most {house.machines.peak} of one machine in a minute",
    )
    assert all(returns), "each was on a replica that was restarted"
    for tab in house.tabs:
        assert "ended" not in dict(await tab.states())
    assert house.machines.peak <= PER_MINUTE
    acts = Counter(act["act"] for act in house.acts())
    assert acts["ticket_minted"] == acts["ticket_redeemed"] == len(house.tabs)
    assert acts["ticket_refused"] == 0
    assert acts["drain"] == acts["stop"] == len(house.replicas)
    opened = Counter(act["session"] for act in house.acts() if act["act"] == "session_opened")
    assert len(opened) == len(house.tabs), "sessions keep their ids"
    assert sum(opened.values()) >= len(house.tabs) + len(away), "one for each return"
    endings = {(act["console"], act["outcome"]) for act in house.acts() if act["act"] == "session_ended"}
    pursued = house.machines.each[0].console  # beyond its budget it has to wait now and then
    assert endings - {(pursued, "rate_limited")} == {(tab.machine.console, "going_away") for tab in house.tabs}


async def test_a_console_that_does_not_come_back_is_noticed_and_so_is_a_wrong_pixel(house: House) -> None:
    """The controls of the test above: without what it returns with, a tab is asked for a ticket again."""
    from support.replicas.tabs import faults

    await house.rest()
    lost, wrong, *others = house.tabs
    await lost.page.evaluate("sessionStorage.clear()")
    await (await house.where(lost.machine.console)).drain(within=PATIENCE)
    assert await faults(others, within=60) == {}
    wrong.machine.desktop.canvas.pixels[4000] ^= 1  # without a word to whoever looks
    found = await faults([lost, wrong], within=1)
    assert found[lost.machine.console].startswith("ended: Your access has ended")
    assert found[wrong.machine.console] == "1 pixels differ"
