"""From an HTTP request to a leg: answer 101 through aiohttp, then take the socket over.

What aiohttp keeps of the connection (its table, its private buffer) is handed back in the right order;
each step has its reason beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from gateway.errors import ProtocolViolation
from gateway.relay.browser_leg import BrowserLeg
from gateway.relay.buffer import ReceiveBuffer
from gateway.web.tls import TlsTransport


class _Tail:
    """Stands where aiohttp expects a WebSocket parser, to be handed what came right behind the request."""

    def __init__(self) -> None:
        self.size = 0

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.size += len(data)
        return False, b""

    def feed_eof(self) -> None:
        """The connection is gone; the leg hears of it by itself."""


@dataclass(frozen=True, slots=True)
class Takeover:
    """One accepted upgrade: the response that aiohttp wants back, and the leg that has the socket."""

    response: web.StreamResponse
    leg: BrowserLeg


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
    http = request.protocol
    tail = _Tail()
    # Before set_protocol: hands over bytes that came with the upgrade and resumes reading if they paused it.
    http.set_parser(tail)  # type: ignore[arg-type]  # only its feeding is used
    below, tls = (transport.below, transport.tls) if isinstance(transport, TlsTransport) else (transport, None)
    leg = BrowserLeg(buffer, tls)
    below.set_protocol(leg)  # type: ignore[arg-type]  # uvloop asks for its methods, not for its base
    leg.connection_made(below)
    # For aiohttp the connection is over, so it keeps nothing of the request (12 KB) while the session lives. It
    # closes a transport that it has.
    http.transport = None
    http.connection_lost(None)
    if tail.size:
        leg.end(ProtocolViolation("bytes came with the upgrade"))  # the session closes with it
    return Takeover(response, leg)
