"""How a process parts with its sessions: who is ended when, and what is left of each."""

import asyncio
import itertools
import time
import traceback

import aiohttp
import pytest
from support.inprocess import ending, read, rfb_handshake, site
from support.programs import eventually
from support.scripted_server import Connection, ScriptedServer, idle

from gateway.errors import GoingAway
from gateway.sessions import registry
from gateway.sessions.drain import drain
from gateway.state.state import Holder, Lease

KEY_A = b"\x04\x01\x00\x00\x00\x00\x00\x61"
BELL = b"\x02"
GOING_AWAY = (1001, "going_away")


async def echo(connection: Connection) -> None:
    await connection.handshake()
    while True:
        await connection.exactly(len(KEY_A))
        await connection.send(BELL)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "TICK", 0.02)


async def press(ws: aiohttp.ClientWebSocketResponse) -> None:
    """Type a letter, and wait until that was noticed."""
    await ws.send_bytes(KEY_A)
    assert await read(ws, 1) == BELL
    await asyncio.sleep(0.1)  # the order of two humans is told by the tick


async def test_who_has_waited_longest_for_a_human_goes_first_and_the_rest_follows_over_time():
    names = ("ana", "ben", "eve", "tom")
    async with ScriptedServer(echo).running() as server, site(dict.fromkeys(names, server.url)) as running:
        sockets = {}
        for name in names:
            sockets[name] = await running.dial(f"lab/{name}")
            await rfb_handshake(sockets[name])
        for name in ("tom", "ana", "eve"):
            await press(sockets[name])
        began, order = time.monotonic(), []

        async def wait_for_the_end(name: str) -> None:
            assert await ending(sockets[name]) == GOING_AWAY
            order.append((name, time.monotonic() - began))
            await sockets[name].close()

        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(wait_for_the_end(name))
            group.create_task(drain(running.gateway.registry, GoingAway("drained"), 2.0))
            await asyncio.sleep(0.1)
            # The next one would be tom's, but he is back at work.
            await sockets["tom"].send_bytes(KEY_A)
        assert [name for name, _ in order] == ["ben", "ana", "eve", "tom"]
        times = [at for _, at in order]
        assert times[0] < 0.4, "nobody waits for the first one"
        for earlier, later in itertools.pairwise(times):
            assert later - earlier > 0.3, "not all in one moment"
        assert times[-1] < 4


async def test_many_sessions_are_through_in_time():
    consoles = {f"vm{number}": "" for number in range(60)}
    async with ScriptedServer(idle).running() as server, site(dict.fromkeys(consoles, server.url)) as running:
        sockets = [await running.dial(f"lab/{name}") for name in consoles]
        for ws in sockets:
            await rfb_handshake(ws)
        began = time.monotonic()
        error = GoingAway("drained")
        await drain(running.gateway.registry, error, 1.0)
        assert 0.5 < time.monotonic() - began < 5
        assert [await ending(ws) for ws in sockets] == [GOING_AWAY] * len(sockets)
        held = list(traceback.walk_tb(error.__traceback__))
        assert len(held) < 10, "the one error holds what it ended"
        for ws in sockets:
            await ws.close()


@pytest.mark.parametrize("seconds", [0.0, 5.0])
async def test_nobody_is_waited_for_where_nobody_is(seconds: float):
    async with site({"vm": "tcp://127.0.0.1:1"}) as running:
        await asyncio.wait_for(drain(running.gateway.registry, GoingAway("drained"), seconds), 1)


async def test_the_console_is_free_once_its_browser_knows():
    gone = asyncio.Event()

    async def script(connection: Connection) -> None:
        await idle(connection)
        gone.set()

    async with ScriptedServer(script).running() as server, site({"vm": server.url}) as running:
        ws = await running.dial()
        await rfb_handshake(ws)
        await drain(running.gateway.registry, GoingAway("drained"), 0)
        assert await ending(ws) == GOING_AWAY
        state = running.gateway.registry._shared.state
        lease = await state.lease("lab/vm", Holder("other", "ben", time.time()), take=False)
        assert isinstance(lease, Lease)
        await asyncio.wait_for(gone.wait(), 10)
        await ws.close()
        await eventually(lambda: not len(running.gateway.registry))
