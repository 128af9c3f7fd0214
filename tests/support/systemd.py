"""systemd's end of sd_notify(3): a socket of datagrams that keeps what it was told."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Systemd:
    """Reads on while the loop turns, since the kernel keeps few datagrams."""

    def __init__(self, heard: socket.socket) -> None:
        self._heard = heard
        self._told: list[str] = []

    def lines(self) -> list[str]:
        """All lines so far."""
        while True:
            try:
                self._told += self._heard.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self._told

    def count(self, line: str) -> int:
        return self.lines().count(line)


@asynccontextmanager
async def systemd(name: str) -> AsyncIterator[Systemd]:
    """Listen at `name`, as it would be in NOTIFY_SOCKET."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(name.replace("@", "\0", 1))
        heard.setblocking(False)
        other_end = Systemd(heard)
        loop.add_reader(heard, other_end.lines)
        try:
            yield other_end
        finally:
            loop.remove_reader(heard)
