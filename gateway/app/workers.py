"""`serve --workers N`: processes that share the public port, and the one that starts them and keeps them going.

That one serves nothing. It passes signals on, puts another process in the place of one that died or hangs, and tells
systemd of all of them as of one. Leaves to the configuration what they do differently.
"""

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import structlog

from gateway.app.notifying import Notifier
from gateway.app.worker import SILENCE, Worker
from gateway.config.environment import PREFIX
from gateway.config.settings import Settings
from gateway.config.workers import differences
from gateway.web.bound import bound

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds until a worker that died is replaced; doubled each time, until one lives as long as STEADY."""

STEADY = 60.0


async def supervise(settings: Settings, config: Path | None, count: int) -> int:
    """Run `count` workers on the configuration in `config` until SIGTERM or SIGINT: the exit code.

    Raises ConfigurationError where `settings` are not for more than one process, and ListenFailed.
    """
    own = differences(settings, count)
    port = {f"{PREFIX}LISTEN__PORT": str(await _free(settings.listen.host, settings.listen.port))}
    arguments = [] if config is None else ["--config", str(config)]
    workers = Workers([Worker(number, arguments, variables | port) for number, variables in enumerate(own)])
    async with workers.notifier.alive():
        return await workers.run()


async def _free(host: str, port: int) -> int:
    """The port, found free: with another gateway's workers ours would share it, and nobody would be told."""
    sockets = await bound(host, port)
    for one in sockets:
        port = int(one.getsockname()[1])
        one.close()
    return port


class Workers:
    """All of them, and the signals that are for all of them."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        self.notifier = Notifier.of(os.environ)
        self.notifier.status = lambda: f"{sum(worker.ready for worker in workers)} of {len(workers)} workers ready"
        self._workers = workers
        self._log = structlog.get_logger()
        self._stop = asyncio.Event()
        self._begun = False
        self._told_ready = False
        self._code = 0

    async def run(self) -> int:
        """Keep them going until they are told to end, or one of them can't even begin: the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end, number)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(self._watch())
            await asyncio.wait([group.create_task(self._keep(worker)) for worker in self._workers])
            watching.cancel()
        return self._code

    async def _keep(self, worker: Worker) -> None:
        """Run one of them, again and again."""
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE
        while True:
            began = loop.time()
            code = await self._life(worker)
            if self._stop.is_set():
                return
            if not self._begun:  # what is wrong it has said itself
                self._code = max(code, 1)
                self._end(signal.SIGINT)
                return
            if loop.time() - began >= STEADY:
                pause = FIRST_PAUSE
            self._log.error("worker.died", worker=worker.number, code=code, again_in_s=pause)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)
                return
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _life(self, worker: Worker) -> int:
        try:
            return await worker.live(self._heard)
        except OSError as error:
            self._log.error("worker.not_started", worker=worker.number, cause=error.strerror or str(error))
            return 1

    async def _watch(self) -> None:
        """Kill who hangs: another one takes its place.

        Who slept for too long itself (a paused container, a virtual machine that stood still) has nothing to say of
        others: they could not speak either.
        """
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            await asyncio.sleep(SILENCE / 10)
            stood_still = loop.time() - began > 2 * SILENCE / 10
            for worker in self._workers:
                if stood_still:
                    worker.excuse()
                elif worker.hangs():
                    self._log.error("worker.hangs", worker=worker.number)
                    worker.send(signal.SIGKILL)

    def _heard(self) -> None:
        if self._stop.is_set() or self._told_ready:
            return
        if all(worker.ready for worker in self._workers):
            self._told_ready = self._begun = True
            self._log.info("workers.ready", workers=len(self._workers))
            self.notifier.ready()

    def _end(self, number: signal.Signals) -> None:
        self._stop.set()
        self.notifier.stopping()
        for worker in self._workers:
            worker.end(number)

    def _reload(self) -> None:
        if self._stop.is_set():
            return
        self._told_ready = False
        self.notifier.reloading()
        for worker in self._workers:
            if worker.ready:  # one that begins reads the configuration anyway
                worker.ready = False
                worker.send(signal.SIGHUP)
