"""Two gateways on one real Redis: whatever holds for one process holds for both together (state.md, product.md)."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from redis.asyncio import Redis
from support.components import needs
from support.consoles import KEY, Socket, asked, ending, granted, opened, returned, ticket, told
from support.inprocess import Site, read, rfb_handshake, site
from support.programs import eventually
from support.scripted_server import Connection, ScriptedServer
from support.servers.redis import RedisServer, redis_server

from gateway.sessions import heartbeat

pytestmark = [needs("redis"), pytest.mark.asyncio(loop_scope="module")]

KEY_A = b"\x04\x01\x00\x00\x00\x00\x00\x61"
BELL = b"\x02"
SOON = 1.0
"""Seconds in which the other replica hears of an end or a takeover."""


async def echo(connection: Connection) -> None:
    """Rings the bell for every key."""
    await connection.handshake()
    while True:
        if await connection.exactly(1) == b"\x04":
            await connection.exactly(7)
            await connection.send(BELL)


async def press(ws: Socket) -> float:
    """Type a letter and wait for the bell: how long it took."""
    began = time.monotonic()
    await ws.send_bytes(KEY_A)
    assert await read(ws, 1) == BELL
    return time.monotonic() - began


@dataclass(frozen=True, slots=True)
class House:
    """Two gateways, the one server behind them, and the keys that they share."""

    one: Site
    two: Site
    server: ScriptedServer
    redis: Redis
    prefix: str

    async def keys(self, kind: str) -> list[str]:
        return [key async for key in self.redis.scan_iter(f"{self.prefix}{kind}:*")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(module_artifacts: Any) -> AsyncIterator[RedisServer]:
    async with redis_server(module_artifacts) as server:
        yield server


prefixes = (f"t{number}:" for number in itertools.count())


@contextlib.asynccontextmanager
async def house(shared: RedisServer, **tables: Any) -> AsyncIterator[House]:
    prefix = next(prefixes)
    each = {
        "access": {"mode": "ticket", "seal_keys": "k" * 64},
        "state": {"url": shared.url, "prefix": prefix},
        "reconnect": {"window": 10, "per_minute": 1000},
    } | tables
    async with ScriptedServer(echo).running() as server, shared.client() as redis:
        consoles = {"vm": server.url, "other": server.url}
        async with site(consoles, **each) as one, site(consoles, **each) as two:
            yield House(one, two, server, redis, prefix)


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two replicas in one process would have one name."""
    numbers = itertools.count(1)
    monkeypatch.setattr("gateway.app.sharing.replica", lambda: f"replica-{next(numbers)}")


async def open_console(at: Site, user: str, query: str = "", **rights: bool) -> Socket:
    ws = await opened(at, user, query, **rights)
    await rfb_handshake(ws)
    return ws


async def sessions(at: Site) -> list[dict[str, Any]]:
    async with at.http.get(f"{at.admin}/api/v1/sessions", headers=KEY) as answer:
        body: dict[str, Any] = await answer.json()
        assert answer.status == 200, body
        listed: list[dict[str, Any]] = body["sessions"]
        return listed


async def ready(at: Site) -> tuple[int, str]:
    async with at.http.get(f"{at.url}/readyz") as answer:
        return answer.status, (await answer.json())["state"]


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
            assert time.monotonic() - before < 2 * SOON
            await press(back)
            first = back
        await eventually(lambda: len(at.one.gateway.registry) == 0)
        await first.close()


async def test_a_session_is_listed_and_ended_on_any_replica(shared: RedisServer):
    async with house(shared) as at:
        given = await granted(at.one, await ticket(at.one, "ana"))
        ws = await at.one.dial(f"lab/vm?ticket={given['ticket']}")
        await rfb_handshake(ws)
        other = await opened(at.one, "ben", console="lab/other")
        await rfb_handshake(other)

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


async def test_what_news_have_lost_is_found_by_the_next_beat(shared: RedisServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(heartbeat, "BEAT", 0.5)
    async with house(shared) as at:
        taken = await open_console(at.one, "ana")
        ended = await opened(at.one, "eve", console="lab/other")
        await rfb_handshake(ended)
        (id_,) = [each["id"] for each in await sessions(at.one) if each["user"] == "eve"]
        lease = {"session": "s-ben", "user": "ben", "since": 5.0, "epoch": 9 * 10**15, "replica": "gone"}
        await at.redis.hset(f"{at.prefix}lease:lab/vm", mapping=lease)  # by a replica whose word was lost
        await at.redis.set(f"{at.prefix}end:{id_}", "", ex=60)
        assert await ending(taken) == (4409, "taken_over")
        assert await ending(ended) == (4410, "ended_by_admin")


async def test_living_sessions_go_on_without_redis_and_new_ones_are_told_to_come_again(
    shared: RedisServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(heartbeat, "BEAT", 0.5)
    async with house(shared) as at:
        given = await granted(at.one, await ticket(at.one, "ana"))
        minted = await ticket(at.two, "ben")
        ws = await at.one.dial(f"lab/vm?ticket={given['ticket']}")
        await rfb_handshake(ws)
        (lease,) = await at.keys("lease")
        epoch = await at.redis.hget(lease, "epoch")
        await shared.stop()
        try:
            for each in (at.one, at.two):

                async def away(each: Site = each) -> bool:
                    return await ready(each) == (200, "away")

                await eventually(away)
                assert await each.metric("vnc_gateway_state_up") == 0
            for token in (minted, given["resume"]):
                answer = await asked(at.two, token)
                assert (answer.status, (await answer.json(content_type=None))["name"]) == (503, "state_away")
                assert "Retry-After" in answer.headers
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await at.two.dial(f"lab/vm?ticket={minted}")
            assert refused.value.status == 503
            await press(ws)
            at.server.drop_all()  # and spliced
            await eventually(lambda: at.server.connections == 2)
            while True:
                with contextlib.suppress(TimeoutError):
                    await ws.send_bytes(KEY_A)  # what is typed while the upstream is away is dropped
                    async with asyncio.timeout(0.2):
                        assert await read(ws, 1) == BELL
                        break
        finally:
            await shared.start()

        async def asserted() -> bool:
            return await at.redis.hget(lease, "epoch") == epoch and bool(await at.keys("session"))

        await eventually(asserted, what="the lease set again with its own epoch")
        for each in (at.one, at.two):

            async def up(each: Site = each) -> bool:
                return await ready(each) == (200, "up")

            await eventually(up)
            assert await each.metric("vnc_gateway_state_up") == 1
        second = await open_console(at.two, "ben")
        assert await ending(ws) == (4409, "taken_over")
        await second.close()


async def test_a_flush_is_made_good_by_the_next_beat(shared: RedisServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(heartbeat, "BEAT", 0.5)
    async with house(shared) as at:
        ws = await open_console(at.one, "ana")

        async def kept() -> bool:
            return bool(await at.keys("lease")) and bool(await at.keys("session"))

        await eventually(kept)
        await at.redis.flushall()
        await eventually(kept)
        assert await ending(await opened(at.two, "ben", takeover=False)) == (4419, "in_use")
        await press(ws)
        await ws.close()
