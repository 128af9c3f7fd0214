"""Ways to a VNC server: plain TCP, and WebSocket by the `websockets` library's own client."""

import asyncio
import contextlib
import ssl
from typing import Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed


class Transport(Protocol):
    """A stream of bytes in both directions."""

    async def receive(self) -> bytes:
        """Some bytes; none at the end."""

    async def send(self, data: bytes) -> None: ...

    async def close(self) -> None: ...


class TcpTransport:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, host: str, port: int) -> "TcpTransport":
        return cls(*await asyncio.open_connection(host, port))

    async def receive(self) -> bytes:
        return await self._reader.read(65536)

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


class WebSocketTransport:
    """`close_code` and `close_reason` tell how it ended, once `receive` has returned no bytes."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    @classmethod
    async def connect(cls, url: str, *, tls: ssl.SSLContext | None = None) -> "WebSocketTransport":
        """Offer subprotocol `binary`; no compression, no size limit, no proxy from the environment."""
        opened = connect(url, subprotocols=["binary"], compression=None, max_size=None, proxy=None, ssl=tls)  # type: ignore[list-item]  # Subprotocol is a NewType of str
        return cls(await opened)

    @property
    def close_code(self) -> int | None:
        return self.connection.close_code

    @property
    def close_reason(self) -> str | None:
        return self.connection.close_reason

    async def receive(self) -> bytes:
        try:
            data = await self.connection.recv()
        except ConnectionClosed:
            return b""
        if isinstance(data, str):
            raise TypeError("a text message where RFB is due")
        return data

    async def send(self, data: bytes) -> None:
        await self.connection.send(data)

    async def close(self) -> None:
        await self.connection.close()
