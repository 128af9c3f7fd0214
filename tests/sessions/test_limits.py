"""Limits of sessions (configuration.md, [limits]), from outside, with sessions of a real gateway."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from support.inprocess import API_KEY, Site, ending, rfb_handshake, site
from support.scripted_server import ScriptedServer, idle

from gateway.sessions import registry
from gateway.state.memory import MemoryState

CONSOLES = ("vm", "two", "three")


async def ended(ws: aiohttp.ClientWebSocketResponse) -> tuple[int | None, str]:
    async with asyncio.timeout(30):
        return await ending(ws)


async def refused(at: Site, console: str) -> tuple[int, str]:
    """Status and name with which a grant of `console` is refused; the upgrade has to be refused by the same status."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as upgrade:
        await at.dial(console)
    async with at.http.post(f"{at.url}/grant/{console}") as answer:
        assert answer.status == upgrade.value.status
        return answer.status, json.loads(await answer.text())["name"]


async def granted(at: Site, resume: str | None = None) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {resume}"} if resume else {}
    async with at.http.post(f"{at.url}/grant/lab/vm", headers=headers) as answer:
        assert answer.status == 200
        body: dict[str, Any] = await answer.json()
        return body


@pytest.mark.parametrize(
    ("limits", "refusal"),
    [
        ({"sessions": 2}, (503, "full")),
        ({"per_user": 2}, (429, "too_many")),
        ({"per_source": 2}, (429, "too_many")),
    ],
    ids=str,
)
async def test_one_more_than_may_be_is_refused_but_not_a_return(limits: dict[str, int], refusal: tuple[int, str]):
    async with (
        ScriptedServer(idle).running() as server,
        site(dict.fromkeys(CONSOLES, server.url), limits=limits) as at,
    ):
        grant = await granted(at)
        mine = await at.dial(f"lab/vm?ticket={grant['ticket']}")
        await rfb_handshake(mine)
        other = await at.dial("lab/two")
        await rfb_handshake(other)
        assert await refused(at, "lab/three") == refusal

        again = await granted(at, grant["resume"])
        back = await at.dial(f"lab/vm?ticket={again['ticket']}")
        await rfb_handshake(back)
        assert await ended(mine) == (1000, "closed")
        assert await refused(at, "lab/three") == refusal

        await other.close()
        async with asyncio.timeout(10):
            while await at.metric("vnc_gateway_sessions") > 1:
                await asyncio.sleep(0.02)
        third = await at.dial("lab/three")
        await rfb_handshake(third)
        await third.close()
        await back.close()


@pytest.mark.parametrize("limits", [{"sessions": 1}, {"per_user": 1}], ids=str)
async def test_a_ticket_is_not_spent_on_a_refusal_for_want_of_room(limits: dict[str, int]):
    async with (
        ScriptedServer(idle).running() as server,
        site(dict.fromkeys(CONSOLES, server.url), limits=limits, access={"mode": "ticket"}) as at,
    ):
        busy = await at.dial(f"lab/two?ticket={await minted(at, 'lab/two')}")
        await rfb_handshake(busy)
        ticket = await minted(at, "lab/vm")
        bearer = {"Authorization": f"Bearer {ticket}"}
        for _ in range(2):
            with pytest.raises(aiohttp.WSServerHandshakeError) as upgrade:
                await at.dial(f"lab/vm?ticket={ticket}")
            async with at.http.post(f"{at.url}/grant/lab/vm", headers=bearer) as answer:
                assert answer.status == upgrade.value.status
                assert answer.status in (429, 503)
        await busy.close()
        async with asyncio.timeout(10):
            while await at.metric("vnc_gateway_sessions"):
                await asyncio.sleep(0.02)
        async with at.http.post(f"{at.url}/grant/lab/vm", headers=bearer) as answer:
            assert answer.status == 200
        async with at.http.post(f"{at.url}/grant/lab/vm", headers=bearer) as answer:
            assert answer.status == 401


async def test_whose_ticket_is_spent_when_the_last_room_goes_can_come_again(monkeypatch: pytest.MonkeyPatch):
    async with (
        ScriptedServer(idle).running() as server,
        site(dict.fromkeys(CONSOLES, server.url), limits={"sessions": 1}, access={"mode": "ticket"}) as at,
    ):
        last, mine = await minted(at, "lab/two"), await minted(at, "lab/vm")
        taken: list[aiohttp.ClientWebSocketResponse] = []
        redeem = MemoryState.take_ticket

        async def redeemed_too_late(state: MemoryState, ticket: str) -> str | None:
            if ticket == mine:
                taken.append(await at.dial(f"lab/two?ticket={last}"))
            return await redeem(state, ticket)

        monkeypatch.setattr(MemoryState, "take_ticket", redeemed_too_late)
        grant = await granted(at, mine)
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            await at.dial(f"lab/vm?ticket={grant['ticket']}")
        bearer = {"Authorization": f"Bearer {grant['resume']}"}
        async with at.http.post(f"{at.url}/grant/lab/vm", headers=bearer) as answer:
            assert answer.status == 503
        await taken[0].close()
        async with asyncio.timeout(10):
            while await at.metric("vnc_gateway_sessions"):
                await asyncio.sleep(0.02)
        await granted(at, grant["resume"])


async def minted(at: Site, console: str) -> str:
    headers = {"Authorization": f"Bearer {API_KEY}"}
    order = {"console": console, "user": "ana"}
    async with at.http.post(f"{at.admin}/api/v1/tickets", headers=headers, json=order) as answer:
        body: dict[str, Any] = await answer.json()
        return str(body["ticket"])


async def test_who_may_have_one_takes_it_over_from_where_it_was_left_open():
    async with (
        ScriptedServer(idle).running() as server,
        site({"vm": server.url}, limits={"per_user": 1}) as at,
    ):
        left = await at.dial()
        await rfb_handshake(left)
        here = await at.dial()
        await rfb_handshake(here)
        assert await ended(left) == (4409, "taken_over")
        await here.close()


async def test_many_at_once_get_no_more_than_one_at_a_time():
    names = [f"vm{number}" for number in range(20)]
    async with (
        ScriptedServer(idle).running() as server,
        site(dict.fromkeys(names, server.url), limits={"per_user": 5}) as at,
    ):
        dials = [at.dial(f"lab/{name}") for name in names]
        answers = await asyncio.gather(*dials, return_exceptions=True)
        opened = [each for each in answers if isinstance(each, aiohttp.ClientWebSocketResponse)]
        assert len(opened) == 5
        for ws in opened:
            await ws.close()


@pytest.mark.parametrize(
    ("duration", "grant_left", "end"),
    [(3, 100, (4411, "duration")), (100, 3, (4401, "unauthenticated"))],
    ids=["session", "grant"],
)
async def test_the_end_is_announced_to_the_page_and_then_comes(
    monkeypatch: pytest.MonkeyPatch, duration: float, grant_left: float, end: tuple[int, str]
):
    monkeypatch.setattr(registry, "TICK", 0.05)
    async with (
        ScriptedServer(idle).running() as server,
        site({"vm": server.url}, limits={"duration": duration}, access={"grant_ttl": grant_left}) as at,
    ):
        ws = await at.dial("lab/vm?notices=1")
        await rfb_handshake(ws)
        message = await ws.receive(timeout=10)
        assert message.type is aiohttp.WSMsgType.TEXT
        assert 1 <= json.loads(message.data)["ends_in"] <= 3
        assert await ended(ws) == end


async def test_the_end_of_a_day_is_not_announced_in_the_morning():
    async with ScriptedServer(idle).running() as server, site({"vm": server.url}) as at:
        ws = await at.dial("lab/vm?notices=1")
        await rfb_handshake(ws)
        with pytest.raises(TimeoutError):
            await ws.receive(timeout=1.5)
        await ws.close()
