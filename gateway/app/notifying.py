"""What is told to who started this process, systemd or another: it is ready, it reloads, it stops, its loop turns.

The protocol is sd_notify(3): lines in a datagram to the socket that NOTIFY_SOCKET names. Nothing here fails: who can't
be told is not there to hear it.
"""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

PAUSE = 10.0
"""Seconds between two looks at the status, where no watchdog wants to hear more often."""


class Notifier:
    """Tells who is at the other end of `channel`, a connected socket that keeps messages apart; nobody, if None.

    `watchdog`: seconds of silence after which the other end takes the process for dead; None: it never does.
    `status`: what goes on, for people.
    """

    def __init__(self, channel: socket.socket | None = None, watchdog: float | None = None) -> None:
        self.status: Callable[[], str] = lambda: "starting"
        self._channel = channel
        self._watchdog = watchdog
        if channel is not None:
            channel.settimeout(0)

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Notifier":
        """For systemd, if it is there and waits for word of this process."""
        name = environ.get("NOTIFY_SOCKET", "")
        if not name.startswith(("/", "@")):
            return cls()
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            channel.connect("\0" + name[1:] if name.startswith("@") else name)
        except OSError:
            channel.close()
            return cls()
        return cls(channel, watchdog(environ))

    def ready(self) -> None:
        """The process does its work; after `reloading`: it has its new configuration, or keeps the old one."""
        self._tell("READY=1", self._state())

    def reloading(self) -> None:
        """The configuration is read anew."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The process is on its way to its end."""
        self._tell("STOPPING=1", self._state())

    @asynccontextmanager
    async def alive(self) -> AsyncIterator[None]:
        """While the block lasts tell the status, and twice in the watchdog's time that the event loop turns."""
        if self._channel is None:
            yield
            return
        beating = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            beating.cancel()
            self._channel.close()

    async def _beat(self) -> None:
        pause = PAUSE if self._watchdog is None else min(PAUSE, self._watchdog / 2)
        while True:
            self._tell(self._state(), *(() if self._watchdog is None else ("WATCHDOG=1",)))
            await asyncio.sleep(pause)

    def _state(self) -> str:
        return f"STATUS={self.status()}"

    def _tell(self, *lines: str) -> None:
        if self._channel is not None:
            with contextlib.suppress(OSError):
                self._channel.send("\n".join(lines).encode())


def watchdog(environ: Mapping[str, str]) -> float | None:
    """Seconds of the watchdog, if there is one and it means this process (sd_watchdog_enabled(3))."""
    microseconds, process = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID") or str(os.getpid())
    if not microseconds.isdecimal() or process != str(os.getpid()):
        return None
    return int(microseconds) / 1e6 or None
