"""Two gateways whose Redis is stopped, flushed, slow, or out of reach for one of them (state.md, product.md)."""

import asyncio
import contextlib
import os
import time
from statistics import median

import aiohttp
import pytest
from support.components import needs
from support.consoles import asked, ending, granted, opened, ticket, told
from support.inprocess import Site, read, rfb_handshake
from support.line import Line, line
from support.pair import BELL, KEY_A, House, house, open_console, press, ready, sessions
from support.programs import eventually
from support.servers.redis import RedisServer

from gateway.errors import GoingAway
from gateway.sessions import heartbeat
from gateway.sessions.fight import SHORT
from gateway.simulator.clouds import alibaba
from gateway.simulator.simulator import Simulator

AWAY = float(os.environ.get("AWAY_SECONDS", "0"))
"""Beyond what the test itself takes: leases and records live for 30 s, and must be there again after any time."""

pytestmark = [needs("redis"), pytest.mark.asyncio(loop_scope="module")]


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
            until = time.monotonic() + AWAY
            while time.monotonic() < until:
                await press(ws)
                await asyncio.sleep(1)
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


async def test_a_slow_redis_slows_openings_and_takeovers_but_nobody_at_work(shared: RedisServer):
    async with line(shared.port, delay=0.05) as way, house(shared, way=way.port) as at:
        first = await open_console(at.one, "ana")
        assert median([await press(first) for _ in range(20)]) < 0.05
        second = await open_console(at.two, "ben")
        assert await ending(first) == (4409, "taken_over")
        back = await open_console(at.one, "ana")
        assert await ending(second) == (4409, "taken_over")
        await press(back)
        await back.close()


async def test_a_redis_that_says_nothing_is_away_and_nobody_waits_for_it(shared: RedisServer):
    async with line(shared.port) as way, house(shared, way=way.port) as at:
        given = await granted(at.one, await ticket(at.one, "ana"))
        ws = await at.one.dial(f"lab/vm?ticket={given['ticket']}")
        await rfb_handshake(ws)
        way.delay = None
        began = time.monotonic()
        answer = await asked(at.one, given["resume"])
        assert answer.status == 503
        assert time.monotonic() - began < 3
        assert await ready(at.one) == (200, "away")
        assert await ready(at.two) == (200, "up")
        began = time.monotonic()
        assert (await asked(at.one, given["resume"])).status == 503
        assert time.monotonic() - began < 0.5, "asked of nobody"
        await press(ws)
        await ws.close()
        way.delay = 0.0

        async def up() -> bool:
            return (await asked(at.one, given["resume"])).status == 200

        await eventually(up)


async def out_of_reach(at: House, way: Line) -> None:
    """Let the first replica know nothing of Redis any more."""
    way.delay = None
    way.cut()

    async def away() -> bool:
        return await ready(at.one) == (200, "away")

    await eventually(away)


async def test_who_lost_a_console_while_out_of_reach_learns_it_when_redis_is_back(shared: RedisServer):
    async with line(shared.port) as way, house(shared, way=way.port) as at:
        first = await open_console(at.one, "ana", "&notices=1")
        kept = await open_console(at.one, "eve", console="lab/other")
        await out_of_reach(at, way)
        second = await open_console(at.two, "ben")
        await press(first)  # nobody can know
        way.delay = 0.0
        notices, end = await told(first)
        assert end == (4409, "taken_over")
        assert notices[-1]["user"] == "ben"
        for ws in (second, kept):
            await press(ws)
            await ws.close()


async def test_where_an_instance_has_one_session_the_replica_out_of_reach_gives_way(shared: RedisServer):
    """Whoever dials throws the other out: five times in a row, and it is somebody of another replica (state.md)."""
    async with Simulator() as clouds, line(shared.port) as way:
        key = clouds.alibaba.keyring.main
        tables = {
            "credentials": {"ali": {"source": "static", "access_key": key.access, "secret_key": key.secret}},
            "providers": {
                "ali": {
                    "type": "alibaba",
                    "region": alibaba.REGION,
                    "credentials": "ali",
                    "endpoint": clouds.endpoint,
                    "allowed_hosts": ["127.0.0.1"],
                }
            },
        }
        async with house(shared, way=way.port, **tables) as at:
            console = f"ali/{alibaba.RUNNING}"
            first = await open_console(at.one, "ana", "&notices=1", console=console)
            await asyncio.sleep(SHORT)  # its first loss is none of a connection that has just begun
            await out_of_reach(at, way)
            second = await open_console(at.two, "ben", console=console)
            reading = asyncio.create_task(told(second))  # who reads nothing would not notice a loss
            notices, end = await told(first)
            assert end == (4409, "taken_over")
            assert notices[-1].get("user") is None, "nobody can be asked who has it"

            async def at_rest() -> bool:
                (ben,) = [each for each in await sessions(at.two) if each["user"] == "ben"]
                return ben["state"] == "open" and clouds.alibaba.proxy.counts.live == 1

            await eventually(at_rest)
            assert not reading.done()
            await at.two.gateway.registry.end_all(GoingAway("the test is over"), timeout=5)
            assert await reading == ([], (1001, "going_away"))


async def test_a_dial_is_not_made_for_a_console_that_is_another_replica_s_by_now(
    shared: RedisServer, monkeypatch: pytest.MonkeyPatch
):
    """Its news were lost, and no beat was due: the dial would throw the new owner out."""
    monkeypatch.setattr(heartbeat, "BEAT", 60)
    async with house(shared) as at:
        ws = await open_console(at.one, "ana")
        lease = {"session": "s-ben", "user": "ben", "since": 5.0, "epoch": 9 * 10**15, "replica": "gone"}
        await at.redis.hset(f"{at.prefix}lease:lab/vm", mapping=lease)
        at.server.drop_all()
        assert await ending(ws) == (4409, "taken_over")
        assert at.server.connections == 1
