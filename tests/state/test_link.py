"""Which Redis is trusted, and what is told of one that is not."""

import asyncio
import re
import secrets
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from support.components import needs
from support.programs import LOOPBACK, eventually
from support.replica_states import comes_up, goes_away, replicas
from support.servers.redis import RedisServer, redis_server

from gateway.config.state import address
from gateway.errors import ConfigurationError
from gateway.state import link
from gateway.state.redis import connected
from gateway.state.state import StateAway

pytestmark = needs("redis")


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


async def test_a_redis_that_grants_less_than_is_needed_is_refused_at_the_start(guarded: RedisServer, user: str):
    """Each right of docs/state.md; that to subscribe is missed when news are asked for."""
    enough = re.findall(r"[~&+]\S+", user)
    poor = guarded.url.replace("//", "//poor:secret@")
    async with guarded.client() as redis:
        for right in enough:
            if right == "+subscribe":
                continue
            granted = [each for each in enough if each != right]
            await redis.execute_command("ACL", "SETUSER", "poor", "reset", "on", ">secret", "-@all", *granted)
            with pytest.raises(ConfigurationError, match=r"^state.url: refused by [^\n]+$"):
                async with connected(address(poor), "vg:", "r"):
                    raise AssertionError(f"it was taken without {right}")


async def test_a_right_that_is_taken_away_later_makes_it_unfit(guarded: RedisServer):
    rich = guarded.url.replace("//", "//rich:secret@")
    everything = ("ACL", "SETUSER", "rich", "reset", "on", ">secret", "~*", "&*", "+@all")
    async with guarded.client() as redis:
        await redis.execute_command(*everything)
        async with connected(address(rich), "vg:", "r") as state:
            await redis.execute_command("ACL", "SETUSER", "rich", "-getdel")
            with capture_logs() as logs:
                await goes_away(state, lambda: state.take_ticket("t"))
                await eventually(lambda: any(entry["event"] == "state.unfit" for entry in logs), within=30)
            await redis.execute_command(*everything)
            await comes_up(state)


async def test_news_that_are_not_granted_are_said_to_be_missing(guarded: RedisServer):
    deaf = guarded.url.replace("//", "//deaf:secret@")
    async with guarded.client() as redis:
        await redis.execute_command("ACL", "SETUSER", "deaf", "on", ">secret", "~*", "&*", "+@all", "-subscribe")
        async with connected(address(deaf), "vg:", "r") as state:
            with capture_logs() as logs:
                listening = asyncio.ensure_future(anext(state.news()))
                await eventually(lambda: bool(logs))
                listening.cancel()
                await asyncio.wait([listening])
    assert logs[0]["event"] == "state.deaf"


async def test_a_bug_in_a_look_is_not_the_last_look(server: RedisServer, monkeypatch: pytest.MonkeyPatch):
    async with replicas(server.port) as (state,):
        await server.stop()
        await goes_away(state, lambda: state.ended("s"))
        with capture_logs() as logs, monkeypatch.context() as broken:
            broken.setattr(link, "unfit", lambda _: 1 / 0)
            await server.start()
            await eventually(lambda: any(entry["event"] == "state.bug" for entry in logs), within=30)
        await comes_up(state)


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
