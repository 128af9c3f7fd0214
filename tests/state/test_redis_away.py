"""What happens to the state when Redis is away, silent, slow, cut off, emptied or full."""

import asyncio
import time
from contextlib import aclosing
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from support.components import needs
from support.line import line
from support.programs import LOOPBACK, eventually
from support.replica_states import ANA, BEN, BUDGET, comes_up, goes_away, leased, replicas
from support.servers.redis import RedisServer, redis_server

from gateway.state import link
from gateway.state.redis import RedisState
from gateway.state.state import Ended, Gap, Lease, StateAway

pytestmark = needs("redis")


async def test_a_redis_that_is_away_at_the_start_is_said_and_waited_for(server: RedisServer):
    await server.stop()
    with capture_logs() as logs:
        async with replicas(server.port) as (state,):
            assert not state.up
            assert [entry["event"] for entry in logs] == ["state.away"]
            with pytest.raises(StateAway):
                await state.put_ticket("t", "v", 30)
            await server.start()
            await comes_up(state)
            assert await state.put_ticket("t", "v", 30)


async def test_while_redis_is_away_nothing_waits_for_it_and_it_is_noticed_when_it_is_back(server: RedisServer):
    async with replicas(server.port) as (state,):
        await server.stop()
        with capture_logs() as logs:
            await goes_away(state, lambda: state.ended("s"))
            for call in (
                lambda: state.put_ticket("t", "v", 30),
                lambda: state.take_ticket("t"),
                lambda: state.lease("lab/vm", ANA, take=False),
                lambda: state.release(Lease("lab/vm", ANA, 1)),
                lambda: state.beat([], {}),
                state.sessions,
            ):
                with pytest.raises(StateAway, match=r"is away$"):  # not tried
                    await call()
            await server.start()
            await comes_up(state)
        assert [entry["event"] for entry in logs] == ["state.away", "state.up"]
        assert not await state.ended("s")


async def test_while_redis_is_away_each_replica_has_its_share_of_a_budget(server: RedisServer):
    async with replicas(*[server.port] * 4) as states:
        for state in [*states, *states]:
            state._counted_at = -1000
            await state.look_around()
        assert (await states[0].spend(BUDGET, 24)).wait == 0
        await server.stop()
        granted = {state.replica: await _granted(state, 24) for state in states}
        assert granted == {"r0": 5, "r1": 6, "r2": 6, "r3": 6}, "six each, and the first had one"
        assert await _granted(states[0], 24) == 0
        assert [await _granted(state, 2, "other") for state in states] == [1, 1, 1, 1], "at least one"
        await server.start()
        for state in states:
            await comes_up(state)
        assert await _granted(states[3], 24) == 0, "all of it is known again, although Redis has forgotten"
        assert await _granted(states[3], 26) == 2


async def _granted(state: RedisState, per_minute: int, budget: str = BUDGET) -> int:
    return [(await state.spend(budget, per_minute)).wait for _ in range(30)].count(0)


async def test_after_a_flush_a_beat_puts_back_all_that_still_holds(server: RedisServer):
    async with replicas(server.port, server.port) as (state, other), server.client() as redis:
        lease = await leased(state, ANA)
        for _ in range(3):
            await state.spend(BUDGET, 3)
        await state.beat([lease], {"s-ana": "record"})
        await redis.flushall()
        with capture_logs() as logs:
            assert (await state.beat([lease], {"s-ana": "record"})).lost == []
            await state.look_around()
        assert [entry["event"] for entry in logs] == ["state.flushed"]
        assert await other.lease("lab/vm", BEN, take=False) == ANA
        assert await other.sessions() == ["record"]
        assert (await other.spend(BUDGET, 3)).wait > 0
        assert (await other.spend(BUDGET, 4)).wait == 0
        with capture_logs() as logs:
            await state.beat([lease], {"s-ana": "record"})
            await state.look_around()
        assert logs == []
        assert (await other.spend(BUDGET, 5)).wait == 0, "what is put back twice counts once"


async def test_of_two_who_think_that_they_have_a_console_the_lower_epoch_loses(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
):
    """A split: the first could not be asked while the second took the console."""
    async with line(server.port) as cut_off, replicas(cut_off.port, server.port) as (first, second):
        mine = await leased(first, ANA)
        cut_off.delay = None
        with monkeypatch.context() as hurried:
            hurried.setattr(link, "CALL_LIMIT", 0.3)
            await goes_away(first, lambda: first.beat([mine], {}))
        theirs = await leased(second, BEN, take=True)
        async with server.client() as redis:
            await redis.flushall()  # and Redis forgets all of it
        cut_off.delay = 0.0
        await comes_up(first)
        assert (await first.beat([mine], {})).lost == [], "nobody else has said anything"
        assert (await second.beat([theirs], {})).lost == []
        assert (await first.beat([mine], {})).lost == [(mine, theirs)]


async def test_a_slow_redis_is_no_missing_one(server: RedisServer):
    async with line(server.port, delay=0.1) as slow, replicas(slow.port) as (state,):
        assert state.up
        lease = await leased(state, ANA)
        got = await asyncio.gather(*(state.put_ticket(f"t{n}", "v", 30) for n in range(20)))
        assert got == [True] * 20
        assert (await state.beat([lease], {})).lost == []


async def test_no_call_waits_longer_than_two_seconds_for_a_silent_redis(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
):
    assert link.QUEUE_LIMIT + link.CALL_LIMIT + link.SECOND_LIMIT <= 2
    monkeypatch.setattr(link, "QUEUE_LIMIT", 0.2)
    monkeypatch.setattr(link, "CALL_LIMIT", 0.4)
    monkeypatch.setattr(link, "SECOND_LIMIT", 0.2)
    async with line(server.port) as silent, replicas(silent.port) as (state,):
        silent.delay = None
        begun = time.monotonic()
        results = await asyncio.gather(*(state.ended("s") for _ in range(100)), return_exceptions=True)
        assert {type(result) for result in results} == {StateAway}
        assert 0.5 < time.monotonic() - begun < 0.8 + 10  # what a loaded machine may take
        assert not state.up
        with pytest.raises(StateAway, match=r"is away$"):
            await state.ended("s")
        assert {str(result) for result in results} <= {
            f"{LOOPBACK}:{silent.port}{why}" for why in (": no answer", ": too many ask at once", " is away")
        }
        silent.delay = 0.0
        await comes_up(state)


async def test_one_call_without_an_answer_does_not_make_redis_away_for_all(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(link, "CALL_LIMIT", 0.3)
    async with replicas(server.port) as (state,):
        with capture_logs() as logs:
            with pytest.raises(StateAway, match=r": no answer$"):
                await state._link.ask(("BLPOP", "vg:nothing", 60))
            assert await state.put_ticket("t", "v", 30)
        assert [entry["event"] for entry in logs] == ["state.hiccup"]
        assert state.up


async def test_a_redis_that_takes_nothing_for_a_while_is_away(server: RedisServer, monkeypatch: pytest.MonkeyPatch):
    """As Redis does while it hands over to another: it answers whoever only reads."""
    monkeypatch.setattr(link, "CALL_LIMIT", 0.3)
    async with replicas(server.port) as (state,), server.client() as redis:
        await redis.execute_command("CLIENT", "PAUSE", 20_000, "WRITE")
        with capture_logs() as logs:
            await goes_away(state, lambda: state.put_ticket("t", "v", 30))
            assert await redis.ping()
            await redis.execute_command("CLIENT", "UNPAUSE")
            await comes_up(state)
        assert [entry["event"] for entry in logs] == ["state.away", "state.up"]


async def test_a_write_that_was_late_is_no_reason_to_call_redis_unfit(server: RedisServer):
    """What asked whether Redis takes writes is done once Redis goes on, and may be there when it is looked at again."""
    async with replicas(server.port) as (state,), server.client() as redis:
        await redis.execute_command(*state._link.second)
        await state._back(state._ask)
        assert not await redis.exists(state._probe)


async def test_calls_that_fail_at_a_time_ask_once_more_together(server: RedisServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(link, "CALL_LIMIT", 0.3)
    async with replicas(server.port) as (state,):
        with capture_logs() as logs:
            asked = (state._link.ask(("BLPOP", f"vg:nothing{n}", 60)) for n in range(50))
            results = await asyncio.gather(*asked, return_exceptions=True)
        assert {type(result) for result in results} == {StateAway}
        assert [entry["event"] for entry in logs] == ["state.hiccup"]
        assert state.up


async def test_cut_connections_cost_at_most_a_moment(server: RedisServer):
    async with line(server.port) as flaky, replicas(flaky.port) as (state,):
        for number in range(3):
            await state.put_ticket(f"t{number}", "v", 30)
            flaky.cut()
            await eventually(lambda number=number: _takes(state, f"t{number}"), within=20)


async def _takes(state: RedisState, ticket: str) -> bool:
    try:
        return await state.take_ticket(ticket) == "v"
    except StateAway:
        return False


@pytest.mark.parametrize("option", ["maxmemory", "min-replicas-to-write"], ids=["full", "not copied"])
async def test_a_redis_that_takes_nothing_is_away(server: RedisServer, option: str):
    async with replicas(server.port, server.port) as (state, beating), server.client() as redis:
        await redis.config_set(option, 1)
        with capture_logs() as logs:
            await goes_away(state, lambda: state.put_ticket("t", "v", 30))
            await goes_away(beating, lambda: beating.beat([], {}))
            assert [entry["event"] for entry in logs] == ["state.away"] * 2
            for call in (lambda: state.end_session("s", 30, "bastion"), lambda: state.lease("c", ANA, take=False)):
                with pytest.raises(StateAway):
                    await call()
            with pytest.raises(StateAway):
                await state._link.look()
            assert (await state.spend(BUDGET, 2)).wait == 0, "dials go on"
            await redis.config_set(option, 0)
            await comes_up(state)
        assert await state.put_ticket("t", "v", 30)


async def test_a_disk_that_fails_redis_makes_it_away(tmp_path: Path):
    async with (
        redis_server(tmp_path, "--dbfilename", "taken") as server,
        replicas(server.port) as (state,),
        server.client() as redis,
    ):
        await redis.config_set("save", "3600 1000")
        (tmp_path / "taken").mkdir()  # no file can have that name
        await redis.bgsave()

        async def failed() -> bool:
            return (await redis.info("persistence"))["rdb_last_bgsave_status"] == "err"

        await eventually(failed, within=20)
        await goes_away(state, lambda: state.put_ticket("t", "v", 30))
        await redis.config_set("save", "")
        await comes_up(state)


@pytest.mark.parametrize("way", ["flushed", "started again"])
async def test_who_was_ended_does_not_return_after_redis_was_emptied(server: RedisServer, way: str):
    async with replicas(server.port, server.port) as (made, told), server.client() as redis:
        async with aclosing(told.news()) as news:
            assert await anext(news) == Gap()
            await made.end_session("s", 300, "bastion")
            await made.end_session("over", 0.01, "bastion")
            assert await anext(news) == Ended("s", "bastion", 300)
        await asyncio.sleep(0.02)
        for state in (made, told):
            await state.beat([], {})
            if way == "flushed":
                await redis.flushall()
                assert await state.ended("s"), "also before it is put back"
                await state.beat([], {})
                await state.look_around()
            else:
                await server.stop()
                await goes_away(state, state.sessions)
                await server.start()
                await comes_up(state)
            assert 250 < await redis.ttl("vg:end:s") <= 300
            assert not await redis.exists("vg:end:over")
            await redis.flushall()
