"""Long, idle and stuck sessions: what a gateway process holds stays what it was.

In `make test` each phase lasts a second or two, in `make soak-short` a minute.
"""

import asyncio
import contextlib
import time

import pytest
from support.programs import eventually
from support.raw_browser import RawBrowser
from support.rfb_client import messages
from support.rfb_client.wire import Encoding
from support.soak import ASK, FLAT, SECONDS, settled, watched
from support.soak_house import House

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120 + 6 * SECONDS)]

SCREEN = (800, 600)  # of the simulated machine
PICTURE = 16 + SCREEN[0] * SCREEN[1] * 4  # bytes of an update of one Raw rectangle


async def test_many_idle_sessions_cost_little_and_nothing_more_as_time_passes(house: House, record_property):
    """Each after one picture, kept alive by pings of both sides and by keepalive messages."""
    count = 200
    async with contextlib.AsyncExitStack() as stack:
        waiting = []

        async def rest() -> None:
            browser = await stack.enter_async_context(house.opened("lab/still"))
            waiting.append(asyncio.create_task(browser.closed(within=3600)))  # answers pings meanwhile

        await rest()
        empty = await settled(house.process)  # with what only the first one costs
        for _ in range(count):
            await rest()
        await settled(house.process)
        each, cpu = house.each(count, empty), house.process.cpu()
        async with watched(house.process) as trace:
            await asyncio.sleep(SECONDS)
        cpu = (house.process.cpu() - cpu) / SECONDS
        assert await house.sessions() == count + 1
        for task in waiting:
            task.cancel()
    record_property(
        "figure",
        f"{count} idle sessions, {SECONDS:g} s: {each:.1f} KiB each, growth {trace.growth:+.2f} MiB, "
        f"{100 * cpu:.1f} % of a core for pings and keepalive once a second",
    )
    assert trace.growth < FLAT
    assert each < 64


async def test_one_session_through_a_cloud_at_rest_and_at_full_speed(house: House, record_property):
    """At rest only a clock and a chart move; at full speed whole pictures go without a pause."""
    whole = messages.update_request(0, 0, *SCREEN, incremental=False)
    async with house.opened(f"ali/{house.cloud.instance}") as browser:
        await browser.send(messages.set_encodings([Encoding.RAW]) + whole)
        await browser.read(PICTURE)
        async with watched(house.process) as rest:
            await follow(browser, SECONDS)
        async with watched(house.process) as speed:
            pictures = await pour(browser, whole, SECONDS)
    record_property(
        "figure",
        f"one session, {SECONDS:g} s at rest: growth {rest.growth:+.2f} MiB; {SECONDS:g} s at full speed "
        f"({pictures * PICTURE / SECONDS / 1e6:.0f} MB/s): growth {speed.growth:+.2f} MiB, peak {speed.peak:.1f} MiB",
    )
    assert pictures > 5
    assert rest.growth < FLAT
    assert speed.growth < FLAT


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


async def test_browsers_that_never_read_hold_no_more_than_one_buffer_each(house: House, record_property):
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
    record_property(
        "figure",
        f"{count} browsers that never read, {2 * SECONDS:g} s: {each:.0f} KiB each, growth {trace.growth:+.2f} MiB",
    )
    assert taken == 0, "the servers are slowed down"
    assert each < 256 + 64, "one receive buffer, and what a session costs"
    assert trace.growth < FLAT


async def test_servers_that_never_read_slow_their_browsers(house: House, record_property):
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
    record_property(
        "figure", f"{count} servers that never read, {SECONDS:g} s: {each:.0f} KiB each, growth {trace.growth:+.2f} MiB"
    )
    assert each < 256 + 64
    assert trace.growth < FLAT
