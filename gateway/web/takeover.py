"""From an HTTP request to a leg: answer 101 through aiohttp, then take the socket over.

What aiohttp keeps of the connection (its table, its private buffer) is handed back in the right order;
each step has its reason beside it.
"""

import asyncio
from collections.abc import Mapping

from aiohttp import web

from gateway.errors import ProtocolViolation
from gateway.relay.browser_leg import BrowserLeg
from gateway.relay.buffer import ReceiveBuffer


class _Tail:
    """Stands where aiohttp expects a WebSocket parser, to be handed what came right behind the request."""

    def __init__(self) -> None:
        self.size = 0

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.size += len(data)
        return False, b""

    def feed_eof(self) -> None:
        """The connection is gone; the leg hears of it by itself."""


class Takeover:
    """One accepted upgrade: the response that aiohttp wants back, and the leg that has the socket."""

    def __init__(self, response: web.StreamResponse, leg: BrowserLeg, gone: asyncio.Future[None]) -> None:
        self.response = response
        self.leg = leg
        self._gone = gone

    async def wait_gone(self) -> None:
        """Wait for the end of the connection: the handler must not return earlier."""
        await self._gone


async def take_over(request: web.Request, headers: Mapping[str, str], buffer: ReceiveBuffer) -> Takeover | None:
    """Answer 101 with `headers` and move the connection to a BrowserLeg; None if it is gone already.

    Bytes that came with the request, before the answer could be known, are a protocol error.
    """
    response = web.StreamResponse(status=101, headers=headers)
    try:
        await response.prepare(request)
    except ConnectionError:  # the browser left in between
        return None
    transport = request.transport
    if transport is None:
        return None
    tail = _Tail()
    # Before set_protocol: hands over bytes that came with the upgrade and resumes reading if they paused it.
    request.protocol.set_parser(tail)  # type: ignore[arg-type]  # only its feeding is used
    gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    http = request.protocol

    def on_gone(error: Exception | None) -> None:
        http.connection_lost(error)  # else aiohttp's table of connections grows
        if not gone.done():
            gone.set_result(None)

    leg = BrowserLeg(buffer, on_gone=on_gone)
    transport.set_protocol(leg)
    leg.connection_made(transport)
    if tail.size:
        leg.end(ProtocolViolation("bytes came with the upgrade"))  # the session closes with it
    return Takeover(response, leg, gone)
