"""What a process does from SIGTERM on: product.md, "Drain"."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import aiohttp
from support.gateway import Gateway, gateway
from support.inprocess import ending, rfb_handshake
from support.programs import LOOPBACK, eventually
from support.scripted_server import ScriptedServer, idle

GOING_AWAY = (1001, "going_away")
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@asynccontextmanager
async def draining(logs: Path, delay: float, drain: float) -> AsyncIterator[tuple[Gateway, aiohttp.ClientSession]]:
    """A gateway with three consoles that takes its time, and a client."""
    env = {"VNC_GATEWAY_LIMITS__DRAIN_DELAY": str(delay), "VNC_GATEWAY_LIMITS__DRAIN": str(drain)}
    async with (
        ScriptedServer(idle).running() as server,
        gateway(dict.fromkeys(("ana", "ben", "eve"), server.url), logs=logs, env=env) as running,
        aiohttp.ClientSession() as http,
    ):
        yield running, http


async def opened(running: Gateway, http: aiohttp.ClientSession, console: str) -> aiohttp.ClientWebSocketResponse:
    ws = await http.ws_connect(await running.address(console), protocols=["binary"])
    await rfb_handshake(ws)
    return ws


async def asked(
    http: aiohttp.ClientSession, method: str, port: int, path: str, headers: Mapping[str, str] = MappingProxyType({})
) -> tuple[int, Any, Any]:
    async with http.request(method, f"http://{LOOPBACK}:{port}{path}", headers=headers) as answer:
        return answer.status, await answer.json(content_type=None), answer.headers


async def test_balancers_are_told_first_and_sessions_end_only_then_one_after_another(artifacts: Path):
    async with draining(artifacts, delay=3, drain=3) as (running, http):
        sockets = [await opened(running, http, name) for name in ("ana", "ben", "eve")]
        ticket = await running.ticket("ben")
        assert (await asked(http, "GET", running.port, "/readyz"))[0] == 200
        began = time.monotonic()
        running.process.signal(signal.SIGTERM)

        async def unready() -> bool:
            return (await asked(http, "GET", running.port, "/readyz"))[0] == 503

        await eventually(unready)
        for port in (running.port, running.admin_port):
            status, body, _ = await asked(http, "GET", port, "/readyz")
            assert (status, body["status"]) == (503, "draining")
            assert (await asked(http, "GET", port, "/healthz"))[0] == 200
        for method, path, headers in (
            ("POST", "/grant/lab/ben", {}),
            ("GET", f"/ws/lab/ben?ticket={ticket}", UPGRADE),
        ):
            status, body, told = await asked(http, method, running.port, path, headers)
            assert (status, body["name"]) == (503, "draining")
            assert int(told["Retry-After"]) > 0
            assert told["Connection"] == "close", "another replica does not answer on this connection"
        times = []
        for ws in sockets:
            assert await ending(ws) == GOING_AWAY
            times.append(time.monotonic() - began)
        assert times[0] >= 3
        assert times[2] - times[0] > 1
        assert await running.process.wait_exit() == 0
        assert '"act":"drain"' in running.process.output()


async def test_a_second_sigterm_or_a_sigint_ends_at_once(artifacts: Path):
    async def ends(number: signal.Signals) -> None:
        async with draining(artifacts / number.name, delay=100, drain=100) as (running, http):
            ws = await opened(running, http, "ana")
            running.process.signal(signal.SIGTERM)
            await eventually(lambda: "gateway.stopping" in running.process.output())
            running.process.signal(number)
            async with asyncio.timeout(30):
                assert await ending(ws) == GOING_AWAY
            assert await running.process.wait_exit() == 0

    async with asyncio.TaskGroup() as group:
        group.create_task(ends(signal.SIGTERM))
        group.create_task(ends(signal.SIGINT))
