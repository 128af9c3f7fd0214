"""Joins an RFB server to a connection, and gives the desktop its beat.

Owns tasks and time. What carries the bytes is a `Carrier`: a TCP connection here, a WebSocket in the clouds.
"""

import asyncio
import os
import time
from collections.abc import Callable
from typing import Protocol

from gateway.simulator.desktop.desktop import Desktop
from gateway.simulator.desktop.handshake import ClientError, ServerOptions
from gateway.simulator.desktop.rfb_server import RfbServer

BEAT = 0.1  # seconds between two steps of the picture
MOST_UNSENT = 64 * 1024  # answers that wait for a client which does not read: then we do not read either


class Carrier(Protocol):
    """A connection. Both directions raise ConnectionError when it is over."""

    async def receive(self) -> bytes:
        """Some bytes, b"" at the end."""
        ...

    async def send(self, data: bytes) -> None:
        """Returns when more may be sent."""
        ...


class Viewer:
    """One connection to a desktop. `run` lasts as long as the connection."""

    def __init__(self, desktop: Desktop, options: ServerOptions) -> None:
        self._changed = asyncio.Event()
        self._changed.set()  # the server speaks first
        self._taken = asyncio.Event()
        self.server = RfbServer(desktop, options, challenge=os.urandom(16), wake=self._changed.set)

    async def run(self, carrier: Carrier) -> None:
        """Serve until the client leaves, or until it breaks the protocol."""
        try:
            async with asyncio.TaskGroup() as tasks:
                sender = tasks.create_task(self._send(carrier))
                await self._receive(carrier)
                sender.cancel()
        except* ConnectionError:
            pass  # it left without a word
        finally:
            self.server.close()

    async def _receive(self, carrier: Carrier) -> None:
        while data := await carrier.receive():
            try:
                self.server.receive(data)
            except ClientError:
                await carrier.send(self.server.take())  # the reason, before the end
                return
            while self.server.unsent > MOST_UNSENT:
                self._taken.clear()
                await self._taken.wait()

    async def _send(self, carrier: Carrier) -> None:
        """One update after the other: whoever reads slowly gets fewer, never a queue of them."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            data = self.server.take()
            self._taken.set()
            if data:
                await carrier.send(data)


class Beat:
    """Moves desktops while somebody looks at them. `desktops` is asked anew at every step."""

    def __init__(self, desktops: Callable[[], list[Desktop]]) -> None:
        self._desktops = desktops

    async def run(self) -> None:
        while True:
            now = time.time()
            for desktop in self._desktops():
                if desktop.viewers:
                    desktop.tick(now)
            await asyncio.sleep(BEAT)
