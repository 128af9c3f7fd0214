"""One of two gateway processes is killed: what it had goes to who comes to the other one."""

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
from support.components import needs
from support.consoles import ending, granted, opened, returned, ticket
from support.inprocess import Site, rfb_handshake
from support.pair import echo, open_console, press, sessions
from support.programs import Program, eventually
from support.scripted_server import ScriptedServer
from support.servers.redis import RedisServer, redis_server
from support.tickets import bastion

LIFE_MS = 30_000


@contextlib.asynccontextmanager
async def replica(name: str, url: str, redis: RedisServer, logs: Path) -> AsyncIterator[tuple[Site, Program]]:
    """A gateway process in front of `url`."""
    seal = logs / "seal"
    seal.write_text("s" * 64)
    async with (
        bastion(
            {"vm": url, "other": url},
            logs=logs / name,
            access=f"seal_keys_file = {json.dumps(str(seal))}",
            more=f"[state]\nurl = {json.dumps(redis.url)}",
        ) as at,
        aiohttp.ClientSession() as http,
    ):
        ports: Any = SimpleNamespace(public_port=at.gateway.port, admin_port=at.gateway.admin_port)
        yield Site(ports, http), at.gateway.process


@needs("redis")
async def test_after_a_kill_users_have_their_consoles_on_the_other_replica_and_leases_run_out(artifacts: Path):
    async with contextlib.AsyncExitStack() as stack:
        redis = await stack.enter_async_context(redis_server(artifacts))
        server = await stack.enter_async_context(ScriptedServer(echo).running())
        (one, process), (two, _) = [
            await stack.enter_async_context(replica(name, server.url, redis, artifacts)) for name in ("one", "two")
        ]
        client = await stack.enter_async_context(redis.client())
        given = await granted(one, await ticket(one, "ana"))
        first = await one.dial(f"lab/vm?ticket={given['ticket']}")
        await rfb_handshake(first)
        await press(first)
        other = await open_console(one, "eve", console="lab/other")
        minted = await ticket(one, "ben", "lab/other", takeover=False)

        async def told() -> bool:
            return len(await sessions(two)) == 2

        await eventually(told)
        process.signal(signal.SIGKILL)
        for ws in (first, other):
            await ending(ws)

        back = await returned(two, given["resume"], "&take=0")
        await rfb_handshake(back)
        await press(back)
        assert await ending(await two.dial(f"lab/other?ticket={minted}")) == (4419, "in_use")
        (lost,) = [each["id"] for each in await sessions(two) if each["user"] == "eve"]
        left = "vg:lease:lab/other", f"vg:session:{lost}"
        ages = [await client.pttl(key) for key in left]
        await asyncio.sleep(0.5)
        for key, age in zip(left, ages, strict=True):
            assert 0 < await client.pttl(key) < age <= LIFE_MS, "nobody keeps what the dead one had"
            await client.pexpire(key, 1)  # half a minute later
        free = await opened(two, "ben", console="lab/other", takeover=False)
        await rfb_handshake(free)
        await press(free)
        assert {each["user"] for each in await sessions(two)} == {"ana", "ben"}
        for ws in (back, free):
            await ws.close()
