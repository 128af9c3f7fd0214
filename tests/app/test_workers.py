"""`serve --workers`: one gateway of several processes, on a real Redis; each worker is known by its own admin port."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from support.components import needs
from support.gateway import NO_DRAIN, ROOT
from support.inprocess import API_KEY, API_KEY_HASH, ending, rfb_handshake, settings
from support.programs import LOOPBACK, Program, accepts, eventually, free_port, running
from support.scripted_server import ScriptedServer, idle
from support.servers.redis import RedisServer, redis_server
from support.systemd import Systemd, systemd

from gateway.app import workers as gateway_workers
from gateway.app.worker import Worker
from gateway.errors import ListenFailed
from gateway.web.bound import bound

pytestmark = [needs("redis"), pytest.mark.asyncio(loop_scope="module")]

GOING_AWAY = (1001, "going_away")
STEPS = ("READY=1", "RELOADING=1", "STOPPING=1")
PROGRAM = (sys.executable, "-m", "gateway")
CONFIG = """
[listen]
port = {port}
[admin]
port = {admin}
keys = {{ test = "{key}" }}
[access]
mode = "open"
seal_keys = "{seal}"
[state]
url = "{state}"
[limits]
drain_delay = 0
drain = 1000
[audit]
target = "file"
file = "{logs}/audit.jsonl"
[providers.lab]
type = "static"
[providers.lab.consoles]
{consoles}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(module_artifacts: Path) -> AsyncIterator[RedisServer]:
    async with redis_server(module_artifacts) as server:
        yield server


@dataclass(frozen=True, slots=True)
class House:
    """A gateway of two workers, its systemd, and a client that gets a new connection for each request."""

    program: Program
    port: int
    admin: int
    http: aiohttp.ClientSession
    systemd: Systemd
    logs: Path

    async def opened(self, number: int) -> aiohttp.ClientWebSocketResponse:
        ws = await self.http.ws_connect(f"http://{LOOPBACK}:{self.port}/ws/lab/vm{number}", protocols=["binary"])
        await rfb_handshake(ws)
        return ws

    async def sessions(self, worker: int) -> float:
        """How many a worker has."""
        async with self.http.get(f"http://{LOOPBACK}:{self.admin + worker}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith("vnc_gateway_sessions "))

    async def replicas(self) -> dict[str, str]:
        """Which replica has each console, as worker 0 knows."""
        url = f"http://{LOOPBACK}:{self.admin}/api/v1/sessions"
        async with self.http.get(url, headers={"Authorization": f"Bearer {API_KEY}"}) as answer:
            return {each["console"]: each["replica"] for each in (await answer.json())["sessions"]}

    def processes(self) -> list[int]:
        """The workers' numbers, of those that run."""
        children = Path(f"/proc/{self.program.pid}/task/{self.program.pid}/children").read_text().split()
        return [int(pid) for pid in children]

    async def told(self, number: signal.Signals, event: str) -> None:
        """Send the gateway a signal, and wait until both workers have logged what it is for."""
        self.program.signal(number)
        await eventually(lambda: self.program.output().count(f'"event": "{event}"') == 2, within=30)

    async def ready(self) -> bool:
        try:
            for worker in range(2):
                async with self.http.get(f"http://{LOOPBACK}:{self.admin + worker}/readyz") as answer:
                    if answer.status != 200:
                        return False
        except aiohttp.ClientError:
            return False
        return True


def configuration(logs: Path, port: int, admin: int, *, state: str, console: str) -> Path:
    """A file with it, for a gateway of twenty consoles."""
    logs.mkdir(parents=True, exist_ok=True)
    file = logs / "gateway.toml"
    consoles = "\n".join(f'vm{number} = "{console}"' for number in range(20))
    own = {"port": port, "admin": admin, "state": state, "logs": logs, "consoles": consoles}
    file.write_text(CONFIG.format(key=API_KEY_HASH, seal="k" * 64, **own))
    return file


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def consoles() -> AsyncIterator[str]:
    """The address of a server for all consoles."""
    async with ScriptedServer(idle).running() as server:
        yield server.url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(
    shared: RedisServer, consoles: str, module_artifacts: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    port, admin, logs = free_port(), free_port(), module_artifacts / "house"
    file = configuration(logs, port, admin, state=shared.url, console=consoles)
    argv = [*PROGRAM, "serve", "--config", file, "--workers", "2"]
    name = str(tmp_path_factory.mktemp("systemd") / "notify")
    env = {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "1000000"}
    async with (
        new_connections() as http,
        systemd(name) as heard,
        running("workers", argv, logs=logs, env=env, cwd=ROOT) as started,
    ):
        house = House(started, port, admin, http, heard, logs)
        await started.wait_ready(house.ready, 30)
        yield house


def new_connections() -> aiohttp.ClientSession:
    """A client that gets a new connection for each request."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True, limit=0))


def runs(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_workers_share_a_port_and_are_one_to_the_outside(house: House):
    sockets = [await house.opened(number) for number in range(20)]
    # The kernel chooses by the source's port: that it chooses one alone for twenty is as good as impossible.
    each = [await house.sessions(worker) for worker in range(2)]
    assert sum(each) == 20
    assert min(each) > 0

    async def all_known() -> bool:
        replicas = await house.replicas()
        return len(replicas) == 20 and len(set(replicas.values())) == 2

    await eventually(all_known, within=30)
    for file in ("audit.jsonl", "audit-1.jsonl"):
        acts = [json.loads(line)["act"] for line in (house.logs / file).read_text().splitlines()]
        assert acts[0] == "start"
        assert acts.count("session_opened") in each
    await house.told(signal.SIGHUP, "configuration.reloaded")
    await eventually(lambda: house.systemd.count("READY=1") == 2)
    told = house.systemd.lines()
    assert [line for line in told if line in STEPS] == ["READY=1", "RELOADING=1", "READY=1"]
    assert {"STATUS=2 of 2 workers ready", "WATCHDOG=1"} <= set(told)
    for ws in sockets:
        await ws.close()


async def test_who_only_looks_after_workers_does_not_load_what_they_are_made_of(house: House):
    loaded = [Path(f"/proc/{pid}/maps").read_text() for pid in (house.program.pid, *house.processes())]
    assert ["/aiohttp/" in libraries for libraries in loaded] == [False, True, True]


async def test_a_worker_that_dies_is_replaced_and_the_others_go_on(house: House):
    sockets = [await house.opened(number) for number in range(20)]
    reading = [asyncio.create_task(ending(ws)) for ws in sockets]
    killed, other = house.processes()
    os.kill(killed, signal.SIGKILL)
    await eventually(lambda: any(task.done() for task in reading), within=30)
    await eventually(house.ready, within=60)
    first, second = house.processes()
    assert killed not in (first, second)
    assert other in (first, second)
    assert 0 < sum(task.done() for task in reading) < 20
    assert '"event": "worker.died"' in house.program.output()
    for ws in sockets:
        await ws.close()
    await asyncio.gather(*reading)


async def test_all_workers_end_as_one_process_does(house: House):
    """The last one: the house is gone after it."""
    pids = house.processes()
    sockets = [await house.opened(number) for number in range(20)]
    await house.told(signal.SIGTERM, "gateway.stopping")
    house.program.signal(signal.SIGTERM)  # as with one process: the second one is for the end
    assert [await ending(ws) for ws in sockets] == 20 * [GOING_AWAY]
    assert await house.program.wait_exit(30) == 0
    assert [line for line in house.systemd.lines() if line in STEPS][-2:] == ["STOPPING=1", "STOPPING=1"]
    assert not any(map(runs, pids)), "no worker stays"


async def test_a_worker_whose_parent_is_gone_says_good_bye_and_ends(
    shared: RedisServer, consoles: str, artifacts: Path
):
    """As after a SIGKILL, of which the parent can tell them nothing."""
    port, admin = free_port(), free_port()
    file = configuration(artifacts, port, admin, state=shared.url, console=consoles)
    worker = Worker(0, ["--config", str(file)], {})
    parent = asyncio.create_task(worker.live(lambda: None))
    async with new_connections() as http:
        await eventually(lambda: worker.ready or parent.done(), within=60)
        assert worker._process is not None
        pid = worker._process.pid
        try:
            ws = await http.ws_connect(f"http://{LOOPBACK}:{port}/ws/lab/vm1", protocols=["binary"])
            await rfb_handshake(ws)
            parent.cancel()
            assert await ending(ws) == GOING_AWAY
            await eventually(lambda: not runs(pid), within=30)
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


async def test_where_no_worker_can_begin_the_gateway_does_not(shared: RedisServer, artifacts: Path):
    with socket.create_server((LOOPBACK, 0)) as taken:
        port, admin = free_port(), taken.getsockname()[1]
        env = {
            **NO_DRAIN,
            "VNC_GATEWAY_ACCESS__MODE": "open",
            "VNC_GATEWAY_ACCESS__SEAL_KEYS": "k" * 64,
            "VNC_GATEWAY_STATE__URL": shared.url,
            "VNC_GATEWAY_LISTEN__PORT": str(port),
            "VNC_GATEWAY_ADMIN__PORT": str(admin),
        }
        async with running("workers", [*PROGRAM, "serve", "--workers", "2"], logs=artifacts, env=env) as program:
            assert await program.wait_exit(60) == 1
        assert f"cannot listen on {LOOPBACK}:{admin}: the port is in use" in program.output()
        assert not await accepts(port)


async def test_a_port_that_another_gateway_shares_with_its_workers_is_not_taken(shared: RedisServer):
    (theirs,) = await bound(LOOPBACK, 0, shares_port=True)
    with theirs:
        port = theirs.getsockname()[1]
        listen, access = {"port": port}, {"mode": "open", "seal_keys": "k" * 64}
        both = settings({"vm": "tcp://127.0.0.1:1"}, listen=listen, access=access, state={"url": shared.url})
        with pytest.raises(ListenFailed, match=f"{LOOPBACK}:{port}: the port is in use"):
            await gateway_workers.supervise(both, None, 2)
