"""Put an aiohttp application on an address: what every listener has in common."""

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.typedefs import Middleware

from gateway.errors import ListenFailed
from gateway.relay.buffer import ReceiveBuffer
from gateway.web import problems
from gateway.web.problems import as_problems
from gateway.web.tls import TlsConnection

KEEPALIVE_TIMEOUT = 15.0
"""Seconds for a request's header and between requests; aiohttp's own default is an hour."""

LINGERING_TIME = 2.0
"""Seconds for the rest of a request that was answered already."""

SHUTDOWN_TIMEOUT = 5.0
"""Seconds, twice, that requests in progress may take at the end of the process; aiohttp's default is a minute."""

MAX_BODY = 64 * 1024
"""Bytes of a request body; no address takes a larger one."""

_log = logging.getLogger(__name__)


async def listen(
    routes: Sequence[web.RouteDef],
    guard: Middleware,
    headers: Mapping[str, str],
    host: str,
    port: int,
    *,
    tls: ssl.SSLContext | None = None,
    buffer: ReceiveBuffer,
) -> web.AppRunner:
    """Serve `routes` behind `guard` on `host` and `port` until the runner is cleaned up.

    `headers` go with every answer. `buffer` is what TLS reads into. Raises ListenFailed with one line if the address
    cannot be had.
    """
    app = web.Application(middlewares=[as_problems, guard], client_max_size=MAX_BODY)
    app.add_routes(routes)

    async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
        if response.status == 101:  # no page: the connection is a WebSocket from here on
            response.headers["Server"] = headers["Server"]
        else:
            response.headers.update(headers)

    app.on_response_prepare.append(add_headers)
    # No access log: its lines would hold `?ticket=`.
    runner = _Runner(
        app,
        access_log=None,
        keepalive_timeout=KEEPALIVE_TIMEOUT,
        lingering_time=LINGERING_TIME,
        shutdown_timeout=SHUTDOWN_TIMEOUT,
        handle_signals=False,
    )
    await runner.setup()
    if tls is not None and isinstance(runner.server, _Server):
        runner.server.secure = partial(TlsConnection, context=tls, buffer=buffer)
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise ListenFailed(host, port, error) from error
    return runner


def port_of(runner: web.AppRunner) -> int:
    """The port that a runner listens on, for those who asked for any."""
    return int(runner.addresses[0][1])


# What is no HTTP never reaches an application, only the connection's own `handle_error`. Its words and its log are
# aiohttp's: a traceback for every scanner that knocks, and the library's version. The classes below change that.


class _Connection(web.RequestHandler):
    __slots__ = ()

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


class _Server(web.Server):
    secure: Callable[[web.RequestHandler], asyncio.BaseProtocol] | None = None

    def __call__(self) -> asyncio.BaseProtocol:  # type: ignore[override]  # for the loop, which takes any protocol
        connection = super().__call__()
        connection.__class__ = _Connection
        return connection if self.secure is None else self.secure(connection)


class _Runner(web.AppRunner):
    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        server.__class__ = _Server
        return server
