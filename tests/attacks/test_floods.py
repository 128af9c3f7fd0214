"""Those who connect and do not get on with it: slowly, in thousands, or with more than anybody needs."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from support.certificates import loopback_certificate
from support.inprocess import API_KEY, Site, read, rfb_handshake, site
from support.programs import LOOPBACK
from support.scripted_server import Connection, ScriptedServer

from gateway.web import connection, listen

UPDATE = b"\x00\x00\x00\x01" + bytes(4) + b"\x00\x01\x00\x01" + bytes(4) + bytes(4)
BOTH = pytest.mark.parametrize("listener", ["public", "admin"])


async def show(connection: Connection) -> None:
    await connection.handshake()
    while await connection.reader.read(65536):
        await connection.send(UPDATE)


@pytest.fixture
async def running() -> AsyncIterator[Site]:
    async with ScriptedServer(show).running() as server, site({"vm": server.url}) as running:
        yield running


def port(running: Site, listener: str) -> int:
    return running.gateway.public_port if listener == "public" else running.gateway.admin_port


async def drip(port: int, begin: bytes, line: bytes) -> bytes:
    """Begin a request and go on with `line` for ever: what comes back until the other side has had enough."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    answer = asyncio.ensure_future(reader.read())
    try:
        async with asyncio.timeout(30):
            writer.write(begin)
            while not answer.done():
                writer.write(line)
                await asyncio.wait([answer], timeout=0.05)
            return await answer
    except ConnectionError:
        return b""
    finally:
        answer.cancel()
        writer.close()


@BOTH
@pytest.mark.parametrize("begin", [b"", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"])
async def test_a_header_that_never_ends_is_cut_off(listener: str, begin: bytes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connection, "KEEPALIVE_TIMEOUT", 0.3)
    async with site({"vm": "tcp://127.0.0.1:9"}) as running:
        assert await drip(port(running, listener), begin, b"X-A: b\r\n" if begin else b"\r\n") == b""


@BOTH
async def test_a_body_that_never_ends_is_cut_off(listener: str, running: Site, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(listen, "BODY_TIMEOUT", 0.3)
    monkeypatch.setattr(connection, "LINGERING_TIME", 0.3)
    path = "/grant/lab/vm" if listener == "public" else "/api/v1/tickets"
    begin = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {API_KEY}\r\nContent-Length: 60000\r\n\r\n"
    )
    answer = await drip(port(running, listener), begin.encode(), b"a")
    assert answer.split()[1] == b"400"


@BOTH
async def test_a_request_that_nobody_makes_is_not_waited_for(listener: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connection, "KEEPALIVE_TIMEOUT", 0.3)
    async with site({"vm": "tcp://127.0.0.1:9"}) as running:
        reader, writer = await asyncio.open_connection(LOOPBACK, port(running, listener))
        async with asyncio.timeout(30):
            assert await reader.read() == b""
        writer.close()


@contextlib.asynccontextmanager
async def silent(port: int, many: int, meanwhile: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Have `many` connections that say nothing; now and then, and at the end, `meanwhile` has to work."""
    connections: list[socket.socket] = []
    try:
        for number in range(many):
            connections.append(one := socket.socket())
            one.setblocking(False)
            one.connect_ex((LOOPBACK, port))
            if number % 500 == 499:
                await meanwhile()
            elif number % 50 == 0:
                await asyncio.sleep(0)
        yield
    finally:
        for one in connections:
            one.close()


async def healthy(running: Site, *urls: str, **options: object) -> None:
    for url in urls:
        async with asyncio.timeout(20), running.http.get(url + "/healthz", **options) as answer:
            assert answer.status == 200


@pytest.mark.parametrize(("listener", "many"), [("public", 10_000), ("admin", 3_000)])
async def test_thousands_of_half_open_connections_keep_nobody_out(listener: str, many: int, running: Site):
    ws = await running.dial()
    await rfb_handshake(ws)
    async with silent(port(running, listener), many, lambda: healthy(running, running.url, running.admin)):
        assert await running.metric("vnc_gateway_connections_dropped_total", why="crowded") > many - 1500
        await ws.send_bytes(b"\x03\x00\x00\x00\x00\x00\x00\x40\x00\x30")
        assert await read(ws, len(UPDATE)) == UPDATE  # a session is nobody's place to take
    await ws.close()


async def test_nor_do_those_that_never_begin_with_tls(tmp_path: Path):
    certificate = loopback_certificate(tmp_path)
    listen = {"tls": {"certificate": certificate.certificate, "key": certificate.key}}
    async with site({"vm": "tcp://127.0.0.1:9"}, listen=listen) as running:
        url = running.url.replace("http:", "https:")
        context = certificate.client_context()
        async with silent(running.gateway.public_port, 3_000, lambda: healthy(running, url, ssl=context)):
            assert await running.metric("vnc_gateway_connections_dropped_total", why="crowded") > 1_500


FIRST = b"GET /healthz HTTP/1.1\r\n"
HOST = b"Host: localhost\r\n"


@BOTH
@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 9000 + b"\r\n\r\n",
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"".join(b"X-%d: %b\r\n" % (n, b"a" * 8000) for n in range(60)) + b"\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"".join(b"X-%d: a\r\n" % n for n in range(120)) + b"\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"".join(b"X-%d: a\r\n" % n for n in range(5000)) + b"\r\n",
        b"\r\n\r\nGET / HTTP/1.1\r\n"
        + HOST
        + b"".join(b"X-%d: %b\r\n" % (n, b"a" * 8000) for n in range(60))
        + b"\r\n",
        b"\r\n" * 20_000,
        b"GET / HTTP/1.1\r\n" + HOST + b"Cookie: " + b"a" * 10_000_000,
    ],
    ids=["line", "target", "sum", "lines", "many lines", "behind blank lines", "blank lines", "endless"],
)
async def test_a_header_too_large_is_refused(listener: str, request_: bytes, running: Site):
    reader, writer = await asyncio.open_connection(LOOPBACK, port(running, listener))
    try:
        async with asyncio.timeout(20):
            writer.write(request_)
            answer = await reader.readuntil(b"\r\n\r\n")
    finally:
        writer.close()
    assert answer.split()[1] == b"431"
    assert b"application/problem+json" in answer
    assert await running.metric("vnc_gateway_refusals_total", reason="headers") == 1


def of_size(size: int) -> bytes:
    """Lines that make FIRST, HOST and themselves a header of `size` bytes."""
    lines = (b"X: " + b"a" * 8000 + b"\r\n") * 4 + b"X: "
    return lines + b"a" * (size - len(FIRST + HOST + lines) - 4) + b"\r\n"


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (b"X: " + b"a" * 8190 + b"\r\n", b"200"),
        (b"X: " + b"a" * 8191 + b"\r\n", b"431"),
        (b"X: a\r\n" * 97, b"200"),  # and Host
        (b"X: a\r\n" * 98, b"431"),
        (of_size(32768), b"200"),
        (of_size(32769), b"431"),
    ],
    ids=["value", "longer", "lines", "more", "size", "larger"],
)
async def test_a_header_may_be_as_large_as_the_pages_say(lines: bytes, status: bytes, running: Site):
    """docs/fronts.md and docs/troubleshooting.md name these figures; that of a value is aiohttp's."""
    reader, writer = await asyncio.open_connection(LOOPBACK, running.gateway.public_port)
    try:
        async with asyncio.timeout(20):
            writer.write(FIRST + HOST + lines + b"\r\n")
            assert (await reader.readline()).split()[1] == status
    finally:
        writer.close()


async def test_a_second_header_on_a_connection_is_bounded_too(running: Site):
    reader, writer = await asyncio.open_connection(LOOPBACK, running.gateway.public_port)
    async with asyncio.timeout(20):
        for _ in range(3):
            writer.write(b"GET /healthz HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 8000 + b"\r\n\r\n")
            assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200")
        writer.write(b"GET /healthz HTTP/1.1\r\n" + HOST)
        for number in range(100):
            writer.write(b"X-%d: %b\r\n" % (number, b"a" * 8000))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 431")
    writer.close()


async def test_a_body_too_large_is_refused(running: Site):
    headers = {"Authorization": f"Bearer {API_KEY}"}
    async with running.http.post(running.url + "/grant/lab/vm", data=b"a" * 70_000, headers=headers) as answer:
        assert answer.status == 413
        problem = await answer.json(content_type="application/problem+json")
        assert (problem["name"], problem["title"]) == ("malformed", "The request's body is too large.")
    async with running.http.post(running.url + "/grant/lab/vm", data=b"a" * 60_000) as answer:
        assert answer.status == 200
