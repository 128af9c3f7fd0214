"""How long a relay's event loop lets others wait: the time of a tiny request, asked again and again during the work."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from support.programs import LOOPBACK

PAUSE = 0.05  # seconds between two requests: seldom enough to cost nothing (0.3 % of a core)
_REQUEST = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


class Lag:
    """The waits of one measurement, in milliseconds."""

    def __init__(self) -> None:
        self._waits: list[float] = []

    def p99(self) -> float | None:
        """The wait that one in a hundred exceeds; None where nothing was asked."""
        return sorted(self._waits)[int(0.99 * (len(self._waits) - 1))] if self._waits else None

    async def watch(self, port: int) -> None:
        """Ask until cancelled."""
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        try:
            while True:
                began = time.perf_counter()
                writer.write(_REQUEST)
                head = await reader.readuntil(b"\r\n\r\n")
                self._waits.append((time.perf_counter() - began) * 1e3)
                await reader.readexactly(_length(head))
                await asyncio.sleep(PAUSE)
        finally:
            writer.close()


@contextlib.asynccontextmanager
async def watched(port: int | None) -> AsyncIterator[Lag]:
    """Measure the lag of the loop that answers /healthz on `port` while the block runs; None: nobody does."""
    lag = Lag()
    if port is None:
        yield lag
        return
    task = asyncio.create_task(lag.watch(port))
    try:
        yield lag
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    return 0
