"""What a session is made of is gone after it: counted object by object, with the gateway in this process."""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from support.alive import alive, running
from support.copies import Copies
from support.inprocess import ending, read, rfb_handshake, site
from support.programs import eventually, free_port
from support.scripted_server import ScriptedServer
from support.soak import shows_and_babbles, shows_and_leaves, shows_one_picture

from gateway.sessions.registry import Registry

Dial = Callable[[str], Awaitable[aiohttp.ClientWebSocketResponse]]
Way = Callable[[Dial], Awaitable[None]]


async def closed_by_the_browser(dial: Dial) -> None:
    ws = await dial("lab/still")
    await rfb_handshake(ws)
    await ws.close()


async def dropped_by_the_browser(dial: Dial) -> None:
    ws = await dial("lab/still")
    await rfb_handshake(ws)
    transport = ws.get_extra_info("transport") or ws._conn.transport
    transport.abort()
    await ws.close()


async def ended_by_a_fault(dial: Dial) -> None:
    ws = await dial("lab/still")
    await rfb_handshake(ws)
    await ws.send_bytes(b"\xff" * 8)
    assert await ending(ws) == (1002, "protocol_error")


async def ended_by_the_server(dial: Dial) -> None:
    ws = await dial("lab/babbling")
    await rfb_handshake(ws)
    assert await ending(ws) == (4506, "not_understood")


async def closed_after_some_splices(dial: Dial) -> None:
    ws = await dial("lab/leaving")
    await rfb_handshake(ws)
    for _ in range(3):
        await read(ws, 16 + 64 * 48 * 4)
    await ws.close()


async def never_reached(dial: Dial) -> None:
    assert await ending(await dial("lab/nobody")) == (4502, "upstream_lost")


async def left_before_the_handshake(dial: Dial) -> None:
    await (await dial("lab/still")).close()


async def refused(dial: Dial) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await dial("lab/still?ticket=wrong")


WAYS = (
    closed_by_the_browser,
    dropped_by_the_browser,
    ended_by_a_fault,
    ended_by_the_server,
    closed_after_some_splices,
    never_reached,
    left_before_the_handshake,
    refused,
)


async def test_an_open_session_is_seen():
    """The count would notice what stays."""
    async with ScriptedServer(shows_one_picture).running() as still, site({"still": still.url}) as at:
        ws = await at.dial("lab/still")
        await rfb_handshake(ws)
        await eventually(lambda: alive()["Relay"] == 1)
        assert set(alive()) >= {
            "Session",
            "BrowserLeg",
            "UpstreamLeg",
            "Memory",
            "ServerStream",
            "ClientStream",
            "Watch",
        }
        await ws.close()


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_nothing_is_left_of_a_session_that_was(way: Way):
    async with (
        ScriptedServer(shows_one_picture).running() as still,
        ScriptedServer(shows_and_leaves).running() as leaving,
        ScriptedServer(shows_and_babbles).running() as babbling,
    ):
        servers = {
            "still": still.url,
            "leaving": leaving.url,
            "babbling": babbling.url,
            "nobody": f"tcp://127.0.0.1:{free_port()}",
        }
        copies = Copies(servers, 10)
        async with site(copies.consoles, reconnect={"window": 0, "per_minute": 1000}) as at:
            await nothing_left(way, lambda console: at.dial(copies.own(console)), at.gateway.registry)


async def nothing_left(way: Way, dial: Dial, registry: Registry) -> None:
    await way(dial)
    await eventually(lambda: not registry)
    tasks = running()
    await asyncio.gather(*(way(dial) for _ in range(10)))
    await eventually(lambda: not registry)
    try:
        await eventually(lambda: not alive(), within=5)
    except AssertionError:
        assert not alive()
    await eventually(lambda: running() <= tasks, what="no task stays")
