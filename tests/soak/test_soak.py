"""Long, idle, stuck and short sessions: what a gateway process holds stays what it was.

In `make test` each phase lasts seconds, in `make soak-short` a minute.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from support.gateway import Gateway, gateway
from support.programs import Program, eventually, free_port
from support.raw_browser import RawBrowser, raw_browser
from support.rfb_client import messages
from support.rfb_client.wire import Encoding
from support.scripted_server import ScriptedServer
from support.soak import (
    ASK,
    FIGURES,
    SECONDS,
    Clouds,
    Deaf,
    Pusher,
    clouds,
    open_files,
    settled,
    shows_and_babbles,
    shows_and_leaves,
    shows_one_picture,
    threads,
    watched,
)

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120 + 6 * SECONDS)]

MIB = 1024 * 1024
FLAT = 2.0  # MiB: what an allocator may keep or give back; a leak of 1 KB a picture would be more
LIVELY = """
[reconnect]
window = 0
per_minute = 100000
[keepalive]
upstream_after = 1
browser_ping = 1
browser_timeout = 20
"""
SCREEN = (800, 600)  # of the simulated machine
PIECE = 16 + 64 * 48 * 4  # bytes of an update from the servers here
PICTURE = 16 + SCREEN[0] * SCREEN[1] * 4  # bytes of an update of one Raw rectangle


@dataclass(frozen=True, slots=True)
class House:
    """One gateway for all tests here, so that what one of them leaves behind is seen by the next."""

    gateway: Gateway
    cloud: Clouds
    pusher: Pusher
    deaf: Deaf

    @property
    def process(self) -> Program:
        return self.gateway.process

    @contextlib.asynccontextmanager
    async def opened(self, console: str, *, receive_buffer: int = 0) -> AsyncIterator[RawBrowser]:
        """A browser past its handshake."""
        async with self.dialled(console, receive_buffer=receive_buffer) as browser:
            assert browser.status == 101
            await browser.handshake()
            yield browser

    def dialled(self, console: str, *, receive_buffer: int = 0) -> AbstractAsyncContextManager[RawBrowser]:
        """A browser that has an answer to its upgrade."""
        return raw_browser(self.gateway.port, f"/ws/{console}", receive_buffer=receive_buffer)

    async def sessions(self) -> int:
        return int((await self.gateway.metrics())["vnc_gateway_sessions"])

    async def empty(self) -> float:
        """Wait until no session is open and memory is at rest: MiB."""

        async def none() -> bool:
            return await self.sessions() == 0

        await eventually(none, what="all sessions over")
        return await settled(self.process)

    def each(self, count: int, empty: float) -> float:
        """KiB for each of `count` sessions."""
        return (self.process.rss() / MIB - empty) * 1024 / count


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(module_artifacts: Path) -> AsyncIterator[House]:
    pusher, deaf = Pusher(), Deaf()
    async with (
        clouds(module_artifacts) as cloud,
        ScriptedServer(shows_one_picture).running() as still,
        ScriptedServer(shows_and_leaves).running() as leaving,
        ScriptedServer(shows_and_babbles).running() as babbling,
        deaf.server.running() as unhearing,
        pusher.server.running() as pushing,
    ):
        consoles = {
            "still": still.url,
            "leaving": leaving.url,
            "babbling": babbling.url,
            "deaf": unhearing.url,
            "pushing": pushing.url,
        }
        consoles["nobody"] = f"tcp://127.0.0.1:{free_port()}"
        async with gateway(consoles, logs=module_artifacts, more=LIVELY + cloud.tables) as running:
            yield House(running, cloud, pusher, deaf)


async def follow(browser: RawBrowser, seconds: float) -> None:
    """Be a viewer whose machine is left alone: ask for what changes, and read it."""
    ask = messages.update_request(0, 0, *SCREEN, incremental=True)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        await browser.send(ask)
        head = await browser.read(4)
        for _ in range(int.from_bytes(head[2:], "big")):
            rect = await browser.read(12)
            await browser.read(int.from_bytes(rect[4:6], "big") * int.from_bytes(rect[6:8], "big") * 4)


async def pour(browser: RawBrowser, whole: bytes, seconds: float) -> int:
    """Ask for the whole picture again and again: how many came."""
    deadline = time.monotonic() + seconds
    pictures = 0
    while time.monotonic() < deadline:
        await browser.send(whole)
        await browser.read(PICTURE)
        pictures += 1
    return pictures


async def test_many_idle_sessions_cost_little_and_nothing_more_as_time_passes(house: House):
    """Each after one picture, kept alive by pings of both sides and by keepalive messages."""
    count = 200
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(house.opened("lab/still"))  # what only the first one costs
        empty = await settled(house.process)
        waiting = []
        for _ in range(count):
            browser = await stack.enter_async_context(house.opened("lab/still"))
            waiting.append(asyncio.create_task(browser.read(1 << 30)))  # answers pings meanwhile
        await settled(house.process)
        each, cpu = house.each(count, empty), house.process.cpu()
        async with watched(house.process) as trace:
            await asyncio.sleep(SECONDS)
        cpu = (house.process.cpu() - cpu) / SECONDS
        assert await house.sessions() == count + 1
        for task in waiting:
            task.cancel()
    FIGURES.append(
        f"{count} idle sessions, {SECONDS:g} s: {each:.1f} KiB each, growth {trace.growth:+.2f} MiB, "
        f"{100 * cpu:.1f} % of a core for pings and keepalive once a second"
    )
    assert trace.growth < FLAT
    assert each < 64


async def test_one_session_through_a_cloud_at_rest_and_at_full_speed(house: House):
    """At rest only a clock and a chart move; at full speed whole pictures go without a pause."""
    whole = messages.update_request(0, 0, *SCREEN, incremental=False)
    async with house.opened(f"ali/{house.cloud.instance}") as browser:
        await browser.send(messages.set_encodings([Encoding.RAW]) + whole)
        await browser.read(PICTURE)
        async with watched(house.process) as rest:
            await follow(browser, SECONDS)
        async with watched(house.process) as speed:
            pictures = await pour(browser, whole, SECONDS)
    FIGURES.append(
        f"one session, {SECONDS:g} s at rest: growth {rest.growth:+.2f} MiB; {SECONDS:g} s at full speed "
        f"({pictures * PICTURE / SECONDS / 1e6:.0f} MB/s): growth {speed.growth:+.2f} MiB, peak {speed.peak:.1f} MiB"
    )
    assert pictures > 5
    assert rest.growth < FLAT
    assert speed.growth < FLAT


async def test_browsers_that_never_read_hold_no_more_than_one_buffer_each(house: House):
    """The servers push all the time: what is in the gateway is bounded, and the rest stays with them."""
    count, empty = 50, await house.empty()
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(count):
            browser = await stack.enter_async_context(house.opened("lab/pushing", receive_buffer=4096))
            await browser.send(ASK)
        await asyncio.sleep(SECONDS)
        before = house.pusher.sent
        async with watched(house.process) as trace:
            await asyncio.sleep(SECONDS)
        taken = house.pusher.sent - before
        each = house.each(count, empty)
        assert await house.sessions() == count
    FIGURES.append(
        f"{count} browsers that never read, {2 * SECONDS:g} s: {each:.0f} KiB each, growth {trace.growth:+.2f} MiB"
    )
    assert taken == 0, "the servers are slowed down"
    assert each < 256 + 64, "one receive buffer, and what a session costs"
    assert trace.growth < FLAT


async def test_servers_that_never_read_slow_their_browsers(house: House):
    """The other direction: a flood of pointer events that nobody takes is not queued in the gateway."""
    count, empty, sent = 20, await house.empty(), 0
    flood = messages.pointer(1, 1) * 4000

    async def push(browser: RawBrowser) -> None:
        nonlocal sent
        while True:
            await browser.send(flood)
            sent += len(flood)

    async with contextlib.AsyncExitStack() as stack:
        browsers = [await stack.enter_async_context(house.opened("lab/deaf")) for _ in range(count)]
        pushing = [asyncio.create_task(push(browser)) for browser in browsers]
        before, since = sent, time.monotonic()

        def stuck() -> bool:
            nonlocal before, since
            if sent != before:
                before, since = sent, time.monotonic()
            return time.monotonic() - since > 1.0

        await eventually(stuck, within=30, what="the kernel's buffers to be full, and the browsers to be slowed")
        async with watched(house.process) as trace:
            await asyncio.sleep(SECONDS)
        each = house.each(count, empty)
        for task in pushing:
            task.cancel()
        house.deaf.released.set()
    FIGURES.append(
        f"{count} servers that never read, {SECONDS:g} s: {each:.0f} KiB each, growth {trace.growth:+.2f} MiB"
    )
    assert each < 256 + 64
    assert trace.growth < FLAT


async def by_the_browser(house: House) -> None:
    async with house.opened("lab/still") as browser:
        await browser.send(b"\x03\xe8", opcode=8)
        await browser.closed()


async def by_a_reset(house: House) -> None:
    async with house.opened("lab/still"):
        pass


async def by_a_broken_frame(house: House) -> None:
    async with house.opened("lab/still") as browser:
        await browser.write(b"\xff\xff")
        await browser.closed()


async def by_a_broken_server(house: House) -> None:
    async with house.opened("lab/babbling") as browser:
        await browser.closed()


async def after_some_splices(house: House) -> None:
    async with house.opened("lab/leaving") as browser:
        await browser.read(3 * PIECE)


async def before_the_opening(house: House) -> None:
    async with house.dialled("lab/still"):
        pass


async def without_a_server(house: House) -> None:
    async with house.dialled("lab/nobody") as browser:
        await browser.closed()


async def refused(house: House) -> None:
    async with house.dialled("lab/still?ticket=wrong") as browser:
        assert browser.status == 401


WAYS = (
    by_the_browser,
    by_a_reset,
    by_a_broken_frame,
    by_a_broken_server,
    after_some_splices,
    before_the_opening,
    without_a_server,
    refused,
)


async def test_sessions_that_come_and_go_leave_nothing(house: House):
    """Ended in every way there is: by either side, by a fault, before and after the opening."""
    rounds = max(18, int(SECONDS * 8))

    async def each_way(times: int) -> float:
        for _ in range(times):
            await asyncio.gather(*(way(house) for way in 4 * WAYS))
        return await house.empty()

    before = await each_way(rounds // 4)
    files, running = open_files(house.process), threads(house.process)
    started = time.monotonic()
    growth = await each_way(rounds) - before
    count, took = 4 * rounds * len(WAYS), time.monotonic() - started
    FIGURES.append(
        f"{count} sessions come and gone, {count / took:.0f} a second: growth {growth:+.2f} MiB, "
        f"files {files} -> {open_files(house.process)}, threads {running} -> {threads(house.process)}"
    )
    assert open_files(house.process) <= files
    assert threads(house.process) <= running
    assert growth < FLAT
