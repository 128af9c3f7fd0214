"""The place of one worker of `serve --workers N`, as the parent keeps it.

How a worker is doing it says in systemd's words, over a pair of sockets. Nothing is sent the other way, only signals;
but the end of the pair tells the worker that its parent is gone (working.py is its side).
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress

SILENCE = 30.0
"""Seconds without a word after which a worker hangs."""

STARTING = 30.0
"""Seconds more until its first word."""

SYSTEMDS = frozenset({"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
"""Variables that are for the parent alone."""


class Worker:
    """The place of worker `number`: the processes that are it, one after another.

    `variables` are its own, beside the parent's. `ready`: it serves.
    """

    def __init__(self, number: int, arguments: Sequence[str], variables: Mapping[str, str]) -> None:
        self.number = number
        self.ready = False
        self._arguments = arguments
        self._variables = dict(variables)
        self._process: asyncio.subprocess.Process | None = None
        self._heard_at = 0.0
        self._ended = False

    async def live(self, heard: Callable[[], None]) -> int:
        """Run a process to its end: its exit code. `heard` is called at each word of it. Raises OSError."""
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with closing(ours):
            with closing(theirs):
                self._process = process = await self._start(theirs.fileno())
            ours.settimeout(0)
            self._heard_at = loop.time() + STARTING
            loop.add_reader(ours, self._hear, ours, heard)
            try:
                if self._ended:  # in this very moment
                    self.send(signal.SIGINT)
                return await process.wait()
            finally:
                loop.remove_reader(ours)
                self._process = None
                self.ready = False

    def end(self, number: signal.Signals) -> None:
        """Send it `number`, which ends it; none comes after it."""
        self._ended = True
        self.send(number)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    def hangs(self) -> bool:
        """Whether it runs, and has said nothing for too long."""
        return self._process is not None and asyncio.get_running_loop().time() - self._heard_at > SILENCE

    def excuse(self) -> None:
        """Count its silence from now on only."""
        self._heard_at = max(self._heard_at, asyncio.get_running_loop().time())

    async def _start(self, channel: int) -> asyncio.subprocess.Process:
        own = {name.upper() for name in self._variables} | SYSTEMDS
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "gateway", "worker", str(channel), *self._arguments),
            env={name: value for name, value in os.environ.items() if name.upper() not in own}
            | self._variables
            | {"WATCHDOG_USEC": str(int(1e6 * SILENCE))},
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=(channel,),
            start_new_session=True,  # a terminal's Ctrl-C is for the parent, who passes it on
        )

    def _hear(self, ours: socket.socket, heard: Callable[[], None]) -> None:
        try:
            words = ours.recv(4096)
        except OSError:
            words = b""
        if not words:  # it is ending
            asyncio.get_running_loop().remove_reader(ours)
            return
        self._heard_at = asyncio.get_running_loop().time()
        self.ready |= b"READY=1" in words.splitlines()
        heard()
