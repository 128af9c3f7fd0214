"""One console, one controller (product.md), from outside, with sessions of a real gateway."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from support.consoles import ending, granted, opened, returned, ticket, told, works
from support.inprocess import Site, rfb_handshake, site
from support.scripted_server import ScriptedServer, idle

from gateway.errors import GoingAway
from gateway.state.memory import MemoryState
from gateway.state.state import StateAway


@contextlib.asynccontextmanager
async def house(**tables: Any) -> AsyncIterator[Site]:
    """A gateway in mode `ticket` with two consoles, `lab/vm` and `lab/other`."""
    consoles = ("vm", "other")
    async with (
        ScriptedServer(idle).running() as server,
        site(dict.fromkeys(consoles, server.url), access={"mode": "ticket"}, **tables) as at,
    ):
        yield at


async def test_a_console_opened_by_somebody_else_is_taken_over_and_the_other_is_told_who_and_when():
    async with house() as at:
        before = time.time()
        first = await opened(at, "ana", "&notices=1")
        await rfb_handshake(first)
        second = await opened(at, "ben")
        assert await works(second)
        notices, end = await told(first)
        assert end == (4409, "taken_over")
        (notice,) = [notice for notice in notices if "ended" in notice]
        assert notice["ended"] == "taken_over"
        assert notice["user"] == "ben"
        assert before <= notice["since"] <= time.time()
        assert await at.metric("vnc_gateway_sessions") == 1
        await second.close()


async def test_other_consoles_are_left_alone():
    async with house() as at:
        first = await at.dial(f"lab/other?ticket={await ticket(at, 'ana', 'lab/other')}")
        await rfb_handshake(first)
        second = await opened(at, "ben")
        assert await works(second)
        assert await at.metric("vnc_gateway_sessions") == 2
        await first.close()
        await second.close()


@pytest.mark.parametrize("rights", [{"takeover": False}, {"control": False}], ids=str)
async def test_without_the_right_to_take_over_the_console_is_in_use(rights: dict[str, bool]):
    """Takeover left out is as control."""
    async with house() as at:
        before = time.time()
        first = await opened(at, "ana")
        await rfb_handshake(first)
        second = await opened(at, "ben", "&notices=1", **rights)
        notices, end = await told(second)
        assert end == (4419, "in_use")
        assert notices[-1]["ended"] == "in_use"
        assert notices[-1]["user"] == "ana"
        assert before <= notices[-1]["since"] <= time.time()
        assert await at.metric("vnc_gateway_sessions") == 1
        await first.close()


async def test_where_conflicts_are_refused_nobody_takes_over_and_a_return_is_none():
    async with house(limits={"conflict": "refuse"}) as at:
        grant = await granted(at, await ticket(at, "ana"))
        first = await at.dial(f"lab/vm?ticket={grant['ticket']}&notices=1")
        await rfb_handshake(first)
        assert await ending(await opened(at, "ben")) == (4419, "in_use")
        back = await returned(at, grant["resume"])
        assert await works(back)
        assert await told(first) == ([], (1000, "closed")), "a return is told to nobody"
        await back.close()


async def test_a_provider_may_have_a_rule_of_its_own():
    async with ScriptedServer(idle).running() as server:
        lab = {"type": "static", "consoles": {"vm": server.url}, "limits": {"conflict": "refuse"}}
        async with site({}, providers={"lab": lab}) as at:
            first = await at.dial()
            await rfb_handshake(first)
            assert await ending(await at.dial()) == (4419, "in_use")
            await first.close()


async def test_who_comes_back_by_itself_takes_nothing_and_learns_who_did():
    async with house() as at:
        grant = await granted(at, await ticket(at, "ana"))
        first = await at.dial(f"lab/vm?ticket={grant['ticket']}")
        await rfb_handshake(first)
        second = await opened(at, "ben")
        await rfb_handshake(second)
        assert await ending(first) == (4409, "taken_over")
        notices, end = await told(await returned(at, grant["resume"], "&take=0&notices=1"))
        assert end == (4409, "taken_over")
        assert notices[-1]["user"] == "ben"
        asked = await returned(at, grant["resume"])  # the user pressed the button
        assert await works(asked)
        assert await ending(second) == (4409, "taken_over")
        await asked.close()


async def test_who_comes_back_by_itself_gets_its_own_and_what_is_free():
    async with house() as at:
        grant = await granted(at, await ticket(at, "ana"))
        first = await at.dial(f"lab/vm?ticket={grant['ticket']}")
        await rfb_handshake(first)
        for _ in range(2):
            again = await returned(at, grant["resume"], "&take=0")
            assert await works(again)
            await again.close()


async def test_a_console_is_free_again_however_its_session_ended():
    async with house(limits={"conflict": "refuse"}) as at:
        for leave in ("close", "drop", "fail"):
            ws = await opened(at, "ana")
            if leave == "fail":
                await ws.send_bytes(b"not RFB at all")
                await told(ws)
            else:
                await rfb_handshake(ws)
            if leave == "drop":
                transport = ws._response.connection.transport  # type: ignore[union-attr]
                transport.abort()  # type: ignore[union-attr]
            await ws.close()
            async with asyncio.timeout(10):
                while await at.metric("vnc_gateway_sessions"):
                    await asyncio.sleep(0.02)


async def test_where_the_state_goes_away_at_the_upgrade_the_browser_is_to_come_again(monkeypatch: pytest.MonkeyPatch):
    async def away(*_: object, **__: object) -> None:
        raise StateAway("gone")

    async with house() as at:
        monkeypatch.setattr(MemoryState, "lease", away)
        assert await ending(await opened(at, "ana")) == (1001, "going_away")
        assert await at.metric("vnc_gateway_sessions") == 0


async def test_of_fifty_that_want_one_console_one_has_it():
    async with house(reconnect={"window": 0, "per_minute": 1000}) as at:
        sockets = await asyncio.gather(*(opened(at, f"user{number}") for number in range(50)))
        ends = [asyncio.create_task(told(ws)) for ws in sockets]
        async with asyncio.timeout(30):
            while sum(end.done() for end in ends) < 49:
                await asyncio.sleep(0.02)
        assert await at.metric("vnc_gateway_sessions") == 1
        assert {end.result()[1] for end in ends if end.done()} == {(4409, "taken_over")}
        await at.gateway.registry.end_all(GoingAway("the test is over"), timeout=5)
        await asyncio.gather(*ends)
