"""The story of one console in the log: every line of it has the session's id, whoever writes it, over every return."""

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from support.components import needs
from support.inprocess import Site, read, rfb_handshake, site
from support.programs import eventually
from support.scripted_server import Connection, ScriptedServer
from support.servers.redis import redis_server

from gateway.providers.static import StaticProvider
from gateway.providers.target import Target
from gateway.telemetry import logs
from gateway.telemetry.replica import replica

BELL = b"\x02"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    out = io.StringIO()
    logs.configure("info", "json", out)
    yield out
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


async def _granted(running: Site, resume: str | None = None) -> dict[str, Any]:
    headers = {} if resume is None else {"Authorization": f"Bearer {resume}"}
    async with running.http.post(f"{running.url}/grant/lab/vm", headers=headers) as answer:
        body: dict[str, Any] = await answer.json()
        return body


async def test_one_id_follows_a_console_through_all_phases_and_returns(
    log: io.StringIO, monkeypatch: pytest.MonkeyPatch
):
    locate = StaticProvider.locate

    async def telling(provider: StaticProvider, instance: str, **who: str) -> Target:
        logging.getLogger("some.library").warning("asked")  # as a library on the way would
        return await locate(provider, instance, **who)

    monkeypatch.setattr(StaticProvider, "locate", telling)

    async def dies_once(connection: Connection) -> None:
        await connection.handshake()
        await connection.send(BELL)
        while server.connections > 1 and await connection.reader.read(65536):
            pass

    server = ScriptedServer(dies_once)
    async with server.running(), site({"vm": server.url}, reconnect={"window": 20}) as running:
        grant = await _granted(running)
        for _ in range(2):
            ws = await running.dial(f"lab/vm?ticket={grant['ticket']}")
            await rfb_handshake(ws)
            assert await read(ws, 1) == BELL
            if server.connections == 1:
                assert await read(ws, 1) == BELL
            await ws.close()
            await eventually(lambda: not len(running.gateway.registry))
            grant = await _granted(running, grant["resume"])
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert {line["replica"] for line in lines} == {replica()}
    story = [line for line in lines if line.get("session") == grant["session"]]
    phases = ["session.started", "asked", "session.dialling", "session.open"]
    assert [line["event"] for line in story if line["event"] != "session.spliced"] == [
        "grant.opened",
        *phases,
        "asked",
        "session.dialling",
        "session.ended",
        "grant.opened",
        *phases,
        "session.ended",
        "grant.opened",
    ]
    assert [
        line["event"] for line in lines if line not in story and line["event"].startswith(("session", "asked"))
    ] == []
    assert {line["console"] for line in story} == {"lab/vm"}


@needs("redis")
async def test_the_id_stays_the_same_on_another_replica(log: io.StringIO, artifacts: Path, tmp_path: Path):
    async def stays(connection: Connection) -> None:
        await connection.handshake()
        await connection.send(BELL)
        while await connection.reader.read(65536):
            pass

    seal = tmp_path / "seal"
    seal.write_text("1" * 64)
    server = ScriptedServer(stays)
    async with server.running(), redis_server(artifacts, "--maxmemory-policy", "noeviction") as redis:
        shared: dict[str, Any] = {"state": {"url": redis.url}, "access": {"seal_keys_file": str(seal)}}
        resume = None
        for _ in range(2):
            async with site({"vm": server.url}, **shared) as replica_:
                grant = await _granted(replica_, resume)
                resume = grant["resume"]
                ws = await replica_.dial(f"lab/vm?ticket={grant['ticket']}")
                await rfb_handshake(ws)
                assert await read(ws, 1) == BELL
                await ws.close()
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    for event in ("grant.opened", "session.started", "session.dialling", "session.open", "session.ended"):
        assert [line["session"] for line in lines if line["event"] == event] == [grant["session"]] * 2
