"""Two gateways of one Redis in the test's own loop, and a server behind them that rings a bell for every key."""

import contextlib
import itertools
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from redis.asyncio import Redis

from support.consoles import KEY, Socket, opened
from support.inprocess import Site, read, rfb_handshake, site
from support.scripted_server import Connection, ScriptedServer
from support.servers.redis import RedisServer

KEY_A = b"\x04\x01\x00\x00\x00\x00\x00\x61"
BELL = b"\x02"

_prefixes = (f"t{number}:" for number in itertools.count())


@dataclass(frozen=True, slots=True)
class House:
    """Two gateways, the one server behind `lab/vm` and `lab/other`, and the keys that they share."""

    one: Site
    two: Site
    server: ScriptedServer
    redis: Redis
    prefix: str

    async def keys(self, kind: str) -> list[str]:
        """The names of the keys of one kind."""
        return [key async for key in self.redis.scan_iter(f"{self.prefix}{kind}:*")]


@contextlib.asynccontextmanager
async def house(server: RedisServer, *, way: int = 0, **tables: Any) -> AsyncIterator[House]:
    """Both running; the first reaches Redis through port `way`, if that is given."""
    prefix = next(_prefixes)
    names = (f"replica-{number}" for number in itertools.count())
    tables = {
        "access": {"mode": "ticket", "seal_keys": "k" * 64},
        "reconnect": {"window": 10, "per_minute": 1000},
    } | tables
    states = [{"url": f"redis://127.0.0.1:{port or server.port}", "prefix": prefix} for port in (way, 0)]
    async with (
        ScriptedServer(echo).running() as upstream,
        server.client() as redis,
        contextlib.AsyncExitStack() as stack,
    ):
        # Two replicas in one process would have one name.
        stack.enter_context(pytest.MonkeyPatch.context()).setattr("gateway.app.sharing.replica", lambda: next(names))
        consoles = {"vm": upstream.url, "other": upstream.url}
        one, two = [await stack.enter_async_context(site(consoles, state=state, **tables)) for state in states]
        yield House(one, two, upstream, redis, prefix)


async def echo(connection: Connection) -> None:
    """A server that rings the bell for every key."""
    await connection.handshake()
    while True:
        if await connection.exactly(1) == KEY_A[:1]:
            await connection.exactly(len(KEY_A) - 1)
            await connection.send(BELL)


async def open_console(at: Site, user: str, query: str = "", *, console: str = "lab/vm", **rights: bool) -> Socket:
    """A console opened by a ticket of its own, its handshake done."""
    ws = await opened(at, user, query, console=console, **rights)
    await rfb_handshake(ws)
    return ws


async def press(ws: Socket) -> float:
    """Type a letter and wait for the bell: how long it took."""
    began = time.monotonic()
    await ws.send_bytes(KEY_A)
    assert await read(ws, 1) == BELL
    return time.monotonic() - began


async def sessions(at: Site) -> list[dict[str, Any]]:
    """What the admin API lists."""
    async with at.http.get(f"{at.admin}/api/v1/sessions", headers=KEY) as answer:
        body: dict[str, Any] = await answer.json()
        assert answer.status == 200, body
        listed: list[dict[str, Any]] = body["sessions"]
        return listed


async def ready(at: Site) -> tuple[int, str]:
    """What `/readyz` says of the gateway, and of the state."""
    async with at.http.get(f"{at.url}/readyz") as answer:
        return answer.status, (await answer.json())["state"]
