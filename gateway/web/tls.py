"""TLS in front of aiohttp: an accepted connection's handshake, and a transport for what is then said over HTTP.

With the relay's own TLS instead of the loop's a connection can be taken over by a leg as it is. Leaves TLS to
relay.tls, and HTTP to aiohttp.
"""

import asyncio
import ssl
from collections.abc import Iterable
from typing import Any, cast

from gateway.relay.buffer import ReceiveBuffer
from gateway.relay.tls import Tls
from gateway.web.connection import Connection

HANDSHAKE_TIMEOUT = 15.0
"""Seconds from the connection to the end of TLS's handshake: as long as a request's header may take."""


class TlsTransport(asyncio.Transport):
    """What aiohttp sees of a connection: plaintext. `below` carries what `tls` makes of it."""

    def __init__(self, below: asyncio.Transport, tls: Tls) -> None:
        super().__init__({"sslcontext": tls.connection.context, "ssl_object": tls.connection})
        self.below = below
        self.tls = tls

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - asyncio's signature
        """About TLS, or else about the socket."""
        known = super().get_extra_info(name)
        return self.below.get_extra_info(name, default) if known is None else known

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send `data` in records."""
        self.below.write(self.tls.encrypt(bytes(data)))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """Send all of it in as few records as there can be."""
        self.write(b"".join(list_of_data))

    def close(self) -> None:
        """Close once everything is sent, close_notify too."""
        if not self.below.is_closing():
            self.below.write(self.tls.close_notify())
            self.below.close()

    def abort(self) -> None:
        """Drop the connection now."""
        self.below.abort()

    def is_closing(self) -> bool:
        """True from `close` on."""
        return self.below.is_closing()

    def pause_reading(self) -> None:
        """Read no more of the socket."""
        self.below.pause_reading()

    def resume_reading(self) -> None:
        """Read the socket again."""
        self.below.resume_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Of the records that wait."""
        self.below.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        """Bytes of records that wait."""
        return self.below.get_write_buffer_size()


class TlsConnection(asyncio.BufferedProtocol):
    """One accepted connection; `http` is told of it when the handshake is over."""

    def __init__(self, http: Connection, context: ssl.SSLContext, buffer: ReceiveBuffer) -> None:
        self._http = http
        self._buffer = buffer
        self._tls = Tls(context, buffer)
        self._transport: asyncio.Transport | None = None
        self._limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the handshake, not for ever."""
        transport = cast(asyncio.Transport, transport)
        if not self._http.arrive(transport):
            return
        self._transport = transport
        self._limit = asyncio.get_running_loop().call_later(HANDSHAKE_TIMEOUT, transport.abort)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """Lend the shared buffer, with room to decrypt."""
        return self._buffer.sealed

    def buffer_updated(self, nbytes: int) -> None:
        """Decrypt, and hand on what a request is made of."""
        transport, tls, view = self._transport, self._tls, self._buffer.view
        if transport is None or transport.is_closing():
            return
        size = tls.receive(view[:nbytes], view)
        reply = tls.to_send()
        if reply:
            transport.write(reply)
        if tls.secured and self._limit is not None:
            self._limit.cancel()
            self._limit = None
            self._http.connection_made(TlsTransport(transport, tls))
        if size:
            self._http.data_received(bytes(view[:size]))
        if tls.fault is not None:
            transport.close()
        elif tls.ended:
            self.eof_received()
            TlsTransport(transport, tls).close()

    def eof_received(self) -> bool:
        """The browser will ask for no more."""
        if self._secured:
            self._http.eof_received()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        if self._limit is not None:
            self._limit.cancel()
        self._http.leave()
        if self._secured:
            self._http.connection_lost(exc)
        self._transport = None

    def pause_writing(self) -> None:
        """Too much waits for the browser."""
        if self._secured:
            self._http.pause_writing()

    def resume_writing(self) -> None:
        """It has taken what waited."""
        if self._secured:
            self._http.resume_writing()

    @property
    def _secured(self) -> bool:
        return self._limit is None and self._transport is not None
