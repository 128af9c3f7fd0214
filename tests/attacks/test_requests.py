"""Requests that mean one thing to a proxy and another to the gateway, and such as came by a way they should not."""

import asyncio
import gzip
import logging

import pytest
from support.inprocess import API_KEY, Site, site
from support.programs import LOOPBACK, eventually

NOWHERE = {"vm": "tcp://127.0.0.1:9"}
GRANT = b"POST /grant/lab/vm HTTP/1.1\r\nHost: localhost\r\n"
FAILURES = ("malformed", "internal_error")
SMUGGLED = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def say(running: Site, data: bytes) -> list[bytes]:
    """The status of each answer to `data`, until the gateway closes; it has to."""
    reader, writer = await asyncio.open_connection(LOOPBACK, running.gateway.public_port)
    try:
        async with asyncio.timeout(20):
            writer.write(data)
            answer = await reader.read()
    finally:
        writer.close()
    return [line.split()[1] for line in answer.splitlines() if line.startswith(b"HTTP/1.")]


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n",
        b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n",
        b"Content-Length: 0, 44\r\n\r\n",
        b"Content-Length: +0\r\n\r\n",
        b"Content-Length: 0x0\r\n\r\n",
        b"Content-Length : 44\r\n\r\n",
        b"Content-Length:\r\n 44\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n",
        b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"X: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"X: a\nContent-Length: 44\r\n\r\n",
        b"X: a\x00b\r\n\r\n",
        b" X: a\r\n\r\n",
        b"X\r\n\r\n",
        b"Host: evil.example\r\n\r\n",
    ],
)
async def test_a_request_with_two_meanings_is_refused_and_nothing_behind_it_is_read(head: bytes):
    async with site(NOWHERE) as running:
        assert await say(running, GRANT + head + SMUGGLED) == [b"400"]
        assert await running.metric("vnc_gateway_refusals_total", reason="malformed") == 1


async def test_a_body_is_not_taken_for_a_request():
    body = b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(SMUGGLED), SMUGGLED)
    async with site(NOWHERE) as running:
        assert await say(running, GRANT + body) == [b"200"]


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "identity"])
@pytest.mark.parametrize("body", [b"abcdef", gzip.compress(bytes(60_000))], ids=["garbage", "gzip"])
async def test_a_body_with_a_coding_is_refused_and_never_decoded(
    coding: str, body: bytes, caplog: pytest.LogCaptureFixture
):
    headers = {"Content-Encoding": coding, "Authorization": f"Bearer {API_KEY}"}
    async with site(NOWHERE) as running:
        public = [("POST", "/grant/lab/vm"), ("GET", "/"), ("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/nothing")]
        asked = [(method, running.url + path) for method, path in public]
        for method, url in [*asked, ("POST", running.admin + "/api/v1/tickets"), ("GET", running.admin + "/metrics")]:
            async with running.http.request(method, url, data=body, headers=headers) as answer:
                assert answer.status == 400, url
                assert (await answer.json(content_type="application/problem+json"))["name"] == "malformed"
        assert await running.metric("vnc_gateway_refusals_total", reason="internal_error") == 0
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("head", [b"Content-Length: 60", b"Transfer-Encoding: chunked"])
async def test_a_client_that_leaves_within_its_body_is_no_failure(head: bytes, caplog: pytest.LogCaptureFixture):
    async with site(NOWHERE) as running:
        reader, writer = await asyncio.open_connection(LOOPBACK, running.gateway.public_port)
        writer.write(GRANT + head + b"\r\nExpect: 100-continue\r\n\r\n")
        async with asyncio.timeout(20):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        writer.close()

        async def over() -> bool:
            refused = [await running.metric("vnc_gateway_refusals_total", reason=name) for name in FAILURES]
            return sum(refused) > 0

        await eventually(over)
        assert await running.metric("vnc_gateway_refusals_total", reason="internal_error") == 0
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("path", ["/grant/lab/vm", "/nothing"])
async def test_what_nobody_can_expect_is_refused_by_a_problem_document(path: str):
    async with site(NOWHERE) as running:
        async with running.http.post(running.url + path, headers={"Expect": "foo"}) as answer:
            assert answer.status == 400
            assert (await answer.json(content_type="application/problem+json"))["name"] == "malformed"
            assert answer.headers["Connection"] == "close", "the bound on the next header is not set again"
        assert await running.metric("vnc_gateway_refusals_total", reason="malformed") == 1


@pytest.mark.parametrize("target", [b"http://evil.example/", b"http://localhost/", b"*", b"localhost:80"])
async def test_what_is_asked_of_a_proxy_is_refused(target: bytes):
    method = b"CONNECT " if target == b"localhost:80" else b"OPTIONS " if target == b"*" else b"GET "
    async with site(NOWHERE) as running:
        request = method + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        (status,) = await say(running, request)
        assert status[:1] == b"4"


@pytest.mark.parametrize(
    "host", [b"evil.example", b"evil.example:8080", b"127.0.0.1.evil.example", b"localhost@evil.example", b""]
)
async def test_a_name_that_was_bound_to_us_by_somebody_else_reaches_nothing(host: bytes):
    """DNS rebinding: the attacker's page and the gateway are one origin to the browser, but not by this name."""
    async with site(NOWHERE) as running:
        for path in (b"/", b"/console/lab/vm", b"/static/client.js", b"/ws/lab/vm"):
            request = b"GET " + path + b" HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n"
            assert await say(running, request) == [b"421"], path
        origin = b"Origin: http://" + host + b"\r\nConnection: close\r\n\r\n"
        assert await say(running, b"POST /grant/lab/vm HTTP/1.1\r\nHost: " + host + b"\r\n" + origin) == [b"421"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Forwarded", "for=127.0.0.1"),
        ("Via", "1.1 proxy"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("x-forwarded-proto", "https"),
        ("X-Forwarded-Host", "localhost"),
        ("X-Forwarded-Anything", ""),
    ],
)
@pytest.mark.parametrize("listen", [{}, {"trusted_proxies": ["127.0.0.0/8"]}])
async def test_open_mode_serves_nobody_behind_a_proxy(name: str, value: str, listen: dict[str, object]):
    async with site(NOWHERE, listen=listen) as running:
        for method, path in (("GET", "/"), ("POST", "/grant/lab/vm"), ("GET", "/ws/lab/vm")):
            async with running.http.request(method, running.url + path, headers={name: value}) as answer:
                assert answer.status == 403
                assert (await answer.json(content_type=None))["name"] == "forbidden"


@pytest.mark.parametrize(("source", "status"), [("203.0.113.7", b"403"), ("127.0.0.9", b"200")])
async def test_open_mode_serves_nobody_whom_a_proxy_header_says_to_be_elsewhere(source: str, status: bytes):
    listen = {"trusted_proxies": ["127.0.0.0/8"], "proxy_protocol": True}
    async with site(NOWHERE, listen=listen) as running:
        header = f"PROXY TCP4 {source} 127.0.0.1 40000 443\r\n".encode()
        request = b"GET /consoles HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        assert await say(running, header + request) == [status]


async def test_health_answers_to_any_name():
    async with site(NOWHERE) as running:
        for path in ("/healthz", "/readyz"):
            headers = {"Host": "10.9.8.7:1234", "X-Forwarded-For": "1.2.3.4"}
            async with running.http.get(running.url + path, headers=headers) as answer:
                assert answer.status == 200
