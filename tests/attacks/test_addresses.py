"""SSRF: nobody who names a console, and no broker or page address, brings the gateway to talk to another host.

The broker is the one that may lie most: it answers with any address. A canary listens where nothing may ever arrive.
"""

import contextlib
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from support.fake_api import FakeApi, Reply
from support.gateway import Gateway, gateway
from support.programs import LOOPBACK, eventually
from support.raw_browser import Closed, raw_browser
from support.scripted_server import Connection, ScriptedServer, idle
from yarl import URL

pytestmark = pytest.mark.asyncio(loop_scope="module")

UPSTREAM_LOST = Closed(4502, "upstream_lost")
METADATA = "169.254.169.254"


async def redirect(connection: Connection) -> None:
    """A WebSocket server that sends its clients on to the canary."""
    await connection.reader.readuntil(b"\r\n\r\n")
    head = f"HTTP/1.1 302 Found\r\nLocation: ws://{LOOPBACK}:{redirect_to[0]}/\r\nContent-Length: 0\r\n\r\n"
    await connection.send(head.encode())
    await connection.reader.read()


redirect_to = [0]


@dataclass(frozen=True, slots=True)
class House:
    gateway: Gateway
    broker: FakeApi
    canary: ScriptedServer
    good: ScriptedServer
    redirecting: ScriptedServer

    async def end(self, reply: Reply) -> tuple[Closed, str]:
        """Open a console for which the broker answers so: how it ends, and the cause that the log gives for it."""
        self.broker.answer(reply)
        before = len(self._causes())
        async with raw_browser(self.gateway.port, await self.gateway.target("broker/vm")) as browser:
            assert browser.status == 101
            closed = await browser.closed(within=30)
        await eventually(lambda: len(self._causes()) > before, what="the session's last line in the log")
        return closed, self._causes()[-1]

    def _causes(self) -> list[str]:
        whole = self.gateway.process.output().rpartition("\n")[0]
        lines = (json.loads(line) for line in whole.splitlines())
        return [line["cause"] for line in lines if line.get("event") == "session.ended"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(module_artifacts: Path) -> AsyncIterator[House]:
    async with contextlib.AsyncExitStack() as stack:
        broker = await stack.enter_async_context(FakeApi(Reply()))
        canary, good = ScriptedServer(idle), ScriptedServer(idle)
        redirecting = ScriptedServer(redirect)
        for server in (canary, good, redirecting):
            await stack.enter_async_context(server.running())
        redirect_to[0] = canary.port
        more = f"""
            [reconnect]
            window = 0
            per_minute = 1000
            [providers.broker]
            type = "http"
            url = "{broker.endpoint}/ask"
            allowed_hosts = ["{LOOPBACK}", ".vnc.example.com"]
        """
        running = await stack.enter_async_context(gateway({"vm": good.url}, logs=module_artifacts, more=more))
        yield House(running, broker, canary, good, redirecting)


FORBIDDEN = {
    "metadata": {"url": f"ws://{METADATA}/latest/meta-data/"},
    "metadata by host": {"host": METADATA, "port": 80},
    "metadata in IPv6": {"url": f"ws://[::ffff:{METADATA}]/"},
    "metadata behind NAT64": {"url": "ws://[64:ff9b::a9fe:a9fe]/"},
    "metadata in hexadecimal": {"url": "ws://0xa9fea9fe/"},
    "metadata as one number": {"url": "ws://2852039166/"},
    "metadata in octal": {"url": "ws://0251.0376.0251.0376/"},
    "metadata with a dot": {"url": f"ws://{METADATA}./"},
    "metadata behind a user name": {"url": f"ws://{LOOPBACK}@{METADATA}/"},
    "metadata behind a backslash": {"url": f"ws://{LOOPBACK}\\@{METADATA}/"},
    "metadata of Alibaba": {"host": "100.100.100.200", "port": 80},
    "metadata of EC2 in IPv6": {"url": "ws://[fd00:ec2::254]/"},
    "link-local": {"host": "fe80::1", "port": 5900},
    "unlisted name": {"url": "wss://evil.example/"},
    "name that only begins like a listed one": {"url": "wss://vnc.example.com.evil.example/"},
    "name that only ends like a listed one": {"url": "wss://evilvnc.example.com/"},
    "another address of this machine": {"url": "ws://127.0.0.2/"},
    "this machine by name": {"host": "localhost", "port": 5900},
    "page that names a host": {"url": f"http://{LOOPBACK}/vnc.html?host={METADATA}&port=80"},
    "file": {"url": "file:///etc/passwd"},
    "gopher": {"url": f"gopher://{LOOPBACK}:70/_x"},
    "line break": {"url": f"ws://{LOOPBACK}/\r\nX-Evil: 1"},
    "header with a line break": {"url": f"ws://{LOOPBACK}/", "headers": {"X": "a\r\nX-Evil: 1"}},
    "cookie with a line break": {"url": f"ws://{LOOPBACK}/", "cookies": {"a": "b\r\nX-Evil: 1"}},
}
"""Answers of a broker that is not the operator's friend any more."""


@pytest.mark.parametrize("what", FORBIDDEN)
async def test_an_address_that_may_not_be_dialled_is_not(house: House, what: str) -> None:
    closed, cause = await house.end(Reply(FORBIDDEN[what]))
    assert closed == UPSTREAM_LOST
    assert re.search("not in allowed_hosts|metadata address|the address |page's address|not an address|answer: ", cause)


async def test_a_page_leads_to_its_own_host_whatever_its_path_says(house: House) -> None:
    path = f"//{LOOPBACK}:{house.canary.port}/websockify"
    page = URL(f"http://{LOOPBACK}:{house.good.port}/vnc.html").with_query(path=path)
    before = house.good.connections
    closed, _ = await house.end(Reply({"url": str(page)}))
    assert closed == UPSTREAM_LOST or closed.code == 4506  # the VNC server there speaks no WebSocket
    assert house.good.connections > before
    assert house.canary.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_broker_that_redirects_is_not_followed(house: House, status: int) -> None:
    asked = len(house.broker.seen)
    location = f"http://{LOOPBACK}:{house.canary.port}/"
    closed, _ = await house.end(Reply({}, status=status, headers={"Location": location}))
    assert closed.code in (4502, 4503)
    assert len(house.broker.seen) > asked
    assert house.canary.connections == 0


async def test_a_vnc_server_that_redirects_is_not_followed(house: House) -> None:
    closed, _ = await house.end(Reply({"url": f"ws://{LOOPBACK}:{house.redirecting.port}/"}))
    assert closed == UPSTREAM_LOST
    assert house.redirecting.connections > 0
    assert house.canary.connections == 0


async def test_the_canary_lives(house: House) -> None:
    """The control: where an address is allowed, its server is reached."""
    house.broker.answer(Reply({"url": f"tcp://{LOOPBACK}:{house.canary.port}"}))
    async with raw_browser(house.gateway.port, await house.gateway.target("broker/vm")) as browser:
        await browser.handshake()
    assert house.canary.connections == 1


NO_INSTANCE = (
    "..",
    "%2e%2e",
    "..%2f..%2fadmin",
    "vm%2f..%2fother",
    "vm%00",
    "vm%0d%0aX-Evil:%201",
    "vm%20",
    "vm%3fa=b",
    "vm%23a",
    "http:%2f%2f169.254.169.254",
    "@169.254.169.254",
    "vm;a=b",
    "vm%5c..",
    "%EF%BC%8E%EF%BC%8E",
    "vm%c3%a9",
    "-vm",
    "x" * 65,
)


@pytest.mark.parametrize("instance", NO_INSTANCE)
async def test_an_instance_that_is_no_name_never_reaches_the_cloud(house: House, instance: str) -> None:
    asked = len(house.broker.seen)
    base = f"http://{LOOPBACK}:{house.gateway.port}"
    async with aiohttp.ClientSession() as http:
        async with http.post(URL(f"{base}/grant/broker/{instance}", encoded=True)) as answer:
            assert answer.status in (400, 404)
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        upgrade["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ=="
        async with http.get(URL(f"{base}/ws/broker/{instance}", encoded=True), headers=upgrade) as answer:
            assert answer.status in (400, 404)
    assert len(house.broker.seen) == asked
