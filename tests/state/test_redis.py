"""What Redis holds for replicas: keys, lives, scripts, and budgets by its own clock."""

import asyncio
import time
from typing import Any

import pytest
from redis.asyncio import Redis
from support.components import needs
from support.programs import eventually
from support.replica_states import ANA, BEN, BUDGET, leased, replicas
from support.servers.redis import RedisServer

from gateway.state.link import Command, Link
from gateway.state.state import Holder, Lease, ticket_id

pytestmark = needs("redis")


async def test_keys_and_types_are_those_of_the_design(server: RedisServer):
    async with replicas(server.port) as (state,), server.client() as redis:
        await state.put_ticket("plain-ticket", "{}", 25)
        lease = await leased(state, ANA)
        await state.beat([lease], {"s-ana": "record"})
        await state.end_session("s-ben", 4000, "bastion")
        await state.spend(BUDGET, 24)
        found = {key: (await redis.type(key), await redis.ttl(key)) for key in await redis.keys("*")}
        kinds = {key: kind for key, (kind, _) in found.items()}
        assert kinds == {
            f"vg:ticket:{ticket_id('plain-ticket')}": "string",
            "vg:lease:lab/vm": "hash",
            "vg:session:s-ana": "hash",
            "vg:replica:r0": "hash",
            "vg:end:s-ben": "string",
            f"vg:budget:{BUDGET}": "zset",
        }
        lives = {key.split(":")[1]: life for key, (_, life) in found.items()}
        bounds = {"ticket": 25, "lease": 30, "session": 30, "replica": 30, "end": 4000, "budget": 60}
        assert all(bounds[kind] - 10 <= life <= bounds[kind] for kind, life in lives.items()), lives
        assert (await redis.hgetall("vg:lease:lab/vm")).keys() >= {"session", "epoch", "replica"}


async def test_another_prefix_is_another_gateway(server: RedisServer):
    async with replicas(server.port) as (one,), replicas(server.port, prefix="other:") as (other,):
        await one.put_ticket("t", "v", 30)
        await leased(one, ANA)
        await one.beat([], {"s": "record"})
        await one.end_session("s", 30, "bastion")
        assert await other.take_ticket("t") is None
        assert await other.sessions() == []
        assert not await other.ended("s")
        await leased(other, BEN)


async def test_no_script_touches_two_keys_and_redis_never_saw_a_ticket(server: RedisServer):
    async with server.client() as redis, redis.monitor() as monitor, replicas(server.port) as (state,):
        await state.put_ticket("plain-ticket", "{}", 30)
        await state.take_ticket("plain-ticket")
        lease = await leased(state, ANA)
        await state.beat([lease], {"s": "record"})
        await state.release(lease)
        await state.spend(BUDGET, 2)
        await state.forget("s")
        await state.put_ticket("last", "{}", 30)
        scripts = 0
        async with asyncio.timeout(20):
            while ticket_id("last") not in (command := (await monitor.next_command())["command"]):
                assert "plain-ticket" not in command
                name, *_ = command.split(" ", 1)
                scripts += name == "EVAL"
                assert name != "EVAL" or " 1 vg:" in command
        assert scripts == 7, "one of them when it was looked for"


async def test_a_lease_that_nobody_keeps_runs_out_and_the_next_epoch_is_higher(server: RedisServer):
    async with replicas(server.port, server.port) as (dead, alive), server.client() as redis:
        lease = await leased(dead, ANA)
        assert await alive.lease("lab/vm", BEN, take=False) == ANA
        await redis.pexpire("vg:lease:lab/vm", 1)  # thirty seconds later
        await eventually(lambda: _gone(redis, "vg:lease:lab/vm"))
        theirs = await leased(alive, BEN)
        assert theirs.epoch > lease.epoch
        assert (await dead.beat([lease], {})).lost == [(lease, theirs)], "it was only slow"


async def test_an_epoch_is_higher_than_the_last_one_also_when_the_clock_of_redis_was_set_back(server: RedisServer):
    async with replicas(server.port) as (state,), server.client() as redis:
        await leased(state, ANA)
        ahead = 4_000_000_000_000_000  # µs: in the year 2096
        await redis.hset("vg:lease:lab/vm", "epoch", ahead)
        assert (await leased(state, BEN, take=True)).epoch == ahead + 1


async def _gone(redis: Redis, key: str) -> bool:
    return not await redis.exists(key)


async def test_a_beat_lets_leases_and_records_live_on(server: RedisServer):
    async with replicas(server.port) as (state,), server.client() as redis:
        lease = await leased(state, ANA)
        await state.beat([lease], {"s": "record"})
        for key in ("vg:lease:lab/vm", "vg:session:s"):
            await redis.expire(key, 5)
        await state.beat([lease], {"s": "record"})
        assert [await redis.ttl(key) > 20 for key in ("vg:lease:lab/vm", "vg:session:s")] == [True, True]


async def test_a_replica_forgets_only_what_it_wrote_itself(server: RedisServer):
    async with replicas(server.port, server.port) as (old, new):
        await old.beat([], {"s": "old"})
        await new.beat([], {"s": "new"})
        await old.forget("s")
        assert await old.session("s") == "new"


async def test_a_beat_of_many_sessions_is_one_round_trip(server: RedisServer, monkeypatch: pytest.MonkeyPatch):
    sent: list[int] = []
    send = Link._send

    async def counted(link: Link, commands: tuple[Command, ...]) -> list[Any]:
        sent.append(len(commands))
        return await send(link, commands)

    async with replicas(server.port) as (state,):
        leases = [Lease(f"lab/vm{n}", Holder(f"s{n}", "ana", 1.0), 1 + n) for n in range(80)]
        records = {f"s{n}": "record" for n in range(80)}
        monkeypatch.setattr(Link, "_send", counted)
        assert (await state.beat(leases, records)).lost == []
        await state.forget(*records)
        await state.release(*leases)
        assert sent == [2 + 80 + 80 + 1, 80, 80], "itself, leases, records, ends; and what is over"


async def test_a_beat_of_more_than_redis_is_given_at_once_tells_all(server: RedisServer):
    async with replicas(server.port, server.port) as (state, other):
        leases = [Lease(f"lab/vm{n}", Holder(f"s{n}", "ana", 1.0), 1 + n) for n in range(400)]
        theirs = await other.lease("lab/vm399", BEN, take=False)
        await other.end_session("s399", 30, "bastion")
        beat = await state.beat(leases, {f"s{n}": "record" for n in range(400)})
        assert (beat.lost, beat.ended) == ([(leases[399], theirs)], {"s399": "bastion"})
        assert len(await other.sessions()) == 400


async def test_a_budget_counts_by_the_clock_of_redis(server: RedisServer, monkeypatch: pytest.MonkeyPatch):
    """A replica 61 s ahead, by its own clocks, gets no more than the others."""
    async with replicas(server.port, server.port) as (right, ahead):
        assert [(await right.spend(BUDGET, 4)).wait for _ in range(3)] == [0, 0, 0]
        real, real_time = time.monotonic, time.time
        monkeypatch.setattr(time, "time", lambda: real_time() + 61)
        ahead._clock = ahead._budgets._clock = lambda: real() + 61
        assert (await ahead.spend(BUDGET, 4)).wait == 0
        refused = await ahead.spend(BUDGET, 4)
        assert 50 < refused.wait <= 60
        assert (await right.spend(BUDGET, 4)).wait > 0


async def test_a_budget_moves_with_time(server: RedisServer):
    async with replicas(server.port) as (state,), server.client() as redis:
        await state.spend(BUDGET, 1)
        ((name, at),) = await redis.zrange(f"vg:budget:{BUDGET}", 0, -1, withscores=True)
        state._budgets._taken.clear()  # it would be put back as young as it is
        await redis.zadd(f"vg:budget:{BUDGET}", {name: at - 30_000_000})
        assert 0 < (await state.spend(BUDGET, 1)).wait <= 30
        await redis.zadd(f"vg:budget:{BUDGET}", {name: at - 60_000_000})
        assert (await state.spend(BUDGET, 1)).wait == 0
