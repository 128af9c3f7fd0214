"""Where the state may be: behind TLS, behind sentinels, in this process."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs
from support.certificates import loopback_certificate
from support.components import needs, program
from support.programs import LOOPBACK, accepts, eventually, free_port, running
from support.servers.redis import RedisServer, redis_server

from gateway.app import wiring
from gateway.app.sharing import sharing
from gateway.config.load import build
from gateway.config.state import State, address
from gateway.errors import ConfigurationError
from gateway.state.redis import RedisState, connected
from gateway.state.state import Holder, Lease, StateAway
from gateway.telemetry.replica import replica


@asynccontextmanager
async def sentinel(master: RedisServer, logs: Path) -> AsyncIterator[int]:
    """A sentinel that watches `master` as `main`: its port."""
    port = free_port()
    config = logs / "sentinel.conf"  # it writes there what it finds out
    config.write_text(
        f"port {port}\nbind {LOOPBACK}\ndir {logs}\n"
        f"sentinel monitor main {LOOPBACK} {master.port} 1\n"
        "sentinel down-after-milliseconds main 500\n"
        "sentinel failover-timeout main 3000\n"
    )
    argv = [program("redis"), config, "--sentinel"]
    async with running("sentinel", argv, logs=logs, ready=lambda: accepts(port)):
        yield port


async def _copied(server: RedisServer) -> bool:
    async with server.client() as redis:
        return (await redis.info("replication")).get("master_link_status") == "up"


async def _known(port: int) -> bool:
    async with RedisServer(Path(), port=port).client() as watcher:
        return int((await watcher.execute_command("SENTINEL", "MASTER", "main"))["num-slaves"]) == 1


async def _takes(state: RedisState, ticket: str) -> bool:
    try:
        return await state.take_ticket(ticket) is not None
    except StateAway:
        return False


@needs("redis")
async def test_after_a_failover_the_other_redis_has_it_all(tmp_path: Path):
    """Nothing was written in the last moment here: then a ticket might be good once more (SECURITY.md)."""
    other_logs = tmp_path / "other"
    other_logs.mkdir()
    async with (
        redis_server(tmp_path) as first,
        redis_server(other_logs, "--replicaof", f"{LOOPBACK} {first.port}") as second,
    ):
        await eventually(lambda: _copied(second), within=30)
        async with sentinel(first, tmp_path) as port:
            await eventually(lambda: _known(port), within=30)
            # A sentinel that is away does not matter where another is there.
            url = f"redis+sentinel://{LOOPBACK}:{free_port()},{LOOPBACK}:{port}/main"
            async with connected(address(url), "vg:", "r") as state:
                assert await state.put_ticket("t", "v", 300)
                lease = await state.lease("lab/vm", Holder("s", "ana", 1.0), take=False)
                assert isinstance(lease, Lease)
                await state.spend("b", 1)
                async with first.client() as redis:
                    assert await redis.wait(1, 10_000) == 1  # copied
                assert first.program is not None
                first.program.signal(signal.SIGKILL)
                await eventually(lambda: _takes(state, "t"), within=60, what="failover")
                assert not await _takes(state, "t")
                assert (await state.beat([lease], {})).lost == []
                assert await state.lease("lab/vm", Holder("x", "ben", 2.0), take=False) == lease.holder
                assert (await state.spend("b", 1)).wait > 0
                async with second.client() as redis:
                    assert await redis.exists("vg:lease:lab/vm")


@needs("redis")
async def test_a_redis_that_only_copies_another_is_not_used(tmp_path: Path):
    nobody = free_port()
    async with (
        redis_server(tmp_path, "--replicaof", f"{LOOPBACK} {nobody}") as server,
        connected(address(server.url), "vg:", "r") as state,
    ):
        assert not state.up
        async with server.client() as redis:
            await redis.execute_command("REPLICAOF", "NO", "ONE")
        await eventually(lambda: state.up, within=30)


@needs("redis")
async def test_a_redis_behind_tls_has_to_be_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    files = loopback_certificate(tmp_path / "tls")
    port = free_port()
    options = ("--tls-port", str(port), "--tls-auth-clients", "no", "--tls-cert-file", str(files.certificate))
    async with redis_server(tmp_path, *options, "--tls-key-file", str(files.key)):
        url = f"rediss://localhost:{port}"
        async with connected(address(url), "vg:", "r") as state:
            assert not state.up, "nobody knows who signed its certificate"
        monkeypatch.setenv("SSL_CERT_FILE", str(files.authority))
        async with connected(address(url), "vg:", "r") as state:
            assert await state.put_ticket("t", "v", 30)


async def test_one_process_says_that_it_is_to_be_the_only_one():
    with capture_logs() as logs:
        async with sharing(State()) as state:
            assert state.up
            await asyncio.sleep(0)
    assert [entry["note"] for entry in logs] == ["run one replica only"]


@needs("redis")
async def test_the_configuration_says_where_the_state_is(tmp_path: Path):
    async with redis_server(tmp_path) as server:
        async with sharing(State(url=SecretStr(server.url), prefix="mine:")) as state:
            await state.end_session("s", 30, "bastion")
        async with server.client() as redis:
            assert set(await redis.keys("*")) == {"mine:end:s", f"mine:replica:{replica()}"}


@needs("redis")
async def test_a_gateway_does_not_start_with_a_redis_of_no_use(tmp_path: Path):
    async with redis_server(tmp_path, "--maxmemory-policy", "allkeys-lfu") as server:
        settings = build(
            {
                "access": {"mode": "open", "seal_keys": "k" * 32},
                "listen": {"port": 0},
                "admin": {"port": 0},
                "state": {"url": server.url},
            },
            environ={},
        )
        with pytest.raises(
            ConfigurationError, match=r"^state.url: \S+ has maxmemory-policy allkeys-lfu, by which it [^\n]+$"
        ):
            async with wiring.running(settings):
                raise AssertionError("it runs")
