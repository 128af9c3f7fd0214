"""Two gateways whose Redis is stopped, flushed, slow, or out of reach for one of them (state.md, product.md)."""

import asyncio
import contextlib

import aiohttp
import pytest
from support.components import needs
from support.consoles import asked, ending, granted, opened, ticket
from support.inprocess import Site, read, rfb_handshake
from support.pair import BELL, KEY_A, house, open_console, press, ready
from support.programs import eventually
from support.servers.redis import RedisServer

from gateway.sessions import heartbeat

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
