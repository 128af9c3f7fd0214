"""The public listener behind its own TLS: pages, a session, and browsers that do not get as far as a request."""

import asyncio
import ssl
from collections.abc import AsyncIterator

import aiohttp
import pytest
from support.certificates import Certificate, loopback_certificate
from support.inprocess import Site, ending, read, rfb_handshake, site
from support.programs import LOOPBACK
from support.scripted_server import Connection, ScriptedServer

from gateway.errors import GoingAway
from gateway.web import tls

PICTURE = b"\x00\x00\x00\x01" + bytes(4) + b"\x00\x40\x00\x30" + bytes(4) + b"\x07" * (64 * 48 * 4)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return loopback_certificate(tmp_path_factory.mktemp("tls"))


async def show(connection: Connection) -> None:
    await connection.handshake()
    while await connection.reader.read(65536):
        await connection.send(PICTURE)


@pytest.fixture
async def running(certificate: Certificate) -> AsyncIterator[Site]:
    listen = {"tls": {"certificate": certificate.certificate, "key": certificate.key}}
    async with ScriptedServer(show).running() as server, site({"vm": server.url}, listen=listen) as running:
        running.url = running.url.replace("http:", "https:")
        yield running


async def test_pages_come_over_one_connection(running: Site, certificate: Certificate) -> None:
    connector = aiohttp.TCPConnector(ssl=certificate.client_context(), limit=1)
    async with aiohttp.ClientSession(connector=connector) as http:
        for path in ("/console/lab/vm", "/", "/healthz"):
            async with http.get(running.url + path) as answer:
                assert answer.status == 200
                assert await answer.read()


async def test_a_session_from_upgrade_to_close(running: Site, certificate: Certificate) -> None:
    context = certificate.client_context()
    ws = await running.dial(ssl=context)
    await rfb_handshake(ws)
    for _ in range(5):
        await ws.send_bytes(b"\x03\x00\x00\x00\x00\x00\x00\x40\x00\x30")
        assert await read(ws, len(PICTURE)) == PICTURE
    for session in running.gateway.registry:
        session.end(GoingAway("enough"))
    assert await ending(ws) == (1001, "going_away")
    await ws.close()


async def test_the_end_is_told_in_tls_too(running: Site, certificate: Certificate) -> None:
    """Python's own client says so where it is missing."""
    reader, writer = await asyncio.open_connection(
        LOOPBACK, running.gateway.public_port, ssl=certificate.client_context()
    )
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 200")
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05hello"])
async def test_what_is_no_handshake_is_hung_up_on(running: Site, said: bytes) -> None:
    reader, writer = await asyncio.open_connection(LOOPBACK, running.gateway.public_port)
    writer.write(said)
    async with asyncio.timeout(10):
        answer = await reader.read()
    assert answer[:1] in (b"", b"\x15")  # an alert at most
    writer.close()
    await writer.wait_closed()


async def test_a_handshake_that_does_not_end_is_cut_off(running: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "HANDSHAKE_TIMEOUT", 0.1)
    reader, writer = await asyncio.open_connection(LOOPBACK, running.gateway.public_port)
    async with asyncio.timeout(10):
        with pytest.raises(ConnectionResetError):
            if not await reader.read():
                raise ConnectionResetError
    writer.close()


async def test_a_request_in_the_smallest_pieces(running: Site, certificate: Certificate) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = certificate.client_context().wrap_bio(incoming, outgoing, server_hostname=LOOPBACK)
    reader, writer = await asyncio.open_connection(LOOPBACK, running.gateway.public_port)

    async def drip() -> None:
        for byte in outgoing.read():
            writer.write(bytes([byte]))
            await writer.drain()

    async with asyncio.timeout(30):
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                await drip()
                incoming.write(await reader.read(100))
        client.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        await drip()
        answer = b""
        while b"ok" not in answer:
            try:
                answer += client.read(1000)
            except ssl.SSLWantReadError:
                incoming.write(await reader.read(100))
    assert answer.startswith(b"HTTP/1.1 200")
    writer.close()
    await writer.wait_closed()
