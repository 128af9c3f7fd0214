"""The upstream dies, and the browser's socket stays (rfb.md §5, product.md `[reconnect]`)."""

import asyncio
import socket
import struct
from typing import Any

import pytest
import structlog
from support.inprocess import Site, ending, read, rfb_handshake, site
from support.scripted_server import Connection, ScriptedServer, idle

from gateway.sessions import registry

BELL = b"\x02"
KEY_A = b"\x04\x01\x00\x00\x00\x00\x00\x61"
KEY_A_UP = b"\x04\x00\x00\x00\x00\x00\x00\x61"
REFRESH = struct.pack(">BBHHHH", 3, 0, 0, 0, 64, 48)


class Mortal:
    """A server whose first `deaths` connections end after a bell, in the given way; the next ones stay."""

    def __init__(self, deaths: int, *, reset: bool = False) -> None:
        self.deaths = deaths
        self.reset = reset
        self.heard = bytearray()
        self.server = ScriptedServer(self.script)

    async def script(self, connection: Connection) -> None:
        number = self.server.connections
        await connection.handshake()
        if number > self.deaths:
            await connection.send(BELL)
            while data := await connection.reader.read(65536):
                self.heard += data
            return
        await connection.send(BELL)
        await asyncio.sleep(0.05)
        if self.reset:
            sock: Any = connection.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.writer.transport.abort()


@pytest.mark.parametrize("reset", [False, True])
async def test_the_browser_sees_one_stream_over_many_upstreams(reset: bool):
    mortal = Mortal(3, reset=reset)
    async with mortal.server.running() as server, site({"vm": server.url}, reconnect={"window": 20}) as running:
        ws = await running.dial()
        await rfb_handshake(ws)
        assert await read(ws, 4) == BELL * 4
        async with asyncio.timeout(5):
            while REFRESH not in mortal.heard:
                await asyncio.sleep(0.01)
        assert await running.metric("vnc_gateway_splices_total", outcome="done") == 3
        assert await running.metric("vnc_gateway_sessions") == 1
        await ws.close()


async def test_each_dial_is_counted_with_what_is_left_of_the_budget():
    mortal = Mortal(3)
    async with (
        mortal.server.running() as server,
        site({"vm": server.url}, reconnect={"window": 20, "per_minute": 5}) as running,
    ):
        ws = await running.dial()
        await rfb_handshake(ws)
        assert await read(ws, 4) == BELL * 4
        assert await running.metric("vnc_gateway_budget_left_count") == 4
        assert await running.metric("vnc_gateway_budget_left_sum") == 4 + 3 + 2 + 1
        assert await running.metric("vnc_gateway_idle_cuts_survived_total") == 0
        await ws.close()


async def test_a_second_cut_after_the_same_silence_is_a_survived_idle_limit(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(registry, "TICK", 0.02)

    async def cut_when_idle(connection: Connection) -> None:
        await connection.handshake()
        if server.connections <= 3:
            await asyncio.sleep(0.6)
            return
        await connection.send(BELL)
        await connection.reader.read()

    server = ScriptedServer(cut_when_idle)
    keepalive = {"upstream_after": 0.5, "method": "off"}
    with structlog.testing.capture_logs() as lines:
        async with server.running(), site({"vm": server.url}, keepalive=keepalive, reconnect={"window": 20}) as running:
            ws = await running.dial()
            await rfb_handshake(ws)
            assert await read(ws, 1) == BELL
            assert await running.metric("vnc_gateway_splices_total", outcome="done") == 3
            assert await running.metric("vnc_gateway_idle_cuts_survived_total") == 2
            await ws.close()
    assert [line["after_idle"] for line in lines if line["event"] == "session.spliced"] == [False, True, True]


async def test_when_the_window_is_over_the_browser_is_told():
    async def once(connection: Connection) -> None:
        if server.connections == 1:
            await connection.handshake()

    server = ScriptedServer(once)
    async with server.running(), site({"vm": server.url}, reconnect={"window": 2}) as running:
        ws = await running.dial()
        await rfb_handshake(ws)
        assert await ending(ws, within=15) == (4502, "upstream_lost")
        assert await running.metric("vnc_gateway_splices_total", outcome="failed") == 1


async def test_the_budget_holds_and_its_end_is_named():
    mortal = Mortal(10_000)
    reconnect = {"window": 3, "per_minute": 5}
    async with mortal.server.running() as server, site({"vm": server.url}, reconnect=reconnect) as running:
        ws = await running.dial()
        await rfb_handshake(ws)
        assert await ending(ws, within=20) == (4429, "rate_limited")
        assert server.connections == 5


async def test_what_is_typed_while_the_upstream_is_away_is_dropped():
    back = asyncio.Event()

    async def script(connection: Connection) -> None:
        if server.connections == 1:
            await connection.handshake()
            return
        await back.wait()
        await connection.handshake()
        while data := await connection.reader.read(65536):
            heard.extend(data)

    heard = bytearray()
    server = ScriptedServer(script)
    async with server.running(), site({"vm": server.url}, reconnect={"window": 20}) as running:
        ws = await running.dial()
        await rfb_handshake(ws)
        async with asyncio.timeout(5):
            while server.connections < 2:
                await asyncio.sleep(0.01)
        await ws.send_bytes(KEY_A + KEY_A_UP)
        await asyncio.sleep(0.1)
        back.set()
        async with asyncio.timeout(5):
            while REFRESH not in heard:
                await asyncio.sleep(0.01)
        assert KEY_A not in heard
        await ws.send_bytes(KEY_A)
        async with asyncio.timeout(5):
            while KEY_A not in heard:
                await asyncio.sleep(0.01)
        await ws.close()


async def test_a_page_that_asked_is_told_what_goes_on():
    async with (
        Mortal(1).server.running() as server,
        site({"vm": server.url}, reconnect={"window": 20}) as running,
    ):
        ws = await running.http.ws_connect(f"{running.url}/ws/lab/vm?notices=1", protocols=["binary"])
        notices = await heard_notices(running, ws, 2)
        assert [notice["state"] for notice in notices] == ["reconnecting", "open"]
        await ws.close()


async def heard_notices(running: Site, ws: Any, count: int) -> list[dict[str, Any]]:
    await rfb_handshake(ws)
    notices: list[dict[str, Any]] = []
    while len(notices) < count:
        message = await ws.receive(timeout=10)
        if message.type.name == "TEXT":
            notices.append(message.json())
    return notices


async def test_garbage_in_mid_session_is_not_spliced():
    async def garbage(connection: Connection) -> None:
        await connection.handshake()
        await connection.send(b"\x77garbage")
        await connection.reader.read()

    async with ScriptedServer(garbage).running() as server, site({"vm": server.url}) as running:
        ws = await running.dial()
        await rfb_handshake(ws)
        assert await ending(ws) == (4506, "not_understood")
        assert server.connections == 1


async def test_a_hundred_sessions_that_lose_their_upstream_at_once_all_come_back():
    server = ScriptedServer(idle)
    names = [f"vm{number}" for number in range(100)]
    async with server.running(), site(dict.fromkeys(names, server.url), reconnect={"window": 20}) as running:
        sockets = []
        for name in names:
            ws = await running.dial(f"lab/{name}")
            await rfb_handshake(ws)
            sockets.append(ws)
        server.drop_all()
        async with asyncio.timeout(20):
            while await running.metric("vnc_gateway_splices_total", outcome="done") < 100:
                await asyncio.sleep(0.05)
        assert server.connections == 200
        for ws in sockets:
            await ws.close()


async def test_a_server_that_can_t_be_joined_is_left():
    """More changes of the browser wait for an answer than are given at once: the session ends, and its server too."""
    enable = struct.pack(">BBHHHH", 150, 0, 0, 0, 64, 48)
    left = asyncio.Event()

    async def script(connection: Connection) -> None:
        number = server.connections
        await connection.handshake()
        if number == 1:
            await connection.send(bytes([150]))
            await connection.exactly(1100 * len(enable))
            return
        while await connection.reader.read(65536):
            pass
        left.set()

    server = ScriptedServer(script)
    async with server.running(), site({"vm": server.url}, reconnect={"window": 20}) as running:
        ws = await running.dial()
        await rfb_handshake(ws)
        assert await read(ws, 1) == bytes([150])
        await ws.send_bytes(enable * 1100)
        assert await ending(ws) == (1002, "protocol_error")
        async with asyncio.timeout(5):
            await left.wait()
        await ws.close()
