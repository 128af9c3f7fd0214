"""The admin listener beside its API: metrics, the operator's page, methods, the description (product.md)."""

from typing import Any
from unittest.mock import MagicMock

from support.admin_api import KEYS, ORDER, ask, minted, ticketed
from support.inprocess import rfb_handshake
from support.scripted_server import ScriptedServer, idle

from gateway.web.admin import AdminSite


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
