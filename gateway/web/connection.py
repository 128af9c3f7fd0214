"""One accepted connection as aiohttp serves it: whose it is, its place at the door, and what is no HTTP at all.

What is no HTTP never reaches an application, only the connection's own `handle_error`. Its words and its log are
aiohttp's: a traceback for every scanner that knocks, and the library's version. So they are replaced here.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import cast

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from gateway.web import problems
from gateway.web.door import Door, Place

KEEPALIVE_TIMEOUT = 15.0
"""Seconds for a request's header and between requests; aiohttp's own default is an hour."""

LINGERING_TIME = 2.0
"""Seconds for the rest of a request that was answered already."""

MAX_HEADER = 32 * 1024
"""Bytes of a request's header. A value may have 8,190 (aiohttp's own limit), and a token is the longest."""

MAX_LINES = 100
"""Lines of it, the request line and the empty one among them: browsers and proxies together send thirty."""

TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nServer: vnc-gateway\r\nConnection: close\r\n"
    b"Content-Type: application/problem+json\r\nCache-Control: no-store\r\nContent-Length: %d\r\n\r\n%b"
)

_log = logging.getLogger(__name__)


class Connection(web.RequestHandler):
    """A connection through `door`. `client`: its other end's address, or the one that a PROXY header names.

    `refused` is told the name of each refusal, whoever said it: a handler, aiohttp's parser, or this.
    """

    __slots__ = ("_door", "_header", "_place", "_refused", "client")

    def __init__(self, server: web.Server, door: Door, client: str, refused: Callable[[str], None]) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # none: its lines would hold `?ticket=`
            keepalive_timeout=KEEPALIVE_TIMEOUT,
            lingering_time=LINGERING_TIME,
            auto_decompress=False,  # no body may be compressed: listen.py refuses it, a bomb is never unpacked
        )
        self._door = door
        self._refused = refused
        self._place: Place | None = None
        self._header: _Header | None = _Header()
        self.client = client

    def arrive(self, transport: asyncio.Transport) -> bool:
        """Take a place, when TCP is there and again after TLS; False if the connection is dropped."""
        if self._place is not None:
            self._place.moved()
            return True
        if not self.client:
            self.client = str((transport.get_extra_info("peername") or ("",))[0])
        if self._door.too_often(self.client):
            transport.abort()
            return False
        self._place = self._door.enter(transport.abort)
        return True

    def leave(self) -> None:
        """Give the place back."""
        if self._place is not None:
            self._place.leave()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve."""
        if self.arrive(cast(asyncio.Transport, transport)):
            super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """It is over, or a session's now."""
        self.leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Hand on what a header has room for; aiohttp itself would take a megabyte of them."""
        if self._header is not None and self.transport is not None:
            state = self._header.take(data)
            if state is None:
                body = problems.document(problems.HEADERS_TOO_LARGE).body
                assert isinstance(body, bytes)
                self._refused(problems.HEADERS_TOO_LARGE.name)
                self.transport.write(TOO_LARGE % (len(body), body))
                self.force_close()
                return
            if state:
                self._header = None
        super().data_received(data)

    def begin(self) -> None:
        """A request is there."""
        if self._place is not None:
            self._place.moved()

    def finish(self) -> None:
        """Its answer is known: the next header counts anew."""
        self._header = _Header()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Count a refusal on its way out: what never reached an application goes by here, too."""
        if isinstance(resp, web.HTTPException):  # of an Expect header, which is read before any middleware
            resp = self.handle_error(request, 400, resp)
        if isinstance(resp, problems.Problem):
            self._refused(resp.refusal)
        return await super().finish_response(request, resp, start_time)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - the signature is aiohttp's
    ) -> web.StreamResponse:
        """Answer what failed outside a handler, or in one by a bug, as a problem document."""
        if status >= 500:
            _log.error("a request failed", exc_info=exc)
            refusal = problems.INTERNAL
        else:
            refusal = problems.HEADERS_TOO_LARGE if isinstance(exc, LineTooLong) else problems.MALFORMED
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already")
        response = problems.document(refusal, {"Server": "vnc-gateway"})
        response.force_close()
        return response


class _Header:
    """How much of one request's header has come."""

    __slots__ = ("_begun", "_lines", "_size", "_tail")

    def __init__(self) -> None:
        self._size = self._lines = 0
        self._tail = b""
        self._begun = False

    def take(self, data: bytes) -> bool | None:
        """Count `data`: True if the header ends in it, False if not yet, None if it is too large."""
        if not self._begun:  # lines without anything may stand before a request (RFC 9112 §2.2)
            size, data = len(data), data.lstrip(b"\r\n")
            self._size += size - len(data)
            self._begun = bool(data)
        joined = self._tail + data
        end = joined.find(b"\r\n\r\n")
        part = joined if end < 0 else joined[: end + 4]
        self._size += len(part) - len(self._tail)
        self._lines += part.count(b"\n", len(self._tail))
        self._tail = joined[-3:]
        if self._size > MAX_HEADER or self._lines > MAX_LINES:
            return None
        return end >= 0


@web.middleware
async def told(request: web.Request, handler: problems.Handler) -> web.StreamResponse:
    """Tell the connection of each request's beginning and end."""
    connection = request.protocol
    if not isinstance(connection, Connection):
        return await handler(request)
    connection.begin()
    try:
        return await handler(request)
    finally:
        if request.content.is_eof():  # else what comes next is no header
            connection.finish()


def client_of(request: web.Request) -> str:
    """The address that the request's connection came from: the proxy's, where one relays HTTP."""
    connection = request.protocol
    return connection.client if isinstance(connection, Connection) else request.remote or ""
