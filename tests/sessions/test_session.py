"""The story of a session, against servers that the test scripts (product.md, "How things end")."""

import asyncio
import struct
import time

import pytest
from support.inprocess import ending, read, rfb_handshake, site
from support.scripted_server import SERVER_INIT, Connection, ScriptedServer, idle

from gateway.relay import dial as dial_module
from gateway.sessions import registry, session
from gateway.sessions.records import Passed

BELL = b"\x02"
KEY_A = b"\x04\x01\x00\x00\x00\x00\x00\x61"


GREETING = len(b"RFB 003.008\n" + b"\1\1" + bytes(4) + SERVER_INIT)


async def echo(connection: Connection) -> None:
    """Rings the bell for every key."""
    await connection.handshake()
    while await connection.reader.readexactly(8) == KEY_A:
        await connection.send(BELL)


async def test_bytes_pass_both_ways():
    async with ScriptedServer(echo).running() as server, site({"vm": server.url}) as running:
        ws = await running.dial()
        assert await rfb_handshake(ws) == SERVER_INIT
        for _ in range(3):
            await ws.send_bytes(KEY_A)
            assert await read(ws, 1) == BELL
        await ws.close()


@pytest.mark.parametrize("shared", [True, False])
async def test_the_shared_flag_of_the_browser_reaches_the_server(shared: bool):
    seen: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    async def script(connection: Connection) -> None:
        await connection.handshake()
        seen.set_result(connection.shared)
        await connection.reader.read()

    async with ScriptedServer(script).running() as server, site({"vm": server.url}) as running:
        ws = await running.dial()
        await rfb_handshake(ws, shared=shared)
        assert await seen == int(shared)
        await ws.close()


async def test_what_the_server_sends_with_server_init_is_not_lost():
    async def script(connection: Connection) -> None:
        await connection.send(b"RFB 003.008\n")
        await connection.exactly(12)
        await connection.send(b"\x01\x01")
        await connection.exactly(1)
        await connection.send(bytes(4))
        await connection.exactly(1)
        await connection.send(SERVER_INIT + BELL * 3)
        await connection.reader.read()

    async with ScriptedServer(script).running() as server, site({"vm": server.url}) as running:
        ws = await running.dial()
        assert await rfb_handshake(ws) == SERVER_INIT
        assert await read(ws, 3) == BELL * 3
        await ws.close()


async def test_an_upstream_that_goes_after_the_opening_ends_as_upstream_lost():
    async def script(connection: Connection) -> None:
        if server.connections == 1:
            await connection.handshake()

    server = ScriptedServer(script)
    async with server.running(), site({"vm": server.url}) as running:
        ws = await running.dial()
        await rfb_handshake(ws)
        assert await ending(ws) == (4502, "upstream_lost")


async def test_a_first_opening_is_tried_again_with_pauses():
    async def script(connection: Connection) -> None:
        if server.connections < 3:
            return
        await idle(connection)

    server = ScriptedServer(script)
    async with server.running(), site({"vm": server.url}, reconnect={"window": 30}) as running:
        ws = await running.dial()
        assert await rfb_handshake(ws) == SERVER_INIT
        assert server.connections == 3
        await ws.close()


async def test_an_unknown_console_is_not_tried_again():
    async with site({"vm": "tcp://127.0.0.1:9"}, reconnect={"window": 30}) as running:
        ws = await running.dial("lab/other")
        assert await ending(ws, within=5) == (4404, "no_such_instance")


async def test_a_browser_that_goes_while_the_console_is_dialled_ends_the_dial():
    async def silent(connection: Connection) -> None:
        await connection.reader.read()
        gone.set()

    gone = asyncio.Event()
    async with ScriptedServer(silent).running() as server, site({"vm": server.url}) as running:
        ws = await running.dial()
        while not server.connections:
            await asyncio.sleep(0.01)
        await ws.close()
        await asyncio.wait_for(gone.wait(), 5)


async def test_a_server_that_never_greets(monkeypatch: pytest.MonkeyPatch):
    async def silent(connection: Connection) -> None:
        await connection.reader.read()

    monkeypatch.setattr(dial_module, "DIAL_TIMEOUT", 0.2)
    async with ScriptedServer(silent).running() as server, site({"vm": server.url}) as running:
        ws = await running.dial()
        assert await ending(ws) == (4502, "upstream_lost")


async def test_a_browser_that_stops_in_the_handshake(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(session, "CLIENT_INIT_TIMEOUT", 0.2)
    async with ScriptedServer(idle).running() as server, site({"vm": server.url}) as running:
        ws = await running.dial()
        await ws.send_bytes(b"RFB 003.008\n")
        assert await ending(ws) == (1002, "protocol_error")


async def test_a_session_without_a_human_ends_as_idle(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(registry, "TICK", 0.05)
    async with (
        ScriptedServer(echo).running() as server,
        site({"vm": server.url}, limits={"human_idle": 1}) as running,
    ):
        ws = await running.dial()
        await rfb_handshake(ws)
        for _ in range(4):  # a human holds it off
            await asyncio.sleep(0.4)
            await ws.send_bytes(KEY_A)
            assert await read(ws, 1) == BELL
        assert await ending(ws) == (4408, "idle")


async def test_requests_for_updates_are_no_human(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(registry, "TICK", 0.05)
    request = struct.pack(">BBHHHH", 3, 1, 0, 0, 64, 48)
    async with (
        ScriptedServer(idle).running() as server,
        site({"vm": server.url}, limits={"human_idle": 1}) as running,
    ):
        ws = await running.dial()
        await rfb_handshake(ws)

        async def ask() -> None:
            while True:
                await ws.send_bytes(request)
                await asyncio.sleep(0.1)

        asking = asyncio.create_task(ask())
        assert await ending(ws, within=5) == (4408, "idle")
        asking.cancel()


async def test_a_session_ends_when_it_has_lasted_as_long_as_it_may(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(registry, "TICK", 0.05)
    async with ScriptedServer(idle).running() as server, site({"vm": server.url}, limits={"duration": 1}) as running:
        ws = await running.dial()
        await rfb_handshake(ws)
        assert await ending(ws) == (4411, "duration")


async def test_a_browser_that_answers_no_ping_is_lost(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(registry, "TICK", 0.05)
    keepalive = {"browser_ping": 0.3, "browser_timeout": 0.3}
    async with (
        ScriptedServer(idle).running() as server,
        site({"vm": server.url, "other": server.url}, keepalive=keepalive) as running,
    ):
        answering = await running.dial()
        await rfb_handshake(answering)
        mute = await running.dial("lab/other", autoping=False)
        await rfb_handshake(mute)
        reading = asyncio.create_task(ending(answering))
        async with asyncio.timeout(5):
            while await running.metric("vnc_gateway_endings_total", reason="browser_lost") < 1:
                await asyncio.sleep(0.05)
        assert await running.metric("vnc_gateway_sessions") == 1
        await answering.close()
        await reading
        await mute.close()


async def test_metrics_move_while_a_session_is_open(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(registry, "TICK", 0.05)
    async with ScriptedServer(echo).running() as server, site({"vm": server.url}) as running:
        ws = await running.dial()
        await rfb_handshake(ws)
        await ws.send_bytes(KEY_A)
        assert await read(ws, 1) == BELL
        async with asyncio.timeout(5):
            while await running.metric("vnc_gateway_bytes_total", direction="to_upstream") < len(KEY_A):
                await asyncio.sleep(0.02)
        assert await running.metric("vnc_gateway_messages_total", direction="to_upstream") == 1
        await ws.send_bytes(KEY_A)
        assert await read(ws, 1) == BELL
        async with asyncio.timeout(5):
            while await running.metric("vnc_gateway_messages_total", direction="to_browser") < 2:
                await asyncio.sleep(0.02)
        (opened,) = running.gateway.registry
        record = opened.record("blue")
        assert record.passed == Passed(GREETING + 2 * len(BELL), 2 * len(KEY_A), 2, 2)
        assert record.per_second.messages_to_browser > 0
        assert record.last_input_at == pytest.approx(time.time(), abs=5)
        assert (record.replica, record.state, record.upstream) == ("blue", "open", opened.upstream)
        await ws.close()


async def test_a_rectangle_too_large_to_hold_streams_and_is_counted():
    rectangle = struct.pack(">BxHHHHHiI", 0, 1, 0, 0, 64, 48, 6, 3000) + bytes(3000)

    async def script(connection: Connection) -> None:
        await connection.handshake()
        await connection.send(rectangle[:2000])
        await connection.reader.readexactly(8)
        await connection.send(rectangle[2000:])
        await connection.reader.read()

    limits = {"held": 1024, "held_total": 4096}
    async with ScriptedServer(script).running() as server, site({"vm": server.url}, limits=limits) as running:
        ws = await running.dial()
        await rfb_handshake(ws)
        assert await read(ws, 2000) == rectangle[:2000]
        await ws.send_bytes(KEY_A)
        assert await read(ws, len(rectangle) - 2000) == rectangle[2000:]
        await ws.close()
        async with asyncio.timeout(5):
            while not await running.metric("vnc_gateway_changed_total", what="oversized_streamed"):
                await asyncio.sleep(0.02)
