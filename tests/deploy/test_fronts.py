"""nginx and HAProxy with the very files of deploy/, in front of a gateway and of one that takes nothing new."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from support.certificates import Certificate, loopback_certificate
from support.components import needs
from support.deployed import (
    DEPLOY,
    HAPROXY,
    NGINX,
    THROUGH,
    Front,
    Leaving,
    Ports,
    environment,
    open_console,
    serving,
    show,
    shows,
)
from support.programs import LOOPBACK, Program, eventually, free_port
from support.scripted_server import ScriptedServer
from support.tickets import Bastion, bastion

from gateway.config.blocks import Limits

pytestmark = [needs("nginx", "haproxy"), pytest.mark.asyncio(loop_scope="session")]

CLIENT = "127.0.0.5"
FORGED = {
    "X-Forwarded-For": "10.1.1.1",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Host": "evil.example.com",
    "Forwarded": "for=10.1.1.1;host=evil.example.com",
}
CONSOLES = ("one", "two", "three")
SHORT = {
    NGINX: {"proxy_read_timeout 30s": "proxy_read_timeout 3s"},
    HAPROXY: {"timeout client 30s": "timeout client 3s", "timeout server 30s": "timeout server 3s"},
}
"""All that is not about consoles, made so short that a test can wait for it."""


def for_each(*fronts: Front) -> pytest.MarkDecorator:
    """With a site for each of `fronts`, shared by the tests of this file."""
    return pytest.mark.parametrize("site", fronts, indirect=True, ids=str)


@dataclass(frozen=True, slots=True)
class Site:
    """The front, the gateway behind it and the replica beside that."""

    front: Front
    process: Program
    url: str
    plain: str
    bastion: Bastion
    leaving: Leaving
    certificate: Certificate

    @contextlib.asynccontextmanager
    async def browser(self) -> AsyncIterator[aiohttp.ClientSession]:
        """Each request on a connection of its own, so that the front chooses a replica each time."""
        connector = aiohttp.TCPConnector(
            ssl=self.certificate.client_context(), local_addr=(CLIENT, 0), force_close=True
        )
        async with aiohttp.ClientSession(connector=connector) as http:
            yield http

    async def open(
        self, http: aiohttp.ClientSession, console: str, headers: Mapping[str, str] | None = None
    ) -> aiohttp.ClientWebSocketResponse:
        """A console with a fresh ticket."""
        return await open_console(http, self.url, console, await self.bastion.ticket(console), headers)

    async def sources(self) -> set[str]:
        """Where the users of all sessions are, as the gateway knows it."""
        answer = await self.bastion.api("GET", "/sessions")
        return {session["source"] for session in answer.body["sessions"]}


@contextlib.asynccontextmanager
async def started(front: Front, directory: Path) -> AsyncIterator[Site]:
    certificate = loopback_certificate(directory / "tls")
    https, http, health = free_port(), free_port(), free_port()
    said = environment(front, Ports(https, http, 0, health), certificate)
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(ScriptedServer(show).running())
        consoles = dict.fromkeys(CONSOLES, server.url)
        behind = await stack.enter_async_context(bastion(consoles, logs=directory, env=said))
        ports = Ports(https, http, behind.gateway.port, health)
        leaving = Leaving(tells=front.through)  # TLS that is relayed can't be asked twice
        await stack.enter_async_context(leaving.running(health if front.through else ports.gateway))
        running = serving(front, ports, certificate, directory / "front", SHORT.get(front))
        process = await stack.enter_async_context(running)
        url, plain = f"https://{LOOPBACK}:{https}", f"http://{LOOPBACK}:{http}"
        yield Site(front, process, url, plain, behind, leaving, certificate)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(request: pytest.FixtureRequest, module_artifacts: Path) -> AsyncIterator[Site]:
    async with started(request.param, module_artifacts / Path(request.param.file).name) as running:
        yield running


@for_each(NGINX, HAPROXY, THROUGH)
async def test_consoles_open_through_it_though_a_replica_takes_nothing_new(site: Site):
    lies = {} if site.front.through else FORGED
    if site.front.through:  # one that is not ready is told by its health alone
        await eventually(lambda: "gateway-2 is DOWN" in site.process.output(), within=30)
    async with site.browser() as http:
        # With each that is open the other replica has fewer, and is asked first.
        for ws in [await site.open(http, console, lies) for console in CONSOLES]:
            await shows(ws)
        assert await site.sources() == {CLIENT}, "not what the client said of itself"
    if not site.front.through:
        assert {"POST grant", "GET ws"} <= set(site.leaving.refused), "the other replica was never asked"


@for_each(NGINX, HAPROXY)
async def test_who_comes_without_tls_is_sent_to_it(site: Site):
    async with site.browser() as http, http.get(f"{site.plain}/console/lab/one", allow_redirects=False) as answer:
        assert answer.status == 301
        assert answer.headers["Location"].startswith("https://")


@for_each(NGINX, HAPROXY)
async def test_a_silent_console_is_held_longer_than_a_request(site: Site):
    async with site.browser() as http:
        ws = await site.open(http, "one")
        await asyncio.sleep(4)  # that nothing happens is what is looked at
        await shows(ws)


@for_each(NGINX, HAPROXY)
async def test_its_logs_have_no_ticket(site: Site):
    site.leaving.drops = True  # nginx has more to say of such a one
    try:
        async with site.browser() as http:
            for ws in [await site.open(http, console) for console in CONSOLES]:
                await shows(ws)
            async with http.get(f"{site.url}/ws/lab/last?ticket=SECRET") as answer:
                assert answer.status == 426
    finally:
        site.leaving.drops = False

    def logs() -> str:
        return "".join(file.read_text(errors="replace") for file in site.process.log.parent.glob("*.log"))

    await eventually(lambda: "/ws/lab/last" in logs(), what="the line of the last request")
    assert "ticket=" not in logs()
    assert "SECRET" not in logs()


@pytest.mark.parametrize("front", [HAPROXY, THROUGH], ids=str)
async def test_balancers_know_of_a_drain_before_sessions_end(front: Front):
    every, times = re.search(r"check .*inter (\d+)s fall (\d+)", (DEPLOY / front.file).read_text()).groups()
    assert int(every) * (int(times) + 1) < Limits().drain_delay


@for_each(HAPROXY)
async def test_a_replica_is_left_alone_before_it_ends_its_sessions(site: Site):
    async with site.browser() as http:
        ws = await site.open(http, "one")
        site.leaving.tells = True
        await eventually(lambda: "gateway-2 is DOWN" in site.process.output(), within=60)
        asked = len(site.leaving.refused)
        for _ in range(4):
            async with http.get(f"{site.url}/") as answer:
                assert answer.status == 200
        assert len(site.leaving.refused) == asked
        await shows(ws)
