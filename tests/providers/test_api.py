"""The way a call is made: what is sent, what is refused, what an error tells."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from support.certificates import loopback_certificate
from support.fake_api import FakeApi, Reply
from yarl import URL

from gateway.errors import BadAddress, CloudUnavailable
from gateway.providers.api import MAX_ANSWER, Caller, Request
from gateway.providers.outlet import trust


async def test_a_request_goes_out_as_it_was_signed(api: FakeApi, http: aiohttp.ClientSession) -> None:
    api.answer(Reply({"a": 1}, headers={"X-Some": "thing"}))
    url = URL(f"{api.endpoint}/a%2Fb/?x=%2B+y", encoded=True)
    answer = await Caller(http).send(Request("POST", url, {"Host": "signed.test", "X-A": "b"}))
    (seen,) = api.seen
    assert (seen.path, seen.query, seen.body) == ("/a%2Fb/", "x=%2B+y", b"")
    assert seen.headers["Host"] == "signed.test"
    assert "Content-Type" not in seen.headers
    assert seen.headers["Accept-Encoding"] == "identity"
    assert (answer.ok, answer.status, answer.document) == (True, 200, {"a": 1})
    assert answer.headers["x-some"] == "thing"
    assert answer.body == b'{"a": 1}'


async def test_a_redirect_is_an_answer_and_not_followed(api: FakeApi, http: aiohttp.ClientSession) -> None:
    api.answer(Reply(b"", status=307, headers={"Location": f"{api.endpoint}/other"}))
    answer = await Caller(http).send(Request("POST", URL(api.endpoint)))
    assert (answer.ok, answer.status) == (False, 307)
    assert len(api.seen) == 1


async def test_cookies_are_not_kept(api: FakeApi, http: aiohttp.ClientSession) -> None:
    api.answer(Reply({}, headers={"Set-Cookie": "a=b"}))
    for _ in range(2):
        await Caller(http).send(Request("GET", URL(api.endpoint)))
    assert "Cookie" not in api.seen[1].headers


async def test_connections_are_used_again(api: FakeApi, http: aiohttp.ClientSession) -> None:
    for _ in range(5):
        await Caller(http).send(Request("GET", URL(api.endpoint)))
    assert isinstance(http.connector, aiohttp.TCPConnector)
    assert len(api.seen) == 5
    assert len(next(iter(http.connector._conns.values()))) == 1


async def test_an_answer_of_any_size_up_to_the_limit(api: FakeApi, http: aiohttp.ClientSession) -> None:
    api.answer(Reply(b"x" * MAX_ANSWER))
    assert len((await Caller(http).send(Request("GET", URL(api.endpoint)))).body) == MAX_ANSWER
    api.answer(Reply(b"x" * (MAX_ANSWER + 1)))
    with pytest.raises(BadAddress):
        await Caller(http).send(Request("GET", URL(api.endpoint)))


async def test_what_is_compressed_unasked_is_not_unpacked(api: FakeApi, http: aiohttp.ClientSession) -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    api.answer(Reply(bomb, headers={"Content-Encoding": "gzip"}))
    answer = await Caller(http).send(Request("GET", URL(api.endpoint)))
    assert answer.body == bomb
    assert answer.document == {}


@pytest.fixture
async def rude() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that answers each connection with the bytes in the list, then closes."""
    says = [b""]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(says[0])
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", says


@pytest.mark.parametrize(
    "words",
    [
        b"",
        b"RFB 003.008\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    ],
    ids=range(6),
)
async def test_what_is_no_http_is_unavailable(
    rude: tuple[str, list[bytes]], http: aiohttp.ClientSession, words: bytes
) -> None:
    endpoint, says = rude
    says[0] = words
    with pytest.raises(CloudUnavailable) as caught:
        await Caller(http).send(Request("GET", URL(f"{endpoint}/?key=SECRET")))
    assert "SECRET" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)


async def test_a_refused_connection_says_so(http: aiohttp.ClientSession) -> None:
    with pytest.raises(CloudUnavailable, match=r"^127\.0\.0\.1 not reached: Connection refused$"):
        await Caller(http).send(Request("GET", URL("http://127.0.0.1:9/")))


async def test_a_name_that_does_not_exist(http: aiohttp.ClientSession) -> None:
    with pytest.raises(CloudUnavailable, match=r"^no-such-host\.invalid not reached: "):
        await Caller(http).send(Request("GET", URL("http://no-such-host.invalid/")))


async def test_the_proxy_is_asked_and_its_password_not_told(api: FakeApi, http: aiohttp.ClientSession) -> None:
    """The fake stands in for the proxy: plain HTTP goes through one by its whole address."""
    proxy = api.endpoint.replace("http://", "http://user:SECRET@")
    await Caller(http, proxy=proxy).send(Request("GET", URL("http://cloud.test/x")))
    (seen,) = api.seen
    assert seen.path == "http://cloud.test/x"
    assert seen.headers["Proxy-Authorization"].startswith("Basic ")
    with pytest.raises(CloudUnavailable) as caught:
        await Caller(http, proxy="http://user:SECRET@127.0.0.1:9").send(Request("GET", URL("http://cloud.test/x")))
    assert "SECRET" not in str(caught.value)


async def test_a_port_that_does_not_speak_tls(http: aiohttp.ClientSession, tls: ssl.SSLContext, api: FakeApi) -> None:
    with pytest.raises(CloudUnavailable, match="TLS failed"):
        await Caller(http, tls=tls).send(Request("GET", URL(api.endpoint.replace("http:", "https:"))))


async def test_certificates_are_verified_and_a_ca_file_adds_to_the_roots(
    http: aiohttp.ClientSession, tls: ssl.SSLContext, tmp_path: Path
) -> None:
    files = loopback_certificate(tmp_path)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=files.server_context())
    async with server:
        request = Request("GET", URL(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"))
        with pytest.raises(CloudUnavailable, match="certificate refused"):
            await Caller(http, tls=tls).send(request)
        both = trust(files.authority)
        assert (await Caller(http, tls=both).send(request)).ok
    assert both.cert_store_stats()["x509_ca"] == tls.cert_store_stats()["x509_ca"] + 1
