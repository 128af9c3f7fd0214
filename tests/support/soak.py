"""Watching a process for a while: its memory, its files, its CPU; and the load that a soak puts on a gateway."""

import asyncio
import contextlib
import os
import re
import statistics
import struct
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from support.programs import Program, free_port, running
from support.rfb_client import messages
from support.rfb_client.wire import Encoding
from support.scripted_server import SERVER_INIT, Connection, ScriptedServer

ROOT = Path(__file__).parents[2]
MIB = 1024 * 1024
EVERY = 0.1  # seconds between two samples
SECONDS = float(os.environ.get("SOAK_SECONDS", "1.0"))  # of each phase
FLAT = 2.0  # MiB: what an allocator may keep or give back; a leak of 1 KB a picture would be more
ASK = messages.update_request(0, 0, 64, 48, incremental=False)


@dataclass(slots=True)
class Trace:
    """Resident memory over time."""

    samples: list[int] = field(default_factory=list)

    @property
    def early(self) -> float:
        """MiB in the second quarter: the first is for warming up."""
        return statistics.median(self.samples[self._quarter : 2 * self._quarter]) / MIB

    @property
    def growth(self) -> float:
        """MiB from the second quarter to the last one."""
        return statistics.median(self.samples[-self._quarter :]) / MIB - self.early

    @property
    def _quarter(self) -> int:
        quarter = len(self.samples) // 4
        assert quarter >= 2, "too short to tell"
        return quarter

    @property
    def peak(self) -> float:
        return max(self.samples) / MIB


@contextlib.asynccontextmanager
async def watched(program: Program) -> AsyncIterator[Trace]:
    """Sample the program's memory until the block is left."""
    trace = Trace()

    async def sample() -> None:
        while True:
            trace.samples.append(program.rss())
            await asyncio.sleep(EVERY)

    task = asyncio.create_task(sample())
    try:
        yield trace
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def settled(program: Program, *, within: float = 2.0) -> float:
    """MiB of resident memory once it does not move any more."""
    seen = [program.rss()]
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        await asyncio.sleep(EVERY)
        seen.append(program.rss())
        if len(seen) > 5 and max(seen[-5:]) - min(seen[-5:]) < 64 * 1024:
            break
    return seen[-1] / MIB


def open_files(program: Program) -> int:
    return len(os.listdir(f"/proc/{program.pid}/fd"))


def threads(program: Program) -> int:
    return len(os.listdir(f"/proc/{program.pid}/task"))


# Servers.


def raw_update(width: int, height: int) -> bytes:
    """A whole picture, without compression."""
    return struct.pack(">BxH4Hi", 0, 1, 0, 0, width, height, Encoding.RAW) + os.urandom(width * height * 4)


class Pusher:
    """A server that sends pictures as fast as they are taken, once it was asked for one; `sent` counts all bytes."""

    def __init__(self) -> None:
        self.sent = 0
        self.server = ScriptedServer(self._push)

    async def _push(self, connection: Connection) -> None:
        width, height = struct.unpack(">HH", SERVER_INIT[:4])
        update = raw_update(width, height)
        await connection.handshake()
        await connection.exactly(len(ASK))
        while True:
            await connection.send(update)
            self.sent += len(update)


class Deaf:
    """A server that greets, and then reads nothing until it is `released`: then it goes away."""

    def __init__(self) -> None:
        self.released = asyncio.Event()
        self.server = ScriptedServer(self._ignore)

    async def _ignore(self, connection: Connection) -> None:
        await connection.handshake()
        await self.released.wait()


async def shows_one_picture(connection: Connection) -> None:
    """A server whose screen stands still: one picture, and then it only listens."""
    await connection.handshake()
    await connection.send(raw_update(64, 48))
    while await connection.reader.read(65536):
        pass


async def shows_and_leaves(connection: Connection) -> None:
    """A server that goes away after one picture: its sessions are spliced, again and again."""
    await connection.handshake()
    await connection.send(raw_update(64, 48))


async def shows_and_babbles(connection: Connection) -> None:
    """A server that sends something of its own invention after one picture."""
    await connection.handshake()
    await connection.send(raw_update(64, 48) + bytes([77]))
    await connection.reader.read()


# The simulated clouds as a process, so that their memory is not ours.


@dataclass(frozen=True, slots=True)
class Clouds:
    """What `vnc-gateway simulate` printed. `tables`: the configuration of provider `ali` on them."""

    program: Program
    instance: str
    tables: str


@contextlib.asynccontextmanager
async def clouds(logs: Path) -> AsyncIterator[Clouds]:
    """Run the simulator."""
    log = logs / "simulate.log"
    argv = [sys.executable, "-m", "gateway", "simulate", "--port", str(free_port())]

    def ready() -> bool:
        return "huawei" in log.read_text()

    async with running("simulate", argv, logs=logs, ready=ready, cwd=ROOT) as program:
        found = re.search(
            r"alibaba +(\S+)\n +access key +(\S+)\n +secret key +(\S+)\n +instance +(\S+) +in (\S+), running",
            program.output(),
        )
        assert found is not None, program.output()
        endpoint, access, secret, instance, region = found.groups()
        tables = f"""
[credentials.key]
source = "static"
access_key = "{access}"
secret_key = "{secret}"
[providers.ali]
type = "alibaba"
region = "{region}"
credentials = "key"
endpoint = "{endpoint}"
allowed_hosts = ["127.0.0.1"]
"""
        yield Clouds(program, instance, tables)
