"""The WebSocket proxy in front of a cloud's machines, with the habits of the real ones (clouds.md §3.2).

A token that is not good is answered with 101 and a dropped connection, as nova's proxy does. Leaves the form of the
addresses to the clouds.
"""

import asyncio
import contextlib
import socket
import struct
import time
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from aiohttp import WSMsgType, web

from gateway.simulator.clouds.faults import Cut, DialFault
from gateway.simulator.clouds.instances import Instance, State
from gateway.simulator.clouds.limits import Addresses, Budget, IdleClock, IdleCounts
from gateway.simulator.desktop.viewer import Viewer

SUBPROTOCOL = "binary"
LARGEST = 1024 * 1024  # bytes of a message from a client: more than any that RFB has, but for a huge paste
FRAME = 64 * 1024  # bytes of a message to a client: what websockify reads at once
LONGEST_WATCH = 60  # seconds that a timer may outlive its connection
GARBAGE = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
RST = struct.pack("ii", 1, 0)  # SO_LINGER on, for no time: closing then resets


@dataclass(slots=True)
class Rules:
    """How the proxy behaves; all may be changed while it runs.

    `idle` in seconds, None for no limit. `one_session`: a newcomer evicts who is there. `origins` are allowed beside
    the proxy's own; a client without an Origin always is, unless `origin_required`. `leave` is how idle and evicted
    clients are ended.
    """

    idle: float | None
    idle_counts: IdleCounts = IdleCounts.RFB
    no_pong: bool = False
    one_session: bool = False
    origins: frozenset[str] = frozenset()
    origin_required: bool = False
    fault: DialFault = DialFault.NONE
    leave: Cut = Cut.CLOSE


@dataclass(slots=True)
class Counts:
    """What has happened. `refused` by reason; `live` is how many are connected now."""

    dials: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    opened: int = 0
    live: int = 0
    pings: int = 0
    idle_cuts: int = 0
    evictions: int = 0


class Connection:
    """One client's WebSocket, the `Carrier` of its RFB."""

    def __init__(self, request: web.Request, ws: web.WebSocketResponse, proxy: "Proxy", viewer: Viewer) -> None:
        self.viewer = viewer
        self._ws = ws
        self._transport = request.transport
        self._proxy = proxy
        rules = proxy.rules
        limit = float("inf") if rules.idle is None else rules.idle
        self.idle = IdleClock(rules.idle_counts, limit, _now())
        self._unjudged = False  # whether a message came that the idle clock does not know yet
        self._farewell: asyncio.Task[None] | None = None

    async def receive(self) -> bytes:
        if self._unjudged:  # what the last call gave has been worked off by now
            self._heard()
        while True:
            message = await self._ws.receive()
            if message.type is WSMsgType.BINARY:
                self._unjudged = True
                if message.data:
                    return bytes(message.data)
            elif message.type is WSMsgType.PING:
                self._proxy.counts.pings += 1
                self._heard()
                if not self._proxy.rules.no_pong:
                    await self._ws.pong(message.data)
            elif message.type is WSMsgType.PONG:
                self._heard()
            elif message.type is WSMsgType.TEXT:
                await self._ws.close(code=1003)
                return b""
            else:
                return b""

    async def send(self, data: bytes) -> None:
        for at in range(0, len(data), FRAME):
            await self._ws.send_bytes(data[at : at + FRAME])

    def _heard(self) -> None:
        self._unjudged = False
        self.idle.heard(_now(), messages=self.viewer.server.messages, inputs=self.viewer.server.inputs)

    def end(self, how: Cut) -> None:
        """End it, now; nobody waits for the client's own Close frame."""
        if how is Cut.CLOSE:
            self._farewell = asyncio.create_task(self._close())
        elif self._transport is not None:
            if how is Cut.RESET and not self._transport.is_closing():
                self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
            self._transport.abort()

    async def ended(self) -> None:
        """Wait for what `end` began."""
        if self._farewell is not None:
            await self._farewell

    async def _close(self) -> None:
        with contextlib.suppress(ConnectionError):
            await self._ws.close(code=1000, message=b"Target closed")


class Proxy:
    """Takes upgrades for addresses that were issued, and shows the desktop behind. `budget`: of dials, None for any."""

    def __init__(self, rules: Rules, addresses: Addresses, budget: Budget | None) -> None:
        self.rules = rules
        self.counts = Counts()
        self._addresses = addresses
        self.budget = budget
        self._live: dict[Connection, Instance] = {}

    async def serve(self, request: web.Request, token: str | None) -> web.StreamResponse:
        """Answer an upgrade that carries `token`, None when it has none in the right form."""
        self.counts.dials += 1
        fault = self.rules.fault
        offered = {name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if name}
        if offered and SUBPROTOCOL not in offered:
            return self._refuse("subprotocol", web.Response(status=400, text="binary is the only subprotocol"))
        if fault is DialFault.FORBIDDEN:
            return self._refuse("fault", web.Response(status=403))
        if fault is DialFault.NO_ANSWER:
            _drop(request)
            return self._refuse("fault", web.Response())
        ws = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,), autoping=False, compress=False, max_msg_size=LARGEST, timeout=2
        )
        try:
            await ws.prepare(request)
        except ConnectionError:
            return self._refuse("gone", web.Response())
        instance = self._admitted(request, token)
        if isinstance(instance, str) or fault is DialFault.DROPPED:
            _drop(request)
            return self._refuse(instance if isinstance(instance, str) else "fault", ws)
        await self._relay(request, ws, instance)
        return ws

    def cut(self, how: Cut = Cut.RESET, instance: str | None = None) -> int:
        """End the connections to one machine, or to all; how many there were."""
        ended = [client for client, to in self._live.items() if instance in {None, to.id}]
        for client in ended:
            client.end(how)
        return len(ended)

    def idle_deadlines(self) -> list[float]:
        """When each connection will have been idle too long, in seconds of the monotonic clock."""
        return [client.idle.deadline for client in self._live]

    def _refuse(self, why: str, response: web.StreamResponse) -> web.StreamResponse:
        self.counts.refused[why] += 1
        return response

    def _admitted(self, request: web.Request, token: str | None) -> Instance | str:
        """Whom the token leads to, or why nobody."""
        if not self._origin_allowed(request):
            return "origin"
        instance = "malformed" if token is None else self._addresses.take(token, _now())
        if isinstance(instance, str):
            return instance
        if instance.state is not State.RUNNING:
            return "state"
        if self.budget is not None and self.budget.spend(instance.id, _now()):
            return "budget"
        return instance

    def _origin_allowed(self, request: web.Request) -> bool:
        """Nova's rule: the name in Origin is the Host's, whatever the port, and the scheme is the proxy's own."""
        origin = request.headers.get("Origin")
        if origin is None:
            return not self.rules.origin_required
        if origin in self.rules.origins:
            return True
        own = urlsplit(f"{request.scheme}://{request.host}")
        theirs = urlsplit(origin)
        return (theirs.scheme, theirs.hostname) == (own.scheme, own.hostname)

    async def _relay(self, request: web.Request, ws: web.WebSocketResponse, instance: Instance) -> None:
        if self.rules.one_session:
            self.counts.evictions += self.cut(self.rules.leave, instance.id)
        client = Connection(request, ws, self, Viewer(instance.desktop, instance.options))
        self._live[client] = instance
        self.counts.opened += 1
        self.counts.live += 1
        self._watch(client)
        try:
            await self._show(client, ws)
        finally:
            del self._live[client]
            self.counts.live -= 1
            await client.ended()

    async def _show(self, client: Connection, ws: web.WebSocketResponse) -> None:
        with contextlib.suppress(ConnectionError):
            match self.rules.fault:
                case DialFault.SILENT:
                    while await client.receive():
                        pass
                case DialFault.GARBAGE:
                    await ws.send_bytes(GARBAGE)
                case DialFault.TEXT:
                    await ws.send_str("RFB 003.008\n")
                    await client.receive()
                case DialFault.REFUSED:
                    await ws.close(code=1011, message=b"Failed to connect to downstream server")
                case _:
                    await client.viewer.run(client)
            await ws.close()

    def _watch(self, client: Connection) -> None:
        """End a client that was idle too long; look again when that may be."""
        if client not in self._live:
            return
        left = client.idle.deadline - _now()
        if left > 0:
            asyncio.get_running_loop().call_later(min(left, LONGEST_WATCH), self._watch, client)
        else:
            self.counts.idle_cuts += 1
            client.end(self.rules.leave)


def _drop(request: web.Request) -> None:
    """Close the connection under the request; what was written still goes out."""
    if request.transport is not None:
        request.transport.close()


def _now() -> float:
    return time.monotonic()
