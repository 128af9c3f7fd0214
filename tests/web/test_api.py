"""The admin API, from outside: tickets, sessions, and what each key is good for (product.md, "Admin listener")."""

import json
from typing import Any

import aiohttp
import pytest
from support.admin_api import ORDER, ask, grant, hashed, minted, ticketed
from support.inprocess import ending, rfb_handshake
from support.scripted_server import ScriptedServer, idle


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
                    "title": "The ticket or token is missing, expired, used or unknown.",
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


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("127.0.0.0/8", 200),
        ("127.0.0.1", 200),
        ("::ffff:127.0.0.1", 200),
        ("::ffff:127.0.0.0/104", 200),
        ("::ffff:0.0.0.0/96", 200),
        ("10.1.0.0/16", 401),
        ("::ffff:10.1.0.0/112", 401),
        ("2001:db8::/32", 401),
    ],
)
async def test_a_ticket_of_a_network_is_no_good_from_elsewhere(source: str, status: int):
    async with ticketed() as running:
        assert (await grant(running, (await minted(running, source=source))["ticket"]))[0] == status


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
        (ORDER | {"source": "fe80::1%eth0"}, 422, "source"),
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
