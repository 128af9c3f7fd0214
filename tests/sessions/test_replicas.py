"""Two gateways on one real Redis: whatever holds for one process holds for both together (state.md, product.md)."""

import asyncio
import time

import aiohttp
import pytest
from support.components import needs
from support.consoles import KEY, Socket, asked, ending, granted, opened, returned, ticket, told
from support.inprocess import Site, rfb_handshake
from support.pair import house, open_console, press, ready, sessions
from support.programs import eventually
from support.servers.redis import RedisServer

from gateway.errors import GoingAway
from gateway.sessions import heartbeat

pytestmark = [needs("redis"), pytest.mark.asyncio(loop_scope="module")]

SOON = 5.0
"""Seconds in which the other replica hears of an end or a takeover here: without news it would be ten, by the next
beat. It takes milliseconds, but test machines are slow at times."""


async def test_a_ticket_that_comes_to_both_at_one_instant_is_good_once(shared: RedisServer):
    async with house(shared) as at:
        for _ in range(5):
            minted = await ticket(at.one, "ana")
            answers = await asyncio.gather(*(asked(each, minted) for _ in range(5) for each in (at.one, at.two)))
            assert sorted(answer.status for answer in answers) == [200] + 9 * [401]


async def test_a_websocket_ticket_that_comes_to_both_at_one_instant_is_good_once(shared: RedisServer):
    async with house(shared) as at:
        given = await granted(at.one, await ticket(at.one, "ana"))

        async def dial(each: Site) -> Socket | int:
            try:
                return await each.dial(f"lab/vm?ticket={given['ticket']}")
            except aiohttp.WSServerHandshakeError as refused:
                return refused.status

        answers = await asyncio.gather(*(dial(each) for _ in range(5) for each in (at.one, at.two)))
        (ws,) = [answer for answer in answers if not isinstance(answer, int)]
        assert [answer for answer in answers if isinstance(answer, int)] == 9 * [401]
        await ws.close()


async def test_a_console_is_taken_over_on_another_replica_and_the_other_is_told_who_and_when(shared: RedisServer):
    async with house(shared) as at:
        given = await granted(at.one, await ticket(at.one, "ana"))
        first = await at.one.dial(f"lab/vm?ticket={given['ticket']}&notices=1")
        await rfb_handshake(first)
        before = time.time()
        second = await open_console(at.two, "ben")
        notices, end = await told(first)
        assert end == (4409, "taken_over")
        assert before <= notices[-1]["since"] <= time.time() < before + SOON
        assert notices[-1]["user"] == "ben"
        refused, end = await told(await returned(at.one, given["resume"], "&take=0&notices=1"))
        assert end == (4409, "taken_over")
        assert refused[-1]["user"] == "ben"
        assert await press(second) < SOON, "who comes back by itself takes nothing"
        back = await returned(at.one, given["resume"])  # the user pressed the button
        await rfb_handshake(back)
        assert await ending(second) == (4409, "taken_over")
        await press(back)
        await back.close()


async def test_without_the_right_to_take_over_the_console_is_in_use_on_both(shared: RedisServer):
    async with house(shared) as at:
        first = await open_console(at.one, "ana")
        assert await ending(await opened(at.two, "ben", takeover=False)) == (4419, "in_use")
        await first.close()
        await eventually(lambda: not len(at.one.gateway.registry))
        second = await open_console(at.two, "ben", takeover=False)
        await second.close()


async def test_of_many_that_want_one_console_on_both_replicas_one_has_it(shared: RedisServer):
    async with house(shared) as at:
        wanting = [(each, f"user{number}") for number in range(15) for each in (at.one, at.two)]
        sockets = await asyncio.gather(*(opened(each, user) for each, user in wanting))
        ends = [asyncio.create_task(told(ws)) for ws in sockets]
        await eventually(lambda: sum(end.done() for end in ends) == len(ends) - 1, within=30)
        assert {end.result()[1] for end in ends if end.done()} == {(4409, "taken_over")}
        await eventually(lambda: len(at.one.gateway.registry) + len(at.two.gateway.registry) == 1)
        for each in (at.one, at.two):
            await each.gateway.registry.end_all(GoingAway("the test is over"), timeout=5)
        await asyncio.gather(*ends)


async def test_who_returns_on_another_replica_has_its_own_and_nobody_is_told(shared: RedisServer):
    async with house(shared) as at:
        given = await granted(at.one, await ticket(at.one, "ana"))
        first = await at.one.dial(f"lab/vm?ticket={given['ticket']}&notices=1")
        await rfb_handshake(first)
        for there in (at.two, at.one, at.two):
            before = time.monotonic()
            back = await returned(there, given["resume"], "&take=0&notices=1")
            await rfb_handshake(back)
            assert await told(first) == ([], (1000, "closed"))
            assert time.monotonic() - before < SOON
            await press(back)
            first = back
        await eventually(lambda: len(at.one.gateway.registry) == 0)
        await first.close()


async def test_a_session_is_listed_and_ended_on_any_replica(shared: RedisServer):
    async with house(shared) as at:
        given = await granted(at.one, await ticket(at.one, "ana"))
        ws = await at.one.dial(f"lab/vm?ticket={given['ticket']}")
        await rfb_handshake(ws)
        other = await open_console(at.one, "ben", console="lab/other")

        async def listed() -> bool:
            return len(await sessions(at.two)) == 2

        await eventually(listed)
        (session,) = [each for each in await sessions(at.two) if each["user"] == "ana"]
        assert (session["id"], session["console"]) == (given["session"], "lab/vm")
        before = time.monotonic()
        url = f"{at.two.admin}/api/v1/sessions/{session['id']}"
        async with at.two.http.delete(url, headers=KEY) as answer:
            assert answer.status == 204
        assert await ending(ws) == (4410, "ended_by_admin")
        assert time.monotonic() - before < SOON
        for each in (at.one, at.two):
            assert (await asked(each, given["resume"])).status == 401
        await press(other)
        await other.close()
        await eventually(lambda: not len(at.one.gateway.registry))
        for kind in ("session", "lease"):

            async def gone(kind: str = kind) -> bool:
                return not await at.keys(kind)

            await eventually(gone, what=f"the last {kind} is gone")


async def test_a_full_redis_is_an_absent_one_to_browsers_and_operators(shared: RedisServer):
    async with house(shared) as at:
        ws = await open_console(at.one, "ana")
        minted = await ticket(at.one, "ben")
        await at.redis.config_set("maxmemory", 1)
        try:
            answer = await asked(at.one, minted)
            assert (answer.status, (await answer.json(content_type=None))["name"]) == (503, "state_away")
            assert await ready(at.one) == (200, "away")
            assert await at.one.metric("vnc_gateway_state_up") == 0
            await press(ws)
        finally:
            await at.redis.config_set("maxmemory", 0)

        async def up() -> bool:
            return await ready(at.one) == (200, "up")

        await eventually(up)
        await press(ws)
        await ws.close()


async def test_what_news_have_lost_is_found_by_the_next_beat(shared: RedisServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(heartbeat, "BEAT", 0.5)
    async with house(shared) as at:
        taken = await open_console(at.one, "ana")
        ended = await open_console(at.one, "eve", console="lab/other")
        (id_,) = [each["id"] for each in await sessions(at.one) if each["user"] == "eve"]
        lease = {"session": "s-ben", "user": "ben", "since": 5.0, "epoch": 9 * 10**15, "replica": "gone"}
        await at.redis.hset(f"{at.prefix}lease:lab/vm", mapping=lease)  # by a replica whose word was lost
        await at.redis.set(f"{at.prefix}end:{id_}", "", ex=60)
        assert await ending(taken) == (4409, "taken_over")
        assert await ending(ended) == (4410, "ended_by_admin")
