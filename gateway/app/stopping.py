"""What signals ask of a running process: to drain, or to end at once."""

import asyncio
import signal
from collections.abc import Coroutine


class Stopping:
    """Takes SIGTERM and SIGINT over. The first SIGTERM asks for a drain; a second one, or a SIGINT, for the end.

    After that they have their usual effect: one more kills a process that does not come to its end.
    """

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self._at_once = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.terminate)
        loop.add_signal_handler(signal.SIGINT, self.end)

    def terminate(self) -> None:
        """Ask for a drain; if that was asked for before, for the end."""
        if self._asked.is_set():
            self.end()
        self._asked.set()

    def end(self) -> None:
        """Ask for the end at once."""
        self._asked.set()
        self._at_once.set()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    async def asked(self) -> None:
        """Wait until the process is to stop, one way or the other."""
        await self._asked.wait()

    async def unless_at_once(self, drain: Coroutine[object, object, None]) -> None:
        """Run `drain` to its end, or until the end is asked for."""
        async with asyncio.TaskGroup() as group:
            draining = group.create_task(drain)
            ending = group.create_task(self._at_once.wait())
            draining.add_done_callback(lambda _: ending.cancel())
            ending.add_done_callback(lambda _: draining.cancel())
