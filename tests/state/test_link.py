"""Which Redis is trusted, and what is told of one that is not."""

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
