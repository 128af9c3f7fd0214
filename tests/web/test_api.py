"""The admin API, from outside: tickets, sessions, and what each key is good for (product.md, "Admin listener")."""

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import MagicMock

import aiohttp
import pytest
from support.inprocess import Site, ending, rfb_handshake, site
from support.scripted_server import ScriptedServer, idle

from gateway.web.admin import AdminSite

NOWHERE = {"vm": "tcp://127.0.0.1:9"}
ORDER = {"console": "lab/vm", "user": "ana"}


def hashed(key: str) -> str:
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


KEYS = {
    "all": hashed("k-all"),
    "mint": {"hash": hashed("k-mint"), "rights": ["tickets"], "consoles": ["lab/*"]},
    "see": {"hash": hashed("k-see"), "rights": ["sessions"]},
    "other": {"hash": hashed("k-other"), "consoles": ["hangzhou/*"]},
}


@asynccontextmanager
async def ticketed(consoles: dict[str, str] = NOWHERE, **tables: Any) -> AsyncIterator[Site]:
    tables = {"access": {"mode": "ticket"}, "admin": {"keys": KEYS}} | tables
    async with site(consoles, **tables) as running:
        yield running


async def ask(running: Site, method: str, path: str, *, key: str | None = "k-all", **options: Any) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with running.http.request(method, f"{running.admin}/api/v1{path}", headers=headers, **options) as answer:
        text = await answer.text()
        assert answer.headers.get("Cache-Control") == "no-store" or answer.status == 204
        return answer.status, json.loads(text) if text else None


async def minted(running: Site, key: str = "k-all", **more: Any) -> dict[str, Any]:
    status, body = await ask(running, "POST", "/tickets", key=key, json=ORDER | more)
    assert status == 201, body
    return body


async def grant(running: Site, token: str | None, console: str = "lab/vm") -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with running.http.post(f"{running.url}/grant/{console}", headers=headers) as answer:
        return answer.status, json.loads(await answer.text())


async def test_a_ticket_is_traded_for_a_grant_that_opens_a_console():
    async with ScriptedServer(idle).running() as server, ticketed({"vm": server.url}) as running:
        ticket = await minted(running, rights={"control": False}, ttl=60, grant_ttl=600, reference="CHG-17")
        assert set(ticket) == {"id", "ticket", "url", "expires_at"}
        assert ticket["url"] == f"{running.url}/console/lab/vm#ticket={ticket['ticket']}"
        status, opening = await grant(running, ticket["ticket"])
        assert status == 200
        assert opening["rights"] == {"control": False, "clipboard": "both", "power": False, "takeover": False}
        assert (await grant(running, ticket["ticket"]))[0] == 401
        ws = await running.dial(f"lab/vm?ticket={opening['ticket']}")
        await rfb_handshake(ws)
        status, listed = await ask(running, "GET", "/sessions?user=ana")
        (session,) = listed["sessions"]
        assert (session["id"], session["user"], session["reference"]) == (opening["session"], "ana", "CHG-17")
        shown = (await ask(running, "GET", f"/sessions/{session['id']}"))[1]
        assert shown == session | {"per_second": shown["per_second"]}
        assert (await ask(running, "GET", "/sessions?user=bob"))[1] == {"sessions": []}
        await ws.close()


async def test_without_a_ticket_nothing_opens():
    async with ticketed() as running:
        for token in (None, "x", "k-all"):
            assert await grant(running, token) == (
                401,
                {
                    "type": "about:blank",
                    "title": "The ticket is missing, expired, used or unknown.",
                    "status": 401,
                    "name": "unauthenticated",
                },
            )
        for query in ("", "?ticket=", "?ticket=x"):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await running.dial("lab/vm" + query)
            assert refused.value.status == 401
        assert (await grant(running, None, "nowhere/vm"))[0] == 401, "names cannot be probed"
        ticket = await minted(running, console="nowhere/vm")
        status, problem = await grant(running, ticket["ticket"], "nowhere/vm")
        assert (status, problem["name"]) == (404, "no_such_instance")


async def test_a_program_opens_the_websocket_with_the_ticket_itself():
    async with ScriptedServer(idle).running() as server, ticketed({"vm": server.url}) as running:
        ticket = (await minted(running))["ticket"]
        ws = await running.dial(f"lab/vm?ticket={ticket}")
        await rfb_handshake(ws)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await running.dial(f"lab/vm?ticket={ticket}")
        await ws.close()


async def test_a_voided_ticket_opens_nothing():
    async with ticketed() as running:
        ticket = await minted(running)
        assert (await ask(running, "DELETE", f"/tickets/{ticket['id']}", key="k-other"))[0] == 404
        assert (await ask(running, "DELETE", f"/tickets/{ticket['id']}"))[0] == 204
        assert (await ask(running, "DELETE", f"/tickets/{ticket['id']}"))[0] == 404
        assert (await grant(running, ticket["ticket"]))[0] == 401


async def test_a_ticket_of_a_network_is_no_good_from_elsewhere():
    async with ticketed() as running:
        here = await minted(running, source="127.0.0.0/8")
        assert (await grant(running, here["ticket"]))[0] == 200
        elsewhere = await minted(running, source="10.1.0.0/16")
        assert (await grant(running, elsewhere["ticket"]))[0] == 401


async def test_an_ended_session_is_told_so_and_cannot_be_returned_to():
    async with ScriptedServer(idle).running() as server, ticketed({"vm": server.url}) as running:
        _, opening = await grant(running, (await minted(running))["ticket"])
        ws = await running.dial(f"lab/vm?ticket={opening['ticket']}")
        await rfb_handshake(ws)
        _, again = await grant(running, opening["resume"])
        assert again["session"] == opening["session"]
        assert (await ask(running, "DELETE", f"/sessions/{opening['session']}", key="k-other"))[0] == 404
        assert (await ask(running, "DELETE", f"/sessions/{opening['session']}"))[0] == 204
        assert await ending(ws) == (4410, "ended_by_admin")
        assert (await grant(running, opening["resume"]))[0] == 401
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await running.dial(f"lab/vm?ticket={again['ticket']}")
        assert (await ask(running, "DELETE", f"/sessions/{opening['session']}"))[0] == 404


@pytest.mark.parametrize("query", ["user=ana", "reference=CHG-17", "console=lab/vm", "user=ana&reference=CHG-17"])
async def test_sessions_end_by_user_or_reference(query: str):
    async with (
        ScriptedServer(idle).running() as server,
        ticketed({"vm": server.url, "vm2": server.url}) as running,
    ):
        mine = await running.dial(f"lab/vm?ticket={(await minted(running, reference='CHG-17'))['ticket']}")
        bobs = await minted(running, console="lab/vm2", user="bob")
        other = await running.dial(f"lab/vm2?ticket={bobs['ticket']}")
        await rfb_handshake(mine)
        await rfb_handshake(other)
        assert (await ask(running, "GET", "/sessions", key="k-other"))[1] == {"sessions": []}
        assert (await ask(running, "DELETE", f"/sessions?{query}", key="k-other"))[0] == 204
        assert len((await ask(running, "GET", "/sessions"))[1]["sessions"]) == 2
        assert (await ask(running, "DELETE", f"/sessions?{query}"))[0] == 204
        assert await ending(mine) == (4410, "ended_by_admin")
        assert [one["user"] for one in (await ask(running, "GET", "/sessions"))[1]["sessions"]] == ["bob"]
        await other.close()


@pytest.mark.parametrize("query", ["", "?", "?user=", "?usr=ana", "?id=x"])
async def test_nobody_ends_all_sessions_by_a_slip(query: str):
    async with ticketed() as running:
        assert (await ask(running, "DELETE", f"/sessions{query}"))[0] == 422


@pytest.mark.parametrize(
    ("body", "status", "fault"),
    [
        (b"{", 400, ""),
        (b"\xff", 400, ""),
        (b"[]", 422, "the body"),
        ({}, 422, "console"),
        (ORDER | {"more": 1}, 422, "more"),
        (ORDER | {"rights": {"admin": True}}, 422, "rights.admin"),
        (ORDER | {"rights": {"control": "yes"}}, 422, "rights.control"),
        (ORDER | {"rights": {"clipboard": "up"}}, 422, "rights.clipboard"),
        (ORDER | {"console": "lab"}, 422, "console"),
        (ORDER | {"console": "lab/../x"}, 422, "console"),
        (ORDER | {"user": ""}, 422, "user"),
        (ORDER | {"user": "a\nb"}, 422, "user"),
        (ORDER | {"reference": "a\x1b[31m"}, 422, "reference"),
        (ORDER | {"ttl": 121}, 422, "ttl"),
        (ORDER | {"ttl": 0}, 422, "ttl"),
        (ORDER | {"ttl": True}, 422, "ttl"),
        (ORDER | {"grant_ttl": 43201}, 422, "grant_ttl"),
        (ORDER | {"source": "10.1.0.0/99"}, 422, "source"),
        (ORDER | {"source": 3232235777}, 422, "source"),
    ],
)
async def test_orders_that_are_not_understood_are_refused_with_their_fault(body: Any, status: int, fault: str):
    async with ticketed() as running:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        got, problem = await ask(running, "POST", "/tickets", data=data)
        assert got == status
        assert problem["name"] == ("malformed" if status == 400 else "invalid")
        assert problem.get("detail", "").startswith(fault)


async def test_keys_are_good_for_their_rights_and_consoles_only():
    async with ticketed() as running:
        await minted(running, key="k-mint")
        for method, path, key, options in (
            ("POST", "/tickets", "k-see", {"json": ORDER}),
            ("POST", "/tickets", "k-other", {"json": ORDER}),
            ("DELETE", "/tickets/x", "k-see", {}),
            ("GET", "/sessions", "k-mint", {}),
            ("GET", "/sessions/x", "k-mint", {}),
            ("DELETE", "/sessions?user=ana", "k-see", {}),
            ("DELETE", "/sessions/x", "k-mint", {}),
        ):
            assert (await ask(running, method, path, key=key, **options))[0] == 403, (method, path, key)


@pytest.mark.parametrize("key", [None, "", "wrong", hashed("k-all"), "K-ALL", "k-all x"])
async def test_the_api_is_shut_without_a_key_also_where_nothing_is(key: str | None):
    async with ticketed() as running:
        for method, path in (
            ("POST", "/tickets"),
            ("DELETE", "/tickets/x"),
            ("GET", "/sessions"),
            ("DELETE", "/sessions/x"),
            ("GET", "/openapi.json"),
            ("GET", "/nothing"),
        ):
            status, problem = await ask(running, method, path, key=key)
            assert (status, problem["name"]) == (401, "unauthenticated")


async def test_no_tickets_are_minted_in_other_modes():
    async with ticketed(access={"mode": "open"}) as running:
        assert (await ask(running, "POST", "/tickets", json=ORDER))[0] == 403


async def test_metrics_ask_for_a_key_where_they_are_not_open():
    async with (
        ticketed(admin={"keys": KEYS, "metrics_open": False}) as running,
        running.http.get(running.admin + "/metrics") as shut,
        running.http.get(running.admin + "/metrics", headers={"Authorization": "Bearer k-see"}) as opened,
        running.http.get(running.admin + "/healthz") as health,
    ):
        assert (shut.status, opened.status, health.status) == (401, 200, 200)


async def test_a_method_that_an_address_does_not_know_is_answered_with_those_that_it_does():
    headers = {"Authorization": "Bearer k-all"}
    async with (
        ticketed() as running,
        running.http.post(f"{running.admin}/api/v1/sessions", headers=headers) as answer,
    ):
        assert (answer.status, (await answer.json(content_type=None))["name"]) == (405, "method_not_allowed")
        assert answer.headers["Allow"] == "DELETE,GET,HEAD"


async def test_the_operators_page_is_for_anybody_and_nobodys_frame():
    async with ticketed(listen={"port": 0, "embed_origins": ["https://portal.example.com"]}) as running:
        for path, status in (
            ("/", 200),
            ("/static/operator.js", 200),
            ("/static/icon.svg", 200),
            ("/static/console.js", 404),
            ("/static/..%2fadmin.py", 404),
        ):
            async with running.http.get(running.admin + path) as answer:
                assert answer.status == status, path
                assert answer.headers["Content-Security-Policy"].endswith("frame-ancestors 'none'")


async def test_metrics_have_a_listener_of_their_own_where_one_is_set(unused_tcp_port: int):
    async with ticketed(admin={"keys": KEYS, "metrics_port": unused_tcp_port}) as running:
        base = f"http://127.0.0.1:{unused_tcp_port}"
        for path, status in (("/metrics", 200), ("/healthz", 200), ("/readyz", 200), ("/api/v1/sessions", 401)):
            async with running.http.get(base + path) as answer:
                assert answer.status == status
        headers = {"Authorization": "Bearer k-all"}
        async with running.http.get(base + "/api/v1/sessions", headers=headers) as answer:
            assert answer.status == 404


async def test_consoles_are_listed_in_open_mode_only():
    for mode, consoles in (("ticket", []), ("open", ["lab/vm"])):
        async with ticketed(access={"mode": mode}) as running, running.http.get(running.url + "/consoles") as answer:
            assert await answer.json() == {"consoles": consoles}


async def test_the_api_describes_what_it_answers():
    async with ScriptedServer(idle).running() as server, ticketed({"vm": server.url}) as running:
        status, described = await ask(running, "GET", "/openapi.json")
        assert status == 200
        schemas = described["components"]["schemas"]
        ticket = await minted(running)
        assert set(ticket) == set(schemas["Ticket"]["required"])
        ws = await running.dial(f"lab/vm?ticket={ticket['ticket']}")
        await rfb_handshake(ws)
        (session,) = (await ask(running, "GET", "/sessions"))[1]["sessions"]
        assert set(session) == set(schemas["Session"]["properties"]) == set(schemas["Session"]["required"])
        for name in ("passed", "per_second"):
            for what, directions in schemas["Session"]["properties"][name]["properties"].items():
                assert set(session[name][what]) == set(directions["required"])
        assert set(session["rights"]) == set(schemas["Session"]["properties"]["rights"]["required"])
        _, problem = await ask(running, "POST", "/tickets", json={})
        assert set(problem) == set(schemas["Problem"]["properties"])
        await ws.close()
        served = {(route.method, route.path) for route in _admin_routes() if route.path.startswith("/api/v1/")} - {
            ("GET", "/api/v1/openapi.json")
        }
        assert served == {
            (method.upper(), path)
            for path, operations in described["paths"].items()
            for method in operations
            if method != "parameters"
        }


def _admin_routes() -> list[Any]:
    nothing: Any = MagicMock()
    return AdminSite(nothing, nothing, nothing, nothing, nothing, nothing, nothing, metrics_open=True).routes()
