"""A TCP line to a server on loopback that can be slow, silent or cut."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from support.programs import LOOPBACK

PIECE = 65536


@dataclass(slots=True)
class Line:
    """Leads from `port` to `target`. `delay`: seconds that each piece takes, each way; None: for ever."""

    target: int
    delay: float | None = 0.0
    port: int = 0
    opened: int = 0
    _ends: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def cut(self) -> None:
        """Reset all connections; new ones may come."""
        for writer in list(self._ends):
            writer.transport.abort()

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.opened += 1
        far = None
        try:
            far_reader, far = await asyncio.open_connection(LOOPBACK, self.target)
            self._ends |= {writer, far}
            async with asyncio.TaskGroup() as group:
                group.create_task(self._carry(reader, far))
                group.create_task(self._carry(far_reader, writer))
        except* OSError:
            pass  # one end is gone, so is the other
        finally:
            for end in (writer, far):
                if end is not None:
                    self._ends.discard(end)
                    end.transport.abort()
            self._tasks.discard(task)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pieces overtake nothing and do not wait for each other: a delay is no limit of what passes."""
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                sent, piece = await pieces.get()
                while self.delay is None or loop.time() < sent + self.delay:
                    await asyncio.sleep(0.005 if self.delay is None else sent + self.delay - loop.time())
                if not piece or writer.is_closing():
                    raise ConnectionResetError
                writer.write(piece)
                await writer.drain()

        async with asyncio.TaskGroup() as group:
            group.create_task(deliver())
            while piece := await reader.read(PIECE):
                pieces.put_nowait((loop.time(), piece))
            pieces.put_nowait((loop.time(), b""))

    async def close(self) -> None:
        """Cut all, and wait until they are gone."""
        self.delay = 0.0
        self.cut()
        if self._tasks:
            await asyncio.wait(list(self._tasks))


@contextlib.asynccontextmanager
async def line(target: int, delay: float | None = 0.0) -> AsyncIterator[Line]:
    """A line to port `target`, for the length of the block."""
    leading = Line(target, delay)
    server = await asyncio.start_server(leading._lead, LOOPBACK, 0)
    leading.port = server.sockets[0].getsockname()[1]
    try:
        yield leading
    finally:
        server.close()
        await leading.close()
        await server.wait_closed()
