"""The way out through an HTTP proxy: what is asked, and what is told of a refusal."""

import asyncio
import base64
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from gateway.errors import UpstreamUnreachable
from gateway.relay.tunnel import MAX_ANSWER, MAX_REASON, open_tunnel


class Proxy:
    """Answers every CONNECT with `answer`. `asked`: what came before it."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.asked = b""
        self.url = ""
        self.over = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked = await reader.readuntil(b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            writer.write(self.answer)
            if b"\r\n\r\n" not in self.answer:
                writer.write_eof()
            await reader.read()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        self.over.set()


@contextlib.asynccontextmanager
async def running(answer: bytes) -> AsyncIterator[Proxy]:
    proxy = Proxy(answer)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    async with server:
        proxy.url = f"http://user:pass@127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield proxy
        async with asyncio.timeout(5):
            await proxy.over.wait()


async def reach(host: str, port: int) -> socket.socket:
    sock = socket.socket()
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, (host, port))
    return sock


async def refusal(answer: bytes) -> str:
    async with running(answer) as proxy, asyncio.timeout(5):
        with pytest.raises(UpstreamUnreachable) as caught:
            await open_tunnel(proxy.url, "console.test", 443, reach=reach)
    return str(caught.value)


async def test_what_follows_the_answer_is_the_servers_own():
    async with running(b"HTTP/1.1 200 OK\r\nX: y\r\n\r\nRFB 003.008\n") as proxy, asyncio.timeout(5):
        sock = await open_tunnel(proxy.url, "console.test", 443, reach=reach)
        with sock:
            assert await asyncio.get_running_loop().sock_recv(sock, 100) == b"RFB 003.008\n"
    assert proxy.asked.startswith(b"CONNECT console.test:443 HTTP/1.1\r\n")
    assert b"Basic " + base64.b64encode(b"user:pass") in proxy.asked


async def test_a_refusal_is_told_as_it_was_said():
    answer = b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n"
    assert await refusal(answer) == "the egress proxy refused: HTTP/1.1 407 Proxy Authentication Required"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"HTTP/1.1 403 \x1b[2J\xff\x07", "HTTP/1.1 403 ?[2J\ufffd?"),
        (b"HTTP/1.1 403 " + 5000 * b"a", "HTTP/1.1 403 " + (MAX_REASON - 13) * "a"),
        (b"nonsense", "nonsense"),
        (b" ", ""),
    ],
)
async def test_a_refusal_is_printable_and_short(line: bytes, told: str):
    assert await refusal(line + b"\r\n\r\n") == f"the egress proxy refused: {told}"


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200", (MAX_ANSWER + 1) * b"a"])
async def test_an_answer_without_an_end_is_none(answer: bytes):
    assert await refusal(answer) == "the egress proxy did not answer the CONNECT request"
