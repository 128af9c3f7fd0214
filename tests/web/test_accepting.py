"""Connections that begin with a PROXY header, over real sockets: who is believed, and that not a byte gets lost."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network

import pytest
from aiohttp import web
from support.certificates import loopback_certificate
from support.programs import LOOPBACK, eventually
from support.proxy_headers import LOCAL, UNKNOWN, tlv, v1, v2

from gateway.config.listen import Tls
from gateway.relay.buffer import ReceiveBuffer
from gateway.web import accepting
from gateway.web.certificates import Certificates
from gateway.web.connection import client_of
from gateway.web.door import Door
from gateway.web.forwarded import Proxies
from gateway.web.listen import Entrance, listen

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
CLIENT = "203.0.113.7"


class House:
    """A listener that answers with the address it takes a client for, and what its door dropped."""

    def __init__(self) -> None:
        self.dropped: list[str] = []
        self.door = Door(asyncio.get_running_loop().time, dropped=self.dropped.append)
        self.port = 0

    @asynccontextmanager
    async def open(self, *trusted: str, tls: Certificates | None = None) -> AsyncIterator["House"]:
        proxies = Proxies([ip_network(network) for network in trusted])
        entrance = Entrance(LOOPBACK, 0, self.door, ReceiveBuffer(), tls, proxies)
        listener = await listen(entrance, [web.get("/", self._answer)], _pass, {"Server": "test"})
        self.port = listener.port
        try:
            yield self
        finally:
            await listener.close()

    async def _answer(self, request: web.Request) -> web.Response:
        return web.Response(text=client_of(request))

    async def ask(self, *chunks: bytes, source: str = LOOPBACK) -> bytes:
        """The answer to `chunks`, each of which is in the server's hands before the next one goes."""
        reader, writer = await asyncio.open_connection(LOOPBACK, self.port, local_addr=(source, 0))
        try:
            for chunk in chunks:
                writer.write(chunk)
                await asyncio.sleep(0.005)
            async with asyncio.timeout(20):
                return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()


@web.middleware
async def _pass(request: web.Request, handler):
    return await handler(request)


@pytest.mark.parametrize(
    ("header", "source"),
    [
        (v1(CLIENT), CLIENT),
        (v2(CLIENT), CLIENT),
        (v2("2001:db8::9", tlvs=tlv(4, bytes(3000))), "2001:db8::9"),
        (LOCAL, LOOPBACK),
        (UNKNOWN, LOOPBACK),
    ],
)
async def test_the_address_in_the_header_is_the_clients(header: bytes, source: str):
    async with House().open("127.0.0.1") as house:
        for chunks in ([header + REQUEST], [header, REQUEST], [header[:5], header[5:] + REQUEST[:3], REQUEST[3:]]):
            answer = await house.ask(*chunks)
            assert answer.endswith(b"\r\n\r\n" + source.encode()), chunks


async def test_a_header_byte_by_byte_is_taken_off_to_the_byte():
    async with House().open("127.0.0.1") as house:
        for header in (v1(CLIENT), v2(CLIENT)):
            answer = await house.ask(*(bytes([byte]) for byte in header + REQUEST[:4]), REQUEST[4:])
            assert answer.endswith(CLIENT.encode())


async def test_tls_begins_right_behind_the_header(tmp_path):
    certificate = loopback_certificate(tmp_path)
    tls = Certificates(Tls(certificate=certificate.certificate, key=certificate.key))
    async with House().open("127.0.0.1", tls=tls) as house:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = certificate.client_context().wrap_bio(incoming, outgoing, server_hostname=LOOPBACK)
        with pytest.raises(ssl.SSLWantReadError):
            client.do_handshake()
        reader, writer = await asyncio.open_connection(LOOPBACK, house.port)
        writer.write(v2(CLIENT) + outgoing.read())  # in one packet, as balancers do
        async with asyncio.timeout(20):
            while True:
                incoming.write(await reader.read(65536))
                try:
                    client.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    continue
            client.write(REQUEST)
            writer.write(outgoing.read())
            answer = b""
            while CLIENT.encode() not in answer:
                try:
                    answer += client.read(65536)
                except ssl.SSLWantReadError:
                    incoming.write(await reader.read(65536))
        writer.close()


async def test_nobody_else_gets_in_with_a_header_or_without():
    async with House().open("127.0.0.2") as house:
        for said in (v1(CLIENT) + REQUEST, LOCAL + REQUEST, REQUEST):
            assert await house.ask(said) == b""
        assert house.dropped == ["no_proxy"] * 3
        assert (await house.ask(v1(CLIENT) + REQUEST, source="127.0.0.2")).endswith(CLIENT.encode())


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (REQUEST, "no_proxy"),
        (b"\x16\x03\x01\x00", "no_proxy"),
        (b"PROXIES\r\n", "no_proxy"),
        (b"PROXY nonsense\r\n" + REQUEST, "bad_header"),
        (b"PROXY TCP4 " + b"1" * 99, "bad_header"),
        (v2(CLIENT)[:12] + b"\xff" + v2(CLIENT)[13:], "bad_header"),
    ],
)
async def test_a_trusted_proxy_without_a_header_is_closed(said: bytes, why: str):
    async with House().open("127.0.0.1") as house:
        assert await house.ask(said) == b""
        assert house.dropped == [why]


SAID_AND_NO_MORE = pytest.mark.parametrize(
    ("said", "why"), [(b"", "no_proxy"), (b"PROXY TCP4 203", "bad_header"), (v2(CLIENT)[:-1], "bad_header")]
)


@SAID_AND_NO_MORE
async def test_a_header_that_does_not_end_is_cut_off(said: bytes, why: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(accepting, "HEADER_TIMEOUT", 0.1)
    async with House().open("127.0.0.1") as house:
        assert await house.ask(said) == b""
        assert house.dropped == [why]


@SAID_AND_NO_MORE
async def test_a_proxy_that_hangs_up_first_leaves_nothing_behind(said: bytes, why: str):
    async with House().open("127.0.0.1") as house:
        _, writer = await asyncio.open_connection(LOOPBACK, house.port)
        writer.write(said)
        writer.close()
        await writer.wait_closed()
        await eventually(lambda: house.dropped == [why])
        assert not house.door.places


async def test_connections_that_send_no_header_do_not_keep_others_out():
    house = House()
    house.door.most = 5
    async with house.open("127.0.0.1"):
        silent = [await asyncio.open_connection(LOOPBACK, house.port) for _ in range(20)]
        await eventually(lambda: house.dropped.count("crowded") == 15)
        assert (await house.ask(v1(CLIENT) + REQUEST)).endswith(CLIENT.encode())
        assert len(house.door.places) <= 5
        for _, writer in silent:
            writer.close()


async def test_a_bug_ends_one_connection(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    async with House().open("127.0.0.1") as house:
        with monkeypatch.context() as patch:
            patch.setattr(accepting, "parse", lambda _: 1 / 0)
            assert await house.ask(v1(CLIENT) + REQUEST) == b""
        assert "ZeroDivisionError" in caplog.text
        assert (await house.ask(v1(CLIENT) + REQUEST)).endswith(CLIENT.encode())


async def test_the_client_counts_for_the_rate_not_its_proxy(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gateway.web.door.BURST", 3.0)
    monkeypatch.setattr("gateway.web.door.RATE", 0.01)
    async with House().open("127.0.0.1") as house:
        answers = [await house.ask(v1(CLIENT) + REQUEST) for _ in range(5)]
        assert [bool(answer) for answer in answers] == [True] * 3 + [False] * 2
        assert await house.ask(v1("203.0.113.8") + REQUEST)
        assert await house.ask(LOCAL + REQUEST)
