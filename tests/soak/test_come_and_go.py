"""Sessions that come and go by the hundred: memory, files and threads stay what they were."""

import asyncio
import os
import time

import pytest
from support.soak import FLAT, SECONDS, open_files, threads
from support.soak_house import House

POOL = min(32, (os.cpu_count() or 1) + 4)
"""Threads that an event loop's pool may grow to, for names and files; not one for each session."""

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120 + 6 * SECONDS)]

PIECE = 16 + 64 * 48 * 4  # bytes of an update from the servers here


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


async def test_sessions_that_come_and_go_leave_nothing(house: House, record_property):
    """Ended in every way there is: by either side, by a fault, before and after the opening."""
    rounds = max(18, int(SECONDS * 8))

    async def each_way(times: int) -> float:
        for _ in range(times):
            await asyncio.gather(*(way(house) for way in 4 * WAYS))
        return await house.empty()

    before = await each_way(rounds // 2)
    files, running = open_files(house.process), threads(house.process)
    started = time.monotonic()
    growth = await each_way(rounds) - before
    count, took = 4 * rounds * len(WAYS), time.monotonic() - started
    record_property(
        "figure",
        f"{count} sessions come and gone, {count / took:.0f} a second: growth {growth:+.2f} MiB, "
        f"files {files} -> {open_files(house.process)}, threads {running} -> {threads(house.process)}",
    )
    assert open_files(house.process) <= files
    assert threads(house.process) <= running + POOL
    assert growth < 2 * FLAT
