"""The gateway of a soak, with a server of every kind behind its consoles."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from support.copies import Copies
from support.gateway import Gateway, gateway
from support.programs import Program, eventually, free_port
from support.raw_browser import RawBrowser, raw_browser
from support.scripted_server import ScriptedServer
from support.soak import (
    MIB,
    Clouds,
    Deaf,
    Pusher,
    clouds,
    settled,
    shows_and_babbles,
    shows_and_leaves,
    shows_one_picture,
)

LIVELY = """
[reconnect]
window = 0
per_minute = 100000
[keepalive]
upstream_after = 1
browser_ping = 1
browser_timeout = 20
"""

MOST = 250  # sessions at a time with servers of one kind


@dataclass(frozen=True, slots=True)
class House:
    """One gateway for all tests here, so that what one of them leaves behind is seen by the next."""

    gateway: Gateway
    cloud: Clouds
    pusher: Pusher
    deaf: Deaf
    copies: Copies

    @property
    def process(self) -> Program:
        return self.gateway.process

    @contextlib.asynccontextmanager
    async def opened(self, console: str, *, receive_buffer: int = 0) -> AsyncIterator[RawBrowser]:
        """A browser past its handshake, at a console of its own."""
        async with self.dialled(console, receive_buffer=receive_buffer) as browser:
            assert browser.status == 101
            await browser.handshake()
            yield browser

    def dialled(self, console: str, *, receive_buffer: int = 0) -> AbstractAsyncContextManager[RawBrowser]:
        """A browser that has an answer to its upgrade."""
        if console.startswith("lab/"):
            console = self.copies.own(console)
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


@contextlib.asynccontextmanager
async def running_house(logs: Path) -> AsyncIterator[House]:
    """Everything running."""
    pusher, deaf = Pusher(), Deaf()
    async with (
        clouds(logs) as cloud,
        ScriptedServer(shows_one_picture).running() as still,
        ScriptedServer(shows_and_leaves).running() as leaving,
        ScriptedServer(shows_and_babbles).running() as babbling,
        deaf.server.running() as unhearing,
        pusher.server.running() as pushing,
    ):
        servers = {
            "still": still.url,
            "leaving": leaving.url,
            "babbling": babbling.url,
            "deaf": unhearing.url,
            "pushing": pushing.url,
            "nobody": f"tcp://127.0.0.1:{free_port()}",
        }
        copies = Copies(servers, MOST)
        async with gateway(copies.consoles, logs=logs, more=LIVELY + cloud.tables) as running:
            yield House(running, cloud, pusher, deaf, copies)
