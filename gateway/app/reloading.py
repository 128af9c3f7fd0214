"""The configuration is read again while the gateway runs: on SIGHUP, and when its files hold something else.

What can be taken over is, at one moment; what can't is told key by key. With a single fault nothing changes.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Literal

import structlog

from gateway.app.wiring import Gateway
from gateway.config.changes import Change
from gateway.config.check import cautions, open_files
from gateway.config.settings import Settings
from gateway.config.source import Source
from gateway.errors import ConfigurationError
from gateway.telemetry import logs

POLL = 10.0
"""Seconds between two looks at the files, as at certificates."""

SETTLED = 1.0
"""Seconds without another change before files that changed are read: half a file may pass for a whole one."""

Why = Literal["signal", "file"]


def warn(settings: Settings) -> None:
    """Log what of the settings is allowed and yet worth a word."""
    for caution in cautions(settings, os.environ, open_files()):
        structlog.get_logger().warning("configuration.caution", place=caution.place, caution=caution.message)


@asynccontextmanager
async def reloading(
    gateway: Gateway,
    source: Source,
    begun: Callable[[], object] = lambda: None,
    over: Callable[[], object] = lambda: None,
) -> AsyncIterator[None]:
    """While the block lasts `gateway` follows what `source` says. `begun` and `over` are told of each reload."""
    reloader = Reloader(gateway, source, begun, over)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, reloader.asked.set)
    watching = asyncio.create_task(reloader.watch())
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        watching.cancel()
        await asyncio.wait([watching])


class Reloader:
    """One reload after the other; `asked` is set to have one at once."""

    def __init__(
        self, gateway: Gateway, source: Source, begun: Callable[[], object], over: Callable[[], object]
    ) -> None:
        self.asked = asyncio.Event()
        self._gateway = gateway
        self._source = source
        self._begun = begun
        self._over = over

    async def watch(self) -> None:
        """Reload whenever there is a reason to."""
        while True:
            why = await self._reason()
            if self._gateway.readiness.state == "draining":  # it is for whoever comes after
                return
            try:
                await self.reload(why)
            except Exception:  # a bug here is no reason to miss the next change, or to end consoles
                structlog.get_logger().exception("configuration.bug")
                self._tell(why, "failed")

    async def _reason(self) -> Why:
        while True:
            try:
                async with asyncio.timeout(POLL):
                    await self.asked.wait()
            except TimeoutError:
                if await asyncio.to_thread(lambda: self._source.changed):  # a mounted file may be slow
                    await self._until_settled()
                    return "file"
                continue
            self.asked.clear()
            return "signal"

    async def _until_settled(self) -> None:
        before = b""
        while (now := await asyncio.to_thread(self._source.content)) != before:
            before = now
            await asyncio.sleep(SETTLED)

    async def reload(self, why: Why) -> None:
        """Read the configuration and go over to it; whatever is wrong with it is told in one go."""
        self._begun()
        try:
            settings = await asyncio.to_thread(self._source.read)
            change = await self._gateway.following.follow(settings)
        except ConfigurationError as error:
            self._refused(why, str(error).splitlines())
        else:
            self._taken(why, change)
        finally:
            self._over()

    def _refused(self, why: Why, faults: list[str]) -> None:
        structlog.get_logger().error("configuration.not_reloaded", why=why, faults=faults)
        self._tell(why, "failed")

    def _taken(self, why: Why, change: Change) -> None:
        log = change.settings.log
        if any(key.startswith("log.") for key in change.taken):
            logs.configure(log.level, log.format)
        structlog.get_logger().info("configuration.reloaded", why=why, changed=list(change.taken))
        waiting = dict.fromkeys((*change.waiting, *self._source.hidden))
        if waiting:
            faults = [f"{key}: needs a restart" for key in waiting]
            structlog.get_logger().warning("configuration.needs_restart", faults=faults)
        warn(change.settings)
        self._tell(why, "done")

    def _tell(self, why: Why, outcome: Literal["done", "failed"]) -> None:
        self._gateway.metrics.reloaded(outcome)
        self._gateway.audit.note("configuration_reloaded", outcome=outcome, why=why)
