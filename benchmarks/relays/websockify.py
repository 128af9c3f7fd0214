"""websockify: a process for each session, in front of plain TCP servers, as it is made for."""

import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from support.programs import LOOPBACK, free_port, listens, running

from benchmarks.relays.relay import Relay, Way


@contextlib.asynccontextmanager
async def websockify(way: Way, directory: Path) -> AsyncIterator[Relay]:
    """Run websockify."""
    port = free_port()
    argv: list[str | Path] = [sys.executable, "-m", "websockify", f"{LOOPBACK}:{port}", f"{LOOPBACK}:{way.port}"]
    async with running("websockify", argv, logs=directory, ready=lambda: listens(port)) as process:
        yield Relay(process.pid, port)
