"""A way out through an HTTP proxy: CONNECT (RFC 9110 §9.3.6), the request made by the `websockets` library."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

from websockets.proxy import parse_proxy, prepare_connect_request
from websockets.uri import WebSocketURI

from gateway.errors import UpstreamUnreachable

MAX_ANSWER = 16 * 1024
"""Bytes of a proxy's answer: twice what proxies allow themselves; more is an attack or a bug."""

MAX_REASON = 80
"""Bytes of its first line that are told: "HTTP/1.1 407 Proxy Authentication Required" has 42."""


async def open_tunnel(
    proxy: str, host: str, port: int, *, reach: Callable[[str, int], Awaitable[socket.socket]]
) -> socket.socket:
    """A socket whose bytes go to `host` and `port` by way of `proxy` (http://[user:password@]host[:port]).

    The caller bounds the time. Raises UpstreamUnreachable for a proxy that refuses, OSError for one not reached.
    """
    way = parse_proxy(proxy)
    # Marked as secure so that the request names the port in any case.
    there = WebSocketURI(secure=True, host=host, port=port, path="/", query="", username=None, password=None)
    sock = await reach(way.host, way.port)
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_sendall(sock, prepare_connect_request(way, there, None))
        answer = bytearray()
        while not answer.endswith(b"\r\n\r\n"):
            # Byte by byte: what follows the empty line is the server's already, and a VNC server speaks first.
            byte = await loop.sock_recv(sock, 1)
            if not byte or len(answer) >= MAX_ANSWER:
                raise UpstreamUnreachable("the egress proxy did not answer the CONNECT request")
            answer += byte
        status = answer.split(b" ", 2)[1:2]
        if not answer.startswith(b"HTTP/1.") or not status or not status[0].startswith(b"2"):
            raise UpstreamUnreachable(f"the egress proxy refused: {_first_line(answer)}")
    except BaseException:
        sock.close()
        raise
    return sock


def _first_line(answer: bytearray) -> str:
    """For the operator's log: the status and its reason, whatever a proxy has put there."""
    line = answer.partition(b"\n")[0][:MAX_REASON].strip().decode("utf-8", "replace")
    return "".join(char if char.isprintable() else "?" for char in line)
