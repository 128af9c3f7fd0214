"""nginx and HAProxy with the very files of deploy/, in front of a gateway and of one that takes nothing new."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from support.certificates import Certificate, loopback_certificate
from support.components import needs
from support.deployed import (
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

FRONTS = (NGINX, HAPROXY, THROUGH)
CLIENT = "127.0.0.5"
FORGED = {
    "X-Forwarded-For": "10.1.1.1",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Host": "evil.example.com",
    "Forwarded": "for=10.1.1.1;host=evil.example.com",
}


CONSOLES = ("one", "two", "three")


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
async def site(front: Front, directory: Path, more: Mapping[str, str] | None = None) -> AsyncIterator[Site]:
    certificate = loopback_certificate(directory / "tls")
    https, http, health = free_port(), free_port(), free_port()
    async with ScriptedServer(show).running() as server:
        said = environment(front, Ports(https, http, 0, health), certificate)
        async with bastion(dict.fromkeys(CONSOLES, server.url), logs=directory, env=said) as behind:
            ports = Ports(https, http, behind.gateway.port, health)
            leaving = Leaving(tells=front.through)  # TLS that is relayed can't be asked twice
            listening = (health,) if front.through else (ports.gateway,)
            async with (
                leaving.running(*listening),
                serving(front, ports, certificate, directory / "front", more) as process,
            ):
                url, plain = f"https://{LOOPBACK}:{https}", f"http://{LOOPBACK}:{http}"
                yield Site(front, process, url, plain, behind, leaving, certificate)


@needs("nginx", "haproxy")
@pytest.mark.parametrize("front", FRONTS, ids=str)
async def test_consoles_open_through_it_though_a_replica_takes_nothing_new(front: Front, artifacts: Path):
    async with site(front, artifacts) as running, running.browser() as http:
        if front.through:  # one that is not ready is told by its health alone
            await eventually(lambda: "gateway-2 is DOWN" in running.process.output(), within=30)
        # With each that is open the other replica has fewer, and is asked first.
        lies = {} if front.through else FORGED
        for ws in [await running.open(http, console, lies) for console in CONSOLES]:
            await shows(ws)
        assert await running.sources() == {CLIENT}, "not what the client said of itself"
        if not front.through:
            assert {"POST grant", "GET ws"} <= set(running.leaving.refused), "the other replica was never asked"
            async with http.get(f"{running.plain}/console/lab/one", allow_redirects=False) as answer:
                assert answer.status == 301
                assert answer.headers["Location"].startswith("https://")


SHORT = {
    NGINX: {"proxy_read_timeout 30s": "proxy_read_timeout 1s"},
    HAPROXY: {"timeout client 30s": "timeout client 1s", "timeout server 30s": "timeout server 1s"},
}
"""All that is not about consoles made so short that a test can wait for it."""


@needs("nginx", "haproxy")
@pytest.mark.parametrize("front", (NGINX, HAPROXY), ids=str)
async def test_a_silent_console_is_held_longer_than_a_request(front: Front, artifacts: Path):
    async with site(front, artifacts, SHORT[front]) as running, running.browser() as http:
        ws = await running.open(http, "one")
        await asyncio.sleep(1.7)  # that nothing happens is what is looked at
        await shows(ws)


@needs("nginx", "haproxy")
@pytest.mark.parametrize("front", (NGINX, HAPROXY), ids=str)
async def test_its_logs_have_no_ticket(front: Front, artifacts: Path):
    async with site(front, artifacts) as running, running.browser() as http:
        await shows(await running.open(http, "one"))
        await running.bastion.gateway.process.stop()
        async with http.get(f"{running.url}/ws/lab/one?ticket=SECRET") as answer:  # and nobody is there to take it
            assert answer.status in (502, 503)

        def logs() -> str:
            files = [*(artifacts / "front").glob("*.log")]
            return "".join(file.read_text(errors="replace") for file in files)

        await eventually(lambda: logs().count("/ws/lab/one") >= 2, what="lines of both requests")
        assert "ticket=" not in logs()
        assert "SECRET" not in logs()


@needs("haproxy")
async def test_haproxy_leaves_a_replica_alone_before_it_ends_its_sessions(artifacts: Path):
    async with site(HAPROXY, artifacts) as running, running.browser() as http:
        ws = await running.open(http, "one")
        running.leaving.tells = True
        started = time.monotonic()
        await eventually(lambda: "gateway-2 is DOWN" in running.process.output(), within=30)
        assert time.monotonic() - started < Limits().drain_delay
        asked = len(running.leaving.refused)
        for _ in range(4):
            async with http.get(f"{running.url}/") as answer:
                assert answer.status == 200
        assert len(running.leaving.refused) == asked
        await shows(ws)
