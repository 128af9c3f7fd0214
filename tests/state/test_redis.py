"""Redis as the place of what replicas share: its keys, and what happens when it is away, emptied, slow or unfit."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs
from support.components import needs
from support.line import line
from support.programs import LOOPBACK, eventually
from support.servers.redis import RedisServer, redis_server

from gateway.config.state import address
from gateway.errors import ConfigurationError
from gateway.state import link
from gateway.state.redis import RedisState, connected
from gateway.state.state import Gap, Holder, Lease, StateAway, ticket_id

pytestmark = needs("redis")

ANA, BEN = Holder("s-ana", "ana", 100.0), Holder("s-ben", "ben", 200.0)
BUDGET = "alibaba:prod:i-1"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RedisServer]:
    """A Redis of the test's own, to be stopped and started."""
    async with redis_server(tmp_path) as started:
        yield started


@asynccontextmanager
async def replicas(*ports: int, prefix: str = "vg:") -> AsyncIterator[list[RedisState]]:
    """Replicas `r0`, `r1`, … that reach their Redis at these ports."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(connected(address(f"redis://{LOOPBACK}:{port}"), prefix, f"r{number}"))
            for number, port in enumerate(ports)
        ]


async def comes_up(state: RedisState) -> None:
    await eventually(lambda: state.up, within=30, what="state up")


async def goes_away(state: RedisState, call: Callable[[], Awaitable[Any]]) -> None:
    with pytest.raises(StateAway):
        await call()
    assert not state.up


async def leased(state: RedisState, holder: Holder, *, take: bool = False) -> Lease:
    lease = await state.lease("lab/vm", holder, take=take)
    assert isinstance(lease, Lease)
    return lease


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
        assert scripts == 5


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


async def test_a_beat_of_many_sessions_is_one_round_trip(server: RedisServer):
    async with line(server.port) as slow, replicas(slow.port) as (state,):
        leases = [Lease(f"lab/vm{n}", Holder(f"s{n}", "ana", 1.0), 1 + n) for n in range(80)]
        records = {f"s{n}": "record" for n in range(80)}
        await state.beat([], {})  # this one also counts replicas
        slow.delay = 0.15
        begun = time.monotonic()
        assert (await state.beat(leases, records)).lost == []
        assert time.monotonic() - begun < 0.59, "two ways and what this machine needs"
        assert len(await state.sessions()) == 80


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
        await redis.zadd(f"vg:budget:{BUDGET}", {name: at - 59_700_000})
        refused = await state.spend(BUDGET, 1)
        assert 0 < refused.wait <= 0.3
        await asyncio.sleep(refused.wait)
        assert (await state.spend(BUDGET, 1)).wait == 0


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
            begun = time.monotonic()
            for call in (
                lambda: state.put_ticket("t", "v", 30),
                lambda: state.take_ticket("t"),
                lambda: state.lease("lab/vm", ANA, take=False),
                lambda: state.release(Lease("lab/vm", ANA, 1)),
                lambda: state.beat([], {}),
                state.sessions,
            ):
                with pytest.raises(StateAway):
                    await call()
            assert time.monotonic() - begun < 1, "none of them tried"
            await server.start()
            await comes_up(state)
        assert [entry["event"] for entry in logs] == ["state.away", "state.up"]
        assert not await state.ended("s")


async def test_while_redis_is_away_each_replica_has_its_share_of_a_budget(server: RedisServer):
    async with replicas(*[server.port] * 4) as states:
        for state in [*states, *states]:
            state._counted_at = -1000
            await state.beat([], {})
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
        assert [entry["event"] for entry in logs] == ["state.flushed"]
        assert await other.lease("lab/vm", BEN, take=False) == ANA
        assert await other.sessions() == ["record"]
        assert (await other.spend(BUDGET, 3)).wait > 0
        assert (await other.spend(BUDGET, 4)).wait == 0
        with capture_logs() as logs:
            await state.beat([lease], {"s-ana": "record"})
        assert logs == []
        assert (await other.spend(BUDGET, 5)).wait == 0, "what is put back twice counts once"


async def test_of_two_who_think_that_they_have_a_console_the_lower_epoch_loses(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
):
    """A split: the first could not be asked while the second took the console."""
    monkeypatch.setattr(link, "CALL_LIMIT", 0.5)
    async with line(server.port) as cut_off, replicas(cut_off.port, server.port) as (first, second):
        mine = await leased(first, ANA)
        cut_off.delay = None
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
        got = await asyncio.gather(*(state.put_ticket(f"t{n}", "v", 30) for n in range(40)))
        assert got == [True] * 40
        assert (await state.beat([lease], {})).lost == []


async def test_no_call_waits_longer_than_two_seconds_for_a_silent_redis(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
):
    assert link.QUEUE_LIMIT + link.CALL_LIMIT <= 2
    monkeypatch.setattr(link, "QUEUE_LIMIT", 0.2)
    monkeypatch.setattr(link, "CALL_LIMIT", 0.6)
    async with line(server.port) as silent, replicas(silent.port) as (state,):
        await state.ended("s")
        silent.delay = None
        begun = time.monotonic()
        results = await asyncio.gather(*(state.ended("s") for _ in range(100)), return_exceptions=True)
        assert {type(result) for result in results} == {StateAway}
        assert 0.5 < time.monotonic() - begun < 0.8 + 1  # and what a loaded machine takes
        assert not state.up
        begun = time.monotonic()
        with pytest.raises(StateAway):
            await state.ended("s")
        assert time.monotonic() - begun < 0.3, "it is known to be away"
        assert {str(result) for result in results} <= {
            f"{LOOPBACK}:{silent.port}{why}" for why in (": no answer", ": too many ask at once", " is away")
        }
        silent.delay = 0.0
        await comes_up(state)


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


async def test_a_line_for_news_that_was_lost_is_a_gap_and_news_go_on(server: RedisServer):
    async with line(server.port) as flaky, replicas(flaky.port) as (state,):
        news = state.news()
        async with asyncio.timeout(30):
            assert await anext(news) == Gap()
            flaky.cut()
            assert await anext(news) == Gap()
        await news.aclose()


async def test_a_silent_line_for_news_is_noticed(server: RedisServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gateway.state.news.QUIET", 0.2)
    async with line(server.port) as silent, replicas(silent.port) as (state,):
        news = state.news()
        async with asyncio.timeout(30):
            assert await anext(news) == Gap()
            again = asyncio.ensure_future(anext(news))
            await asyncio.sleep(0.7)
            assert not again.done(), "a quiet line is no lost one"
            opened = silent.opened
            silent.delay = None
            await eventually(lambda: silent.opened > opened)
            silent.delay = 0.0
            assert await again == Gap()
        await news.aclose()


async def test_a_line_for_news_that_is_silent_from_the_beginning_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Where Redis asks for a password, an answer is waited for before the first word is said."""
    monkeypatch.setattr("gateway.state.news.QUIET", 0.2)
    async with (
        redis_server(tmp_path, "--requirepass", "sesame") as server,
        line(server.port) as silent,
        connected(address(f"redis://:sesame@{LOOPBACK}:{silent.port}"), "vg:", "r") as state,
    ):
        silent.delay = None
        opened = silent.opened
        news = state.news()
        first = asyncio.ensure_future(anext(news))
        await eventually(lambda: silent.opened >= opened + 2, within=30)
        silent.delay = 0.0
        async with asyncio.timeout(30):
            assert await first == Gap()
        await news.aclose()


async def test_news_of_a_later_version_are_passed_over(server: RedisServer):
    async with replicas(server.port) as (state,), server.client() as redis:
        news = state.news()
        async with asyncio.timeout(30):
            assert await anext(news) == Gap()
            for text in ("no JSON", "[]", "{}", '{"taken": {"console": "x"}}', '{"moved": 1}', "\x00"):
                await redis.publish("vg:news", text)
            await redis.publish("vg:news", '{"ended": "s1", "by": "bastion", "why": "later"}')
            assert (await anext(news)).session == "s1"
        await news.aclose()


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (
            ("--maxmemory-policy", "allkeys-lru"),
            "{at} has maxmemory-policy allkeys-lru, by which it forgets who holds what: it must be noeviction",
        ),
        (
            ("--cluster-enabled", "yes"),
            "{at} is a cluster, which is not supported: one Redis, or one behind sentinels, is enough",
        ),
        (("--requirepass", "sesame"), "refused by {at}: Authentication required."),
    ],
    ids=["policy", "cluster", "password"],
)
async def test_a_redis_of_no_use_is_refused_in_one_line(tmp_path: Path, options: tuple[str, ...], fault: str):
    async with redis_server(tmp_path, *options) as server:
        with pytest.raises(ConfigurationError) as refused:
            async with replicas(server.port):
                raise AssertionError("it was taken")
        assert str(refused.value) == f"state.url: {fault.format(at=f'{LOOPBACK}:{server.port}')}"


@pytest.mark.parametrize(
    ("version", "good"), [("6.0.16", False), ("5.0", False), ("6.2.0", True), ("7.2.4", True), ("10.0.0-rc1", True)]
)
def test_a_redis_older_than_6_2_is_refused(version: str, good: bool):
    info = {"redis_version": version, "redis_mode": "standalone", "maxmemory_policy": "noeviction"}
    assert (link.unfit(info) == "") is good
    assert good or link.unfit(info) == f"is Redis {version}, too old: 6.2 or later is needed, or Valkey"


async def test_another_redis_that_is_of_no_use_is_not_used_when_it_comes_later(server: RedisServer):
    async with replicas(server.port) as (state,):
        await server.stop()
        server.options = ("--maxmemory-policy", "volatile-lru")
        with capture_logs() as logs:
            await goes_away(state, lambda: state.ended("s"))
            await server.start()
            await eventually(lambda: any(entry["event"] == "state.unfit" for entry in logs), within=30)
            assert not state.up
        await server.stop()
        server.options = ()
        await server.start()
        await comes_up(state)


async def test_a_full_redis_takes_no_ticket_and_dials_go_on(server: RedisServer):
    async with replicas(server.port) as (state,), server.client() as redis:
        await redis.config_set("maxmemory", 1)
        assert not await state.put_ticket("t", "v", 30)
        assert not await state.end_session("s", 30, "bastion")
        with pytest.raises(StateAway):
            await state.lease("lab/vm", ANA, take=False)
        assert (await state.spend(BUDGET, 2)).wait == 0
        assert state.up, "it answers"
        await redis.config_set("maxmemory", 0)
        assert await state.put_ticket("t", "v", 30)


async def test_the_password_is_in_no_log_and_no_error(tmp_path: Path):
    password = secrets.token_urlsafe(12)
    async with redis_server(tmp_path, "--requirepass", password) as server:
        good, bad = (f"redis://:{word}@{LOOPBACK}:{server.port}" for word in (password, f"not-{password}"))
        with capture_logs() as logs:
            with pytest.raises(ConfigurationError) as refused:
                async with connected(address(bad), "vg:", "r"):
                    raise AssertionError("it was taken")
            async with connected(address(good), "vg:", "r") as state:
                assert not await state.ended("s")
                await server.stop()
                with pytest.raises(StateAway) as away:
                    await state.ended("s")
        told = [refused.value, refused.value.__cause__, away.value, away.value.__cause__, logs, state, state._link]
        assert password not in "".join(f"{each}{each!r}" for each in told)
