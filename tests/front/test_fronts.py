"""The gateway behind real load balancers: the true client's address reaches session and audit, and nobody else's word.

Clients come from 127.0.0.5 and others, proxies from 127.0.0.1, which alone is trusted.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from support.certificates import Certificate, loopback_certificate
from support.components import needs
from support.fronts import WAYS, Way, environment, front
from support.gateway import Gateway, gateway
from support.inprocess import API_KEY, API_KEY_HASH, read, rfb_handshake
from support.programs import LOOPBACK, eventually, free_port
from support.proxy_headers import v1, v2
from support.scripted_server import Connection, ScriptedServer

CLIENT, OTHER = "127.0.0.5", "127.0.0.6"
FORGED = {"X-Forwarded-For": "10.1.1.1", "X-Forwarded-Proto": "http", "X-Real-IP": "10.1.1.1"}
KEY = {"Authorization": f"Bearer {API_KEY}"}

UPDATE = b"\x00\x00\x00\x01" + bytes(4) + b"\x00\x40\x00\x30" + bytes(4) + b"\x07" * (64 * 48 * 4)


async def show(connection: Connection) -> None:
    await connection.handshake()
    while await connection.reader.read(65536):
        await connection.send(UPDATE)


@dataclass(frozen=True, slots=True)
class House:
    """A gateway with a front, and the address of the front."""

    way: Way
    gateway: Gateway
    certificate: Certificate
    url: str

    @contextlib.asynccontextmanager
    async def client(self, source: str) -> AsyncIterator[aiohttp.ClientSession]:
        connector = aiohttp.TCPConnector(ssl=self.certificate.client_context(), local_addr=(source, 0))
        async with aiohttp.ClientSession(connector=connector) as http:
            yield http

    async def ticket(self, http: aiohttp.ClientSession, url: str, user: str, headers: dict[str, str]) -> str:
        """A one-time WebSocket ticket for `user`, through `url`."""
        admin = f"http://{LOOPBACK}:{self.gateway.admin_port}"
        body = {"console": f"lab/{user}", "user": user}
        async with (
            aiohttp.ClientSession() as bastion,
            bastion.post(admin + "/api/v1/tickets", json=body, headers=KEY) as made,
        ):
            assert made.status == 201, await made.text()
            minted = (await made.json())["ticket"]
        async with http.post(
            f"{url}/grant/lab/{user}", headers={"Authorization": f"Bearer {minted}"} | headers
        ) as answer:
            assert answer.status == 200, await answer.text()
            return str((await answer.json())["ticket"])

    async def open(
        self, http: aiohttp.ClientSession, user: str, *, url: str = "", **headers: str
    ) -> aiohttp.ClientWebSocketResponse:
        """A session of `user` on a console of the same name, its handshake done."""
        url = url or self.url
        ticket = await self.ticket(http, url, user, headers)
        ws = await http.ws_connect(f"{url}/ws/lab/{user}?ticket={ticket}", protocols=["binary"], headers=headers)
        await rfb_handshake(ws)
        return ws

    async def sources(self) -> dict[str, str]:
        """The address at each console with an open session, by the admin API."""
        url = f"http://{LOOPBACK}:{self.gateway.admin_port}/api/v1/sessions"
        async with aiohttp.ClientSession() as http, http.get(url, headers=KEY) as answer:
            return {
                session["console"].removeprefix("lab/"): session["source"]
                for session in (await answer.json())["sessions"]
            }

    def acts(self, name: str) -> list[dict[str, str]]:
        """The audit's lines of one kind of act."""
        lines = [line for line in self.gateway.process.output().splitlines() if '"act"' in line]
        return [act for act in map(json.loads, lines) if act["act"] == name]

    def audited(self) -> dict[str, str]:
        """The same by the audit."""
        return {act["console"].removeprefix("lab/"): act["source"] for act in self.acts("session_opened")}


@contextlib.asynccontextmanager
async def house(way: Way, directory: Path) -> AsyncIterator[House]:
    certificate = loopback_certificate(directory / "tls")
    port = free_port()
    async with (
        ScriptedServer(show).running() as server,
        gateway(
            dict.fromkeys(("ana", "ben", "eve"), server.url),
            logs=directory,
            access='mode = "ticket"',
            admin=f'keys = {{ test = "{API_KEY_HASH}" }}',
            env=environment(way, certificate, port),
        ) as running,
        front(way, certificate, port, running.port, directory / way.proxy),
    ):
        yield House(way, running, certificate, f"https://{LOOPBACK}:{port}")


@needs("nginx", "haproxy")
@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_the_true_address_arrives_whatever_the_client_says(way: Way, artifacts: Path):
    async with house(way, artifacts) as running, running.client(CLIENT) as ana, running.client(OTHER) as ben:
        first = await running.open(ana, "ana")
        second = await running.open(ben, "ben", **FORGED)
        assert await running.sources() == {"ana": CLIENT, "ben": OTHER}
        assert running.audited() == {"ana": CLIENT, "ben": OTHER}
        # Past the front: with a PROXY header expected nobody gets in, else the forged header is not looked at.
        past = f"{'https' if way.gateway_tls else 'http'}://{LOOPBACK}:{running.gateway.port}"
        async with running.client("127.0.0.7") as eve:
            if way.header:
                with pytest.raises(aiohttp.ClientError):
                    await eve.get(past)
            else:
                host = {"Host": running.url.removeprefix("https://")}
                third = await running.open(eve, "eve", url=past, **FORGED, **host)
                assert (await running.sources())["eve"] == "127.0.0.7"
                await third.close()
        if way.through:
            await lie(running)
        await first.close()
        await second.close()


async def lie(running: House) -> None:
    """Send a PROXY header of one's own, which the front relays behind its true one: there it is no TLS."""
    port = int(running.url.rpartition(":")[2])
    for header in (v1("10.1.1.1"), v2("10.1.1.1")):
        reader, writer = await asyncio.open_connection(LOOPBACK, port, local_addr=(CLIENT, 0))
        writer.write(header + b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        async with asyncio.timeout(20):
            with contextlib.suppress(ConnectionResetError):
                assert (await reader.read())[:1] in (b"", b"\x15")  # an alert at most
        writer.close()


@needs("haproxy")
async def test_certificates_change_behind_the_front_and_no_session_drops(artifacts: Path):
    way = Way("haproxy", gateway_tls=True, header=2, through=True)
    async with house(way, artifacts) as running, running.client(CLIENT) as ana, running.client(OTHER) as ben:
        sockets = [await running.open(ana, "ana"), await running.open(ben, "ben")]
        renewed = loopback_certificate(artifacts / "renewed")
        for new, live in (
            (renewed.certificate, running.certificate.certificate),
            (renewed.key, running.certificate.key),
        ):
            live.write_bytes(new.read_bytes())

        async def shown() -> bool:
            for ws in sockets:
                await ws.send_bytes(b"\x03\x00\x00\x00\x00\x00\x00\x40\x00\x30")
                assert await read(ws, len(UPDATE)) == UPDATE
            try:
                async with (
                    running.client(OTHER) as eve,
                    eve.get(running.url + "/healthz", ssl=renewed.client_context()),
                ):
                    return True
            except aiohttp.ClientConnectorCertificateError:
                return False

        await eventually(shown, within=60, what="the new certificate")
        assert len(running.acts("configuration_reloaded")) == 1
        assert await running.sources() == {"ana": CLIENT, "ben": OTHER}
        for ws in sockets:
            await ws.close()
