"""A VNC server on TCP that the test scripts byte by byte: for what real servers would never do."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

SERVER_INIT = struct.pack(">HH16sI", 64, 48, bytes.fromhex("20180001 00ff00ff00ff 000810 000000"), 4) + b"test"


class Connection:
    """One client of the server, after or in the middle of the handshake."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.shared: int | None = None

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def exactly(self, count: int) -> bytes:
        return await self.reader.readexactly(count)

    async def handshake(self) -> None:
        """RFB 3.8, security None."""
        await self.send(b"RFB 003.008\n")
        assert await self.exactly(12) == b"RFB 003.008\n"
        await self.send(b"\x01\x01")
        assert await self.exactly(1) == b"\x01"
        await self.send(bytes(4))
        self.shared = (await self.exactly(1))[0]
        await self.send(SERVER_INIT)


Script = Callable[[Connection], Awaitable[None]]


class ScriptedServer:
    """Runs `script` for every client; `connections` counts them."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.connections = 0
        self.port = 0
        self.failures: list[Exception] = []
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            await self._script(Connection(reader, writer))
        except (OSError, asyncio.IncompleteReadError) as error:
            self.failures.append(error)
        finally:
            self._writers.discard(writer)
            writer.close()

    def drop_all(self) -> None:
        """End every connection there is."""
        for writer in self._writers:
            writer.transport.abort()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["ScriptedServer"]:
        tasks: set[asyncio.Task[None]] = set()

        def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
            tasks.add(task)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await server.wait_closed()


async def idle(connection: Connection) -> None:
    """A server that greets properly and then only listens."""
    await connection.handshake()
    while await connection.reader.read(65536):
        pass
