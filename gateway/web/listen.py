"""Put an aiohttp application on an address: what every listener has in common."""

import asyncio
import errno
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Middleware

from gateway.errors import ListenFailed
from gateway.relay.buffer import ReceiveBuffer
from gateway.web import problems
from gateway.web.accepting import BACKLOG, Accepting
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
        if isinstance(response, problems.Problem):
            entrance.refused(response.refusal)

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
        connection = Connection(server, entrance.door, client)
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


async def bound(host: str, port: int, *, shares_port: bool = False) -> list[socket.socket]:
    """Listening sockets on every address that `host` is, all on the same port. Raises ListenFailed.

    `shares_port`: with other processes of this user that share it, too; the kernel spreads connections over them.
    """
    sockets: list[socket.socket] = []
    failed: OSError | None = None
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ListenFailed(host, port, error) from error
    for family, _, _, _, address in dict.fromkeys(found):
        try:
            one = socket.create_server((address[0], port), family=family, backlog=BACKLOG, reuse_port=shares_port)
        except OSError as error:
            failed = error
            if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):  # localhost, where there is no IPv6
                break
            continue
        one.settimeout(0)
        port = one.getsockname()[1]
        sockets.append(one)
    else:
        if sockets:
            return sockets
    for one in sockets:
        one.close()
    assert failed is not None, "a name has an address, or getaddrinfo fails"
    raise ListenFailed(host, port, failed) from failed


@web.middleware
async def _read_body(request: web.Request, handler: problems.Handler) -> web.StreamResponse:
    """Have a request's body before its handler runs: nothing else would bound how slowly it comes."""
    if request.can_read_body:
        try:
            async with asyncio.timeout(BODY_TIMEOUT):
                await request.read()
        except TimeoutError as error:
            raise Refused(problems.MALFORMED) from error
    return await handler(request)
