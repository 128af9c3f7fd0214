"""The desktop as a plain VNC server on TCP."""

import asyncio
import contextlib

from gateway.simulator.desktop.desktop import Desktop
from gateway.simulator.desktop.handshake import ServerOptions
from gateway.simulator.desktop.viewer import Viewer

CHUNK = 64 * 1024


class TcpCarrier:
    """A TCP connection as a `Carrier`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def receive(self) -> bytes:
        return await self._reader.read(CHUNK)

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()


class TcpServer:
    """Listens on loopback for viewers of one desktop. `port` 0 takes a free one."""

    def __init__(self, desktop: Desktop, options: ServerOptions) -> None:
        self._desktop = desktop
        self._options = options
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, port: int = 0) -> int:
        """Listen; the port."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", port)
        number: int = self._server.sockets[0].getsockname()[1]
        return number

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self.cut()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._server.wait_closed()

    def cut(self) -> None:
        """Reset every connection."""
        for writer in self._writers:
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            with contextlib.suppress(ConnectionError):
                await Viewer(self._desktop, self._options).run(TcpCarrier(reader, writer))
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            writer.close()
