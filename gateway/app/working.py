"""What a worker of `serve --workers N` is beside a gateway: it tells its parent how it is, and does not outlive it.

The parent's side is worker.py, which has no need for all that a gateway is made of.
"""

import asyncio
import os
import signal
import socket

from gateway.app.notifying import Notifier, watchdog
from gateway.app.serving import serve
from gateway.config.settings import Settings
from gateway.config.source import Source


async def work(settings: Settings, source: Source, channel: int) -> None:
    """Be a worker of who is at the other end of the socket with the number `channel`. Raises as `serve` does."""
    loop = asyncio.get_running_loop()
    parent = socket.socket(fileno=channel)

    def gone() -> None:
        loop.remove_reader(parent)
        signal.raise_signal(signal.SIGINT)

    loop.add_reader(parent, gone)
    try:
        await serve(settings, source, Notifier(parent, watchdog(os.environ)), shares_port=True)
    finally:
        loop.remove_reader(parent)
