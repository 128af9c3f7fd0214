"""Put an aiohttp application on an address: what every listener has in common."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Middleware

from gateway.relay.buffer import ReceiveBuffer
from gateway.web import problems
from gateway.web.accepting import Accepting
from gateway.web.bound import BACKLOG, bound
from gateway.web.certificates import Certificates
from gateway.web.connection import Connection, told
from gateway.web.door import Door
from gateway.web.forwarded import Proxies
from gateway.web.problems import Refused, as_problems
from gateway.web.tls import TlsConnection

SHUTDOWN_TIMEOUT = 5.0
"""Seconds, twice, that requests in progress may take at the end of the process; aiohttp's default is a minute."""

MAX_BODY = 64 * 1024
"""Bytes of a request body; no address takes a larger one."""

BODY_TIMEOUT = 15.0
"""Seconds for it, once the header is there: as long as the header may take."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """Where a site is reached, and how: port 0 is any, `buffer` what TLS reads into.

    `tls`: none without. `proxies`: whose PROXY header every connection has to begin with; None: none has one.
    `shares_port`: with processes that do the same. `refused` is told the name of each refusal.
    """

    host: str
    port: int
    door: Door
    buffer: ReceiveBuffer
    tls: Certificates | None = None
    proxies: Proxies | None = None
    shares_port: bool = False
    refused: Callable[[str], None] = lambda _: None


class Listener:
    """An open address. `port` is the real one, where any was asked for."""

    def __init__(self, port: int, stack: AsyncExitStack) -> None:
        self.port = port
        self._stack = stack

    async def close(self) -> None:
        """Accept nothing more, and end what is open."""
        await self._stack.aclose()


async def listen(
    entrance: Entrance, routes: Sequence[web.RouteDef], guard: Middleware, headers: Mapping[str, str]
) -> Listener:
    """Serve `routes` behind `guard` until the listener is closed; `headers` go with every answer.

    Raises ListenFailed with one line if the address cannot be had.
    """
    app = web.Application(middlewares=[as_problems, told, guard, _read_body], client_max_size=MAX_BODY)
    app.add_routes(routes)

    async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
        if response.status == 101:  # no page: the connection is a WebSocket from here on
            response.headers["Server"] = headers["Server"]
        else:
            response.headers.update(headers)

    app.on_response_prepare.append(add_headers)
    runner = web.AppRunner(app, shutdown_timeout=SHUTDOWN_TIMEOUT, handle_signals=False)
    await runner.setup()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(runner.cleanup)
        port = await _open(entrance, runner, stack)
        return Listener(port, stack.pop_all())


async def _open(entrance: Entrance, runner: web.AppRunner, stack: AsyncExitStack) -> int:
    server = runner.server
    assert server is not None, "the runner is set up"
    certificates = entrance.tls

    def serve(client: str = "") -> asyncio.BaseProtocol:
        connection = Connection(server, entrance.door, client, entrance.refused)
        if certificates is None:
            return connection
        return TlsConnection(connection, certificates.context, entrance.buffer)

    sockets = await bound(entrance.host, entrance.port, shares_port=entrance.shares_port)
    if certificates is not None:
        await stack.enter_async_context(certificates.watched())
    if entrance.proxies is not None:
        await stack.enter_async_context(Accepting(sockets, entrance.proxies, entrance.door).serving(serve))
    else:
        for one in sockets:
            served = await asyncio.get_running_loop().create_server(serve, sock=one, backlog=BACKLOG)
            stack.callback(served.close)
    return int(sockets[0].getsockname()[1])


@web.middleware
async def _read_body(request: web.Request, handler: problems.Handler) -> web.StreamResponse:
    """Have a request's body before its handler runs: nothing else would bound how slowly it comes."""
    if request.can_read_body:
        if "Content-Encoding" in request.headers:
            raise Refused(problems.MALFORMED, "the body has a Content-Encoding")
        try:
            async with asyncio.timeout(BODY_TIMEOUT):
                await request.read()
        except (TimeoutError, ConnectionError) as error:  # the latter: the client left, and nobody reads the answer
            raise Refused(problems.MALFORMED) from error
    return await handler(request)
