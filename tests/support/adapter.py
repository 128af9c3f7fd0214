"""Lets VNC clients that speak plain TCP use the gateway: a listener that dials a WebSocket for each of them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from support.programs import LOOPBACK
from support.rfb_client.transport import WebSocketTransport


@contextlib.asynccontextmanager
async def adapter(address: Callable[[], Awaitable[str]]) -> AsyncIterator[int]:
    """Yields the port; `address` is asked for a fresh WebSocket address for each connection."""
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.get_running_loop().create_task(_join(reader, writer, address)))

    server = await asyncio.start_server(accept, LOOPBACK, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def _join(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: Callable[[], Awaitable[str]]
) -> None:
    """Carry bytes both ways until one side ends."""
    transport = await WebSocketTransport.connect(await address())

    async def outward() -> None:
        while data := await reader.read(65536):
            await transport.send(data)
        await transport.close()

    async def homeward() -> None:
        while data := await transport.receive():
            writer.write(data)
            await writer.drain()
        writer.close()

    try:
        await asyncio.gather(outward(), homeward())
    except OSError:
        pass
    finally:
        writer.transport.abort()
        await transport.close()
