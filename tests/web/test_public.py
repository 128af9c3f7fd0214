"""The public listener, from outside (product.md, "Public listener")."""

import asyncio
import json

import aiohttp
import pytest
from support.inprocess import API_KEY, Site, ending, rfb_handshake, site
from support.scripted_server import SERVER_INIT, ScriptedServer, idle

from gateway.errors import AuditUnwritable
from gateway.state.memory import MemoryState
from gateway.state.state import StateAway

NOWHERE = {"vm": "tcp://127.0.0.1:9"}


async def problem(answer: aiohttp.ClientResponse) -> str:
    assert answer.headers["Content-Type"] == "application/problem+json"
    document = json.loads(await answer.text())
    assert document["status"] == answer.status
    return document["name"]


async def raw(running: Site, request: bytes) -> bytes:
    """Whatever comes back on a bare connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", running.gateway.public_port)
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(65536), 10)
    writer.close()
    return answer


async def test_pages_carry_the_headers_that_lock_them_down():
    async with site(NOWHERE) as running:
        for path in ("/", "/console/lab/vm", "/console/any/thing", "/static/client.js", "/nothing"):
            async with running.http.get(running.url + path) as answer:
                policy = answer.headers["Content-Security-Policy"]
                assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
                assert policy.endswith("frame-ancestors 'none'")
                assert answer.headers["Referrer-Policy"] == "no-referrer"
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert "Set-Cookie" not in answer.headers
                assert "aiohttp" not in answer.headers["Server"]
                if answer.content_type == "text/html":
                    assert answer.headers["Cache-Control"] == "no-store"


async def test_embedding_origins_reach_header_and_page():
    portal = "https://portal.example.com"
    async with (
        site(NOWHERE, listen={"embed_origins": [portal]}) as running,
        running.http.get(running.url + "/console/lab/vm") as answer,
    ):
        assert answer.headers["Content-Security-Policy"].endswith(f"frame-ancestors {portal}")
        assert f'content="{portal}"' in await answer.text()


async def test_assets_are_revalidated_by_etag():
    async with site(NOWHERE) as running, running.http.get(running.url + "/static/client.js") as answer:
        tag = answer.headers["ETag"]
        async with running.http.get(running.url + "/static/client.js", headers={"If-None-Match": tag}) as again:
            assert again.status == 304


@pytest.mark.parametrize("name", ["..%2f..%2fapp.py", "%2e%2e/pages.py", "console.html", "x"])
async def test_static_serves_nothing_but_the_built_files(name: str):
    async with site(NOWHERE) as running:
        path = f"/static/{name}".encode()
        answer = await raw(running, b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 404 ")


async def test_a_grant_has_a_ticket_that_opens_one_websocket():
    async with ScriptedServer(idle).running() as server, site({"vm": server.url}) as running:
        async with running.http.post(running.url + "/grant/lab/vm") as answer:
            assert answer.headers["Cache-Control"] == "no-store"
            grant = await answer.json()
        assert set(grant) == {"ticket", "resume", "session", "rights", "expires_at"}
        ws = await running.dial(f"lab/vm?ticket={grant['ticket']}")
        assert await rfb_handshake(ws) == SERVER_INIT
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await running.dial(f"lab/vm?ticket={grant['ticket']}")
        assert refused.value.status == 401
        headers = {"Authorization": f"Bearer {API_KEY}"}
        async with running.http.get(running.admin + "/api/v1/sessions", headers=headers) as answer:
            (session,) = (await answer.json())["sessions"]
        assert session["id"] == grant["session"]
        assert session["console"] == "lab/vm"
        assert session["state"] == "open"
        await ws.close()


async def test_a_return_takes_the_place_of_its_earlier_connection():
    async with ScriptedServer(idle).running() as server, site({"vm": server.url}) as running:
        async with running.http.post(running.url + "/grant/lab/vm") as answer:
            first = await answer.json()
        earlier = await running.dial(f"lab/vm?ticket={first['ticket']}")
        await rfb_handshake(earlier)
        headers = {"Authorization": f"Bearer {first['resume']}"}
        async with running.http.post(running.url + "/grant/lab/vm", headers=headers) as answer:
            second = await answer.json()
        assert second["session"] == first["session"]
        later = await running.dial(f"lab/vm?ticket={second['ticket']}")
        await rfb_handshake(later)
        assert await ending(earlier) == (1000, "closed")
        await later.close()


@pytest.mark.parametrize(
    ("path", "headers", "status", "name"),
    [
        ("/ws/lab/vm", {"Origin": "https://evil.example"}, 403, "bad_origin"),
        ("/ws/lab/vm", {"Origin": "null"}, 403, "bad_origin"),
        ("/ws/lab/vm", {"Host": "evil.example"}, 421, "wrong_host"),
        ("/ws/lab/vm", {"X-Forwarded-For": "10.0.0.1"}, 403, "forbidden"),
        ("/ws/lab/vm", {"Forwarded": "for=10.0.0.1"}, 403, "forbidden"),
        ("/ws/lab/vm", {"Via": "1.1 proxy"}, 403, "forbidden"),
        ("/ws/lab/" + "x" * 65, {}, 400, "malformed"),
        ("/ws/lab/-x", {}, 400, "malformed"),
        ("/ws/LAB/vm", {}, 400, "malformed"),
        ("/ws/elsewhere/vm", {}, 404, "no_such_instance"),
        ("/ws/lab/vm?ticket=unknown", {}, 401, "unauthenticated"),
        ("/ws/lab/vm", {"Sec-WebSocket-Version": "8"}, 400, "malformed"),
        ("/ws/lab/vm", {"Sec-WebSocket-Protocol": "base64"}, 400, "malformed"),
    ],
)
async def test_upgrades_that_are_refused(path: str, headers: dict[str, str], status: int, name: str):
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    async with site(NOWHERE) as running, running.http.get(running.url + path, headers=upgrade | headers) as answer:
        assert answer.status == status
        assert await problem(answer) == name


async def test_a_plain_request_to_the_websocket_is_told_to_upgrade():
    async with site(NOWHERE) as running, running.http.get(running.url + "/ws/lab/vm") as answer:
        assert answer.status == 426
        assert answer.headers["Upgrade"] == "websocket"


async def test_own_and_configured_origins_are_welcome():
    async with (
        ScriptedServer(idle).running() as server,
        site({"vm": server.url}, listen={"allowed_origins": ["https://portal.example.com"]}) as running,
    ):
        for origin in (running.url, "https://portal.example.com"):
            ws = await running.dial(headers={"Origin": origin})
            await rfb_handshake(ws)
            await ws.close()
        async with running.http.options(
            running.url + "/grant/lab/vm",
            headers={"Origin": "https://portal.example.com", "Access-Control-Request-Method": "POST"},
        ) as answer:
            assert answer.headers["Access-Control-Allow-Origin"] == "https://portal.example.com"
        async with running.http.post(running.url + "/grant/lab/vm", headers={"Origin": running.url}) as answer:
            assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(("error", "name"), [(StateAway, "state_away"), (AuditUnwritable, "audit_away")])
async def test_another_origin_learns_why_it_is_to_come_again(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception], name: str
):
    async def fail(*_: object) -> bool:
        raise error

    monkeypatch.setattr(MemoryState, "put_ticket", fail)
    async with site(NOWHERE, listen={"allowed_origins": ["https://portal.example.com"]}) as running:
        headers = {"Origin": "https://portal.example.com"}
        async with running.http.post(running.url + "/grant/lab/vm", headers=headers) as answer:
            assert (answer.status, (await answer.json(content_type=None))["name"]) == (503, name)
            assert answer.headers["Access-Control-Allow-Origin"] == "https://portal.example.com"
            assert answer.headers["Retry-After"] == "5"


async def test_nothing_new_is_opened_while_the_state_is_away_and_balancers_are_told_to_stay(
    monkeypatch: pytest.MonkeyPatch,
):
    """Also where opening asks the state for nothing (mode open)."""
    async with ScriptedServer(idle).running() as server, site({"vm": server.url}) as running:
        ws = await running.dial()
        await rfb_handshake(ws)
        monkeypatch.setattr(MemoryState, "up", False)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await running.dial()
        assert refused.value.status == 503
        async with running.http.post(running.url + "/grant/lab/vm") as answer:
            assert (answer.status, await problem(answer)) == (503, "state_away")
            assert "Retry-After" in answer.headers
        for address in (running.url, running.admin):
            async with running.http.get(address + "/readyz") as answer:
                assert (answer.status, await answer.json()) == (200, {"status": "ready", "state": "away"})
        assert await running.metric("vnc_gateway_state_up") == 0
        assert await running.metric("vnc_gateway_sessions") == 1
        monkeypatch.setattr(MemoryState, "up", True)
        again = await running.dial()
        await rfb_handshake(again)
        assert await running.metric("vnc_gateway_state_up") == 1
        await again.close()
        await ws.close()


async def test_sessions_are_bounded():
    async with ScriptedServer(idle).running() as server, site({"vm": server.url}, limits={"sessions": 1}) as running:
        ws = await running.dial()
        await rfb_handshake(ws)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await running.dial()
        assert refused.value.status == 503
        assert refused.value.headers is not None
        assert "Retry-After" in refused.value.headers
        await ws.close()


async def test_what_is_no_http_is_answered_in_one_piece(caplog: pytest.LogCaptureFixture):
    async with site(NOWHERE) as running:
        assert (await raw(running, b"\x16\x03\x01 garbage\r\n\r\n")).startswith(b"HTTP/1.0 400 ")
        long = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"a" * 9000 + b"\r\n\r\n"
        answer = await raw(running, long)
        assert answer.startswith(b"HTTP/1.0 431 ")
        assert b"aiohttp" not in answer
    assert "Traceback" not in caplog.text


async def test_frames_that_come_with_the_upgrade_are_a_protocol_error():
    early = (
        b"GET /ws/lab/vm HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        b"\x82\x80\x00\x00\x00\x00"
    )
    async with ScriptedServer(idle).running() as server, site({"vm": server.url}) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.gateway.public_port)
        writer.write(early)
        answer = await asyncio.wait_for(reader.read(), 10)
        assert answer.startswith(b"HTTP/1.1 101 ")
        assert answer.endswith(b"\x88\x10\x03\xeaprotocol_error")
        writer.close()


async def test_health_answers_to_any_name():
    async with site(NOWHERE) as running:
        for base in (running.url, running.admin):
            for path in ("/healthz", "/readyz"):
                async with running.http.get(base + path, headers={"Host": "10.0.0.7"}) as answer:
                    assert answer.status == 200


async def test_sessions_end_with_1001_when_the_gateway_stops():
    async with ScriptedServer(idle).running() as server:
        async with site({"vm": server.url}) as running:
            http, running.http = running.http, aiohttp.ClientSession()
            ws = await running.dial()
            await rfb_handshake(ws)
            goodbye = asyncio.create_task(ending(ws))
        assert await goodbye == (1001, "going_away")
        await running.http.close()
        await http.close()


async def test_the_sessions_api_is_shut_without_a_key():
    async with site(NOWHERE) as running:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {API_KEY}"}):
            async with running.http.get(running.admin + "/api/v1/sessions", headers=headers) as answer:
                assert answer.status == 401
                assert await problem(answer) == "unauthenticated"


async def test_metrics_move():
    async with ScriptedServer(idle).running() as server, site({"vm": server.url}) as running:
        ws = await running.dial()
        await rfb_handshake(ws)
        assert await running.metric("vnc_gateway_sessions") == 1
        await ws.send_bytes(b"\x04\x01\x00\x00\x00\x00\x00\x61")
        await ws.close()
        async with asyncio.timeout(5):
            while await running.metric("vnc_gateway_sessions"):
                await asyncio.sleep(0.01)
        assert await running.metric("vnc_gateway_endings_total", reason="closed") == 1
        assert await running.metric("vnc_gateway_dial_seconds_count", kind="static") == 1
        assert await running.metric("vnc_gateway_bytes_total", direction="to_upstream") == 8


async def test_the_gateway_keeps_nothing_of_connections_that_are_over():
    async with ScriptedServer(idle).running() as server, site({"vm": server.url}) as running:
        for _ in range(20):
            ws = await running.dial()
            await rfb_handshake(ws)
            await ws.close()
        async with asyncio.timeout(5):
            while len(running.gateway.registry):
                await asyncio.sleep(0.01)
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("session ")]
