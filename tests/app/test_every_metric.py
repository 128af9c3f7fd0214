"""Every metric of docs/metrics.md moves when what it is about happens, in real gateways under real sessions."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.components import needs
from support.fake_api import FakeApi, Reply
from support.inprocess import Site, ending, read, rfb_handshake, site
from support.metrics_table import Row, rows
from support.programs import LOOPBACK, eventually
from support.scripted_server import Connection, ScriptedServer
from support.servers.redis import redis_server

from gateway.app.reloading import Reloader
from gateway.config.source import Source
from gateway.sessions import keepalive, registry, terms
from gateway.telemetry.audit import Audit

BELL = b"\x02"
COLOUR_MAP = struct.pack(">BxHH", 1, 0, 0)  # a client in true colour never gets it
HALF_A_RECTANGLE = struct.pack(">BxHHHHHiI", 0, 1, 0, 0, 8, 8, 6, 1000) + b"\x78\x9c"  # Zlib, of 1,000 bytes
PICTURE = struct.pack(">BxHHHHHi", 0, 1, 0, 0, 64, 48, 0) + bytes(64 * 48 * 4)
HUGE = struct.pack(">BxHHHHHi", 0, 1, 0, 0, 4000, 4000, 0)
KEY = bytes.fromhex("0401000000000061")

CONSTANT = {"vnc_gateway_build_info", "process_start_time_seconds", "process_max_fds"}
"""These say what is, and are there: a process has one version, one beginning and one limit."""


class Moved:
    """Looks at gateways again and again: which of their samples were not always what they were first."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
        self.names: set[str] = set()
        self.labelled: set[tuple[str, str, str]] = set()

    def look(self, site: Site) -> None:
        now = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in site.gateway.metrics.registry.collect()
            for sample in family.samples
        }
        self._first = self._first or now
        self.labelled |= {(name, *label) for name, labels in now for label in labels}
        self.names.update(name for name, labels in now if now[name, labels] != self._first.get((name, labels)))

    @contextlib.asynccontextmanager
    async def watched(self, consoles: Mapping[str, Any], **tables: Any) -> AsyncIterator[Site]:
        async def again_and_again() -> None:
            while True:
                self.look(running)
                await asyncio.sleep(0.02)

        self._first = {}
        async with site(consoles, **tables) as running:
            looking = asyncio.create_task(again_and_again())
            try:
                yield running
                running.gateway.refuse()
                self.look(running)
            finally:
                looking.cancel()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clocks that run in tenths of seconds, and a cloud's idle limit at consoles that are none."""
    monkeypatch.setattr(registry, "TICK", 0.02)
    monkeypatch.setattr(keepalive, "CLOUD_IDLE", 0.2)
    monkeypatch.setattr(terms, "CLOUDS", {"static"})


async def _dies_in_the_middle(connection: Connection, number: int) -> None:
    """The first connection is cut inside a rectangle, the second before its first byte, the third stays."""
    if number == 2:
        return
    await connection.handshake()
    if number == 1:
        await connection.send(BELL + COLOUR_MAP + HALF_A_RECTANGLE)
        await asyncio.sleep(0.2)
        return
    await connection.send(PICTURE)
    while await connection.reader.read(65536):
        pass


async def _a_session(moved: Moved, ballast: list[bytes]) -> None:
    server = ScriptedServer(lambda connection: _dies_in_the_middle(connection, server.connections))
    async with (
        server.running(),
        moved.watched({"vm": server.url}, reconnect={"window": 20}, keepalive={"upstream_after": 0.1}) as running,
    ):
        ws = await running.dial()
        await rfb_handshake(ws)
        await ws.send_bytes(KEY)
        assert await read(ws, 1) == BELL
        await read(ws, len(PICTURE))
        ballast.append(b"\1" * (64 << 20))  # of zeros nothing would be resident
        await asyncio.sleep(0.6)  # a few keepalives, and a look at the loop
        await ws.close()


async def _a_broker(moved: Moved) -> None:
    server = ScriptedServer(Connection.handshake)
    async with server.running(), FakeApi(Reply({"url": server.url})) as api:
        broker = {"type": "http", "url": api.endpoint, "allowed_hosts": [LOOPBACK]}
        async with moved.watched({"vm": server.url}, providers={"broker": broker}) as running:
            ws = await running.dial("broker/vm-1")
            await rfb_handshake(ws)
            await ws.close()


async def _a_slow_browser(moved: Moved) -> None:
    async def floods(connection: Connection) -> None:
        await connection.handshake()
        await connection.send(HUGE)
        while True:
            await connection.send(bytes(1 << 20))

    server = ScriptedServer(floods)
    async with server.running(), moved.watched({"vm": server.url}) as running:
        ws = await running.dial()
        await rfb_handshake(ws)
        await eventually(lambda: "vnc_gateway_unsent_bytes" in moved.names)
        await ws.close()


async def _idle_cuts(moved: Moved) -> None:
    async def cuts_when_idle(connection: Connection) -> None:
        await connection.handshake()
        if server.connections <= 3:
            await asyncio.sleep(0.4)
            return
        await connection.send(BELL)
        await connection.reader.read()

    server = ScriptedServer(cuts_when_idle)
    silent = {"upstream_after": 0.3, "method": "off"}
    async with (
        server.running(),
        moved.watched({"vm": server.url}, keepalive=silent, reconnect={"window": 20}) as running,
    ):
        ws = await running.dial()
        await rfb_handshake(ws)
        assert await read(ws, 1) == BELL
        await ws.close()


async def _refusals(moved: Moved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with moved.watched(
        {}, providers={"lab": {"type": "static", "consoles": {"vm": "tcp://127.0.0.1:1"}}}
    ) as running:
        ws = await running.dial("lab/nobody")
        assert (await ending(ws))[1] == "no_such_instance"
        async with running.http.get(f"{running.url}/nothing") as answer:
            assert answer.status == 404
        file = tmp_path / "faulty.toml"
        file.write_text("no TOML")
        await Reloader(running.gateway, Source(file, {}), lambda: None, lambda: None).reload("signal")

        def full(_audit: Audit, *_: object) -> bool:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(running.gateway.audit._trail, "append", full)
        running.gateway.audit.note("api_refused")
        monkeypatch.undo()


async def _dropped(moved: Moved) -> None:
    listen = {"proxy_protocol": True, "trusted_proxies": ["192.0.2.0/24"], "public_url": "https://console.example.com"}
    async with moved.watched({"vm": "tcp://127.0.0.1:1"}, listen=listen) as running:
        reader, writer = await asyncio.open_connection(LOOPBACK, running.gateway.public_port)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()


@needs("redis")
async def test_every_metric_of_the_table_moves(
    tmp_path: Path, artifacts: Path, quick: None, monkeypatch: pytest.MonkeyPatch
):
    moved, ballast = Moved(), []
    await _a_session(moved, ballast)
    await _a_broker(moved)
    await _a_slow_browser(moved)
    await _idle_cuts(moved)
    with monkeypatch.context() as patch:
        await _refusals(moved, tmp_path, patch)
    await _dropped(moved)
    await _the_state_goes(moved, artifacts, tmp_path)
    still = [row.name for row in rows() if not moved.names & set(row.samples)]
    assert set(still) == CONSTANT
    _only_what_the_table_lists(moved)


def _only_what_the_table_lists(moved: Moved) -> None:
    table = rows()
    for name, label, value in moved.labelled:
        row = Row.of(name, table)
        assert label in row.labels or label == "le"
        assert not row.labels.get(label) or value in row.labels[label], (name, label, value)
        assert value not in ("local", "vm", "lab/vm", "nobody", LOOPBACK), (name, label)


async def _the_state_goes(moved: Moved, artifacts: Path, tmp_path: Path) -> None:
    seal = tmp_path / "seal"
    seal.write_text("1" * 64)
    async with redis_server(artifacts, "--maxmemory-policy", "noeviction") as redis:
        access = {"seal_keys_file": str(seal)}
        async with moved.watched({"vm": "tcp://127.0.0.1:1"}, state={"url": redis.url}, access=access) as running:
            await redis.stop()
            async with running.http.post(f"{running.url}/grant/lab/vm") as answer:  # who asks finds out first
                assert answer.status == 503
            await eventually(lambda: "vnc_gateway_state_up" in moved.names, within=20)
            assert (await running.http.get(f"{running.url}/readyz")).status == 200


async def test_what_does_not_happen_moves_nothing():
    moved = Moved()
    async with moved.watched({"vm": "tcp://127.0.0.1:1"}):
        await asyncio.sleep(0.05)
    about = ("sessions", "endings", "bytes", "splices", "keepalives", "refusals", "reloads", "held", "unsent", "state")
    assert not [name for name in moved.names if name.startswith(tuple(f"vnc_gateway_{word}" for word in about))]
    assert "vnc_gateway_ready" in moved.names
