"""The relay in C: what copying the bytes costs at least."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from support.programs import free_port, listens, running

from benchmarks.load import compiled
from benchmarks.relays.relay import Relay, Way

SOURCE = Path(__file__).with_suffix(".c")


@contextlib.asynccontextmanager
async def epoll_relay(way: Way, directory: Path) -> AsyncIterator[Relay]:
    """Compile it and run it."""
    port = free_port()
    argv: list[str | Path] = [compiled([SOURCE], directory / "epoll_relay"), str(port), str(way.port)]
    async with running("epoll_relay", argv, logs=directory, ready=lambda: listens(port)) as process:
        yield Relay(process.pid, port)
