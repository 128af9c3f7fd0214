"""Two replicas for as long as it takes: people come and go, are cut off, thrown out, and return to either of them.

In `make test` a few consoles for some seconds; `make soak` has two hundred for an hour.
"""

import asyncio
import contextlib
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from support.audit import chained, lines_of
from support.components import needs
from support.programs import eventually
from support.replicas.counted import Count
from support.replicas.ledger import Ledger
from support.replicas.machines import PER_MINUTE, Machines, machines
from support.replicas.replica import Replica, replicas
from support.replicas.seat import Seat
from support.replicas.visit import Doors
from support.servers.redis import RedisServer, redis_server
from support.soak import FLAT, MIB, SECONDS, Trace, open_files, settled, threads, watched

SESSIONS = int(os.environ.get("SOAK_SESSIONS", "8"))
SEED = int(os.environ.get("SOAK_SEED", "6"))
LONG = max(1.5, SECONDS)
WARM = min(LONG, 300.0)  # seconds, before anything is held against it
PAUSE = min(40.0, LONG / 4)  # seconds between two acts at a console, on average
TENTH = 10  # one browser of so many reads slowly
SLOW = 20_000 if LONG >= 60 else 500_000  # bytes a second that it takes
LINES = 20  # that the machines print a second, all together
SHOWN = 50  # faults and unexplained endings that are printed
POOL = 20  # connections to Redis, of which each replica has as many as were ever needed at once
EXECUTOR = min(32, (os.cpu_count() or 1) + 4)  # threads, one more for each of a loop's first calls to one
BLOCKS = 4_000  # that caches fill with while sessions come and go, and a few open connections more
NOTE = 6  # blocks that each replica keeps of a session that was ended, for as long as its browser could return
BYTES = MIB // 2  # in larger pieces

pytestmark = [needs("redis"), pytest.mark.timeout(600 + 3 * SECONDS)]


@dataclass(frozen=True, slots=True)
class Rest:
    """A replica without a session: resident memory in MiB, open files, threads, and what is in it."""

    rss: float
    files: int
    threads: int
    count: Count


@dataclass(frozen=True, slots=True)
class House:
    replicas: list[Replica]
    machines: Machines
    redis: RedisServer
    doors: Doors
    ledger: Ledger
    seen: list[int] = field(default_factory=list)

    async def busy(self, seconds: float) -> None:
        """Have somebody at every console for that long."""
        until = time.monotonic() + seconds
        background = [asyncio.create_task(each()) for each in (self._move, self._look)]
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(SESSIONS):
                    slow = 0 if number % TENTH else SLOW
                    seat = Seat(number, self.machines, self.doors, self.ledger, pause=PAUSE, slow=slow)
                    group.create_task(seat.run(until))
        finally:
            for task in background:
                task.cancel()
            await asyncio.wait(background)

    async def rest(self, replica: Replica) -> Rest:
        """Wait until nobody is there."""

        async def empty() -> bool:
            metrics = await replica.bastion.gateway.metrics()
            return metrics["vnc_gateway_sessions"] == 0

        await eventually(empty, within=60, what=f"all sessions of {replica.name} to be over")
        count = await replica.count()

        async def answered() -> bool:  # the question above, and whatever else was asked over HTTP
            nonlocal count
            count = await replica.count()
            return not count.alive["RequestHandler._handle_request"]

        await eventually(answered, within=10, what="requests to be over")
        rss = await settled(replica.process)
        return Rest(rss, open_files(replica.process), threads(replica.process), count)

    async def _move(self) -> None:
        while True:
            self.machines.move()
            await asyncio.sleep(1 / LINES)

    async def _look(self) -> None:
        """Count who is there, now and then."""
        while True:
            await asyncio.sleep(LONG / 6)
            counts = [await replica.count() for replica in self.replicas]
            self.seen.append(sum(each.alive["Session"] for each in counts))


@contextlib.asynccontextmanager
async def house(directory: Path) -> AsyncIterator[House]:
    async with (
        redis_server(directory) as redis,
        machines(SESSIONS) as behind,
        replicas(directory, redis=redis.url, tables=behind.tables, counted=True) as pair,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True)) as http,
    ):
        yield House(pair, behind, redis, Doors(pair, http, random.Random(SEED)), Ledger())


async def test_an_hour_of_comings_and_goings_leaves_nothing_and_every_ending_is_explained(
    artifacts: Path, record_property
) -> None:
    async with house(artifacts) as at:
        await at.busy(WARM)
        before = await asyncio.gather(*map(at.rest, at.replicas))
        async with watched(at.replicas[0].process) as first, watched(at.replicas[1].process) as second:
            await at.busy(LONG)
        after = await asyncio.gather(*map(at.rest, at.replicas))
        acts = [act for replica in at.replicas for act in chained(lines_of(replica.audit))]
        wrong = at.ledger.unexplained(acts)
        for line in figures(at, acts, list(zip(at.replicas, (first, second), before, after, strict=True))):
            record_property("figure", line)
        assert [*at.ledger.faults, *wrong] == []
        assert max(at.seen) > SESSIONS / 2, "what is looked for after the end is found before"
        await nothing_left(at, before, after)
        for trace, now in zip((first, second), after, strict=True):
            assert trace.growth < FLAT
            assert now.rss < trace.early + FLAT, "more at rest than under load"
        assert at.machines.peak <= PER_MINUTE
        assert Counter(act["act"] for act in acts)["ticket_refused"] == at.ledger.refusals


async def nothing_left(at: House, before: list[Rest], after: list[Rest]) -> None:
    """Compare two rests; and in Redis there is neither a lease nor a session."""
    for was, now in zip(before, after, strict=True):
        assert not now.count.alive - was.count.alive, "tasks and parts of sessions"
        assert now.files <= was.files + POOL
        assert now.threads <= was.threads + EXECUTOR
        assert now.count.blocks - was.count.blocks < BLOCKS + NOTE * at.ledger.done["end_by_admin"]
        assert now.count.bytes - was.count.bytes < BYTES

    async with at.redis.client() as redis:

        async def gone() -> bool:
            return not [key async for key in redis.scan_iter() if key.startswith(("vg:lease:", "vg:session:"))]

        await eventually(gone, within=60, what="leases and sessions to be gone")


def figures(at: House, acts: list[dict[str, Any]], each: list[tuple[Replica, Trace, Rest, Rest]]) -> Iterator[str]:
    """Lines for the end of the run."""
    endings = Counter(act["outcome"] for act in acts if act["act"] == "session_ended")
    head = f"soak of two replicas, {LONG:g} s, {SESSIONS} consoles, sessions at a time {min(at.seen)} to {max(at.seen)}"
    yield f"{head}: {_counts(at.ledger.done)}"
    wrong = at.ledger.unexplained(acts)
    yield f"  endings: {_counts(endings)}; unexplained: {len(wrong)}; faults: {len(at.ledger.faults)}"
    yield from (f"    {line}" for line in [*at.ledger.faults, *wrong][:SHOWN])
    yield f"  {at.machines.dials.total} dials, at most {at.machines.peak} of one machine in a minute"
    for replica, trace, was, now in each:
        hourly = trace.growth * 3600 / (LONG / 2)  # from the second quarter to the last
        growth = f"{trace.growth:+.2f} MiB" + (f" ({hourly:+.2f} an hour)" if LONG >= 600 else "")
        yield (
            f"  {replica.name}: under load {trace.early:.1f} {growth}, peak {trace.peak:.1f} MiB; "
            f"at rest {was.rss:.1f} -> {now.rss:.1f} MiB, of which in use {_held(was.count)} -> {_held(now.count)}, "
            f"files {was.files} -> {now.files}, threads {was.threads} -> {now.threads}, "
            f"tasks and parts {was.count.alive.total()} -> {now.count.alive.total()}"
        )


def _held(count: Count) -> str:
    return f"{count.blocks:,} blocks and {count.bytes / MIB:.2f} MiB"


def _counts(counted: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counted.most_common())
