"""Reach a console: TCP (through an egress proxy where one is set), TLS, WebSocket, up to the first RFB bytes."""

import asyncio
import socket
import ssl

import aiohappyeyeballs

from gateway.errors import UpstreamUnreachable
from gateway.providers.target import Target
from gateway.relay.buffer import ReceiveBuffer
from gateway.relay.opening import UpstreamOpening
from gateway.relay.tls import Tls
from gateway.relay.tunnel import open_tunnel
from gateway.relay.upstream_leg import UpstreamLeg
from gateway.websocket.handshake import Dial

DIAL_TIMEOUT = 10.0
"""Seconds from the start to the server's first 12 RFB bytes; a cloud's address is good for 15."""

HAPPY_EYEBALLS_DELAY = 0.25
"""Seconds before the next address of a name is tried beside the first (RFC 8305 §5)."""

HANDSHAKE_READ = 16 * 1024
"""Bytes of one read in TLS's handshake: a server's whole flight, certificates included."""


async def dial(target: Target, buffer: ReceiveBuffer) -> UpstreamOpening:
    """Connect to `target` and wait until it greets with RFB's version.

    Raises UpstreamUnreachable or another UpstreamError; the connection is closed then.
    """
    opening: UpstreamOpening | None = None
    try:
        async with asyncio.timeout(DIAL_TIMEOUT):
            opening = await _connect(target, buffer)
            opening.leg.start()
            await opening.greeted()
            return opening
    except TimeoutError as error:
        _abort(opening)
        raise UpstreamUnreachable(f"{target} said nothing within {DIAL_TIMEOUT:g} s") from error
    except (OSError, ssl.SSLError, ssl.CertificateError) as error:
        _abort(opening)
        raise UpstreamUnreachable(f"{target}: {_cause(error)}") from error
    except BaseException:
        _abort(opening)
        raise


def _abort(opening: UpstreamOpening | None) -> None:
    if opening is not None:
        opening.leg.abort()


def _cause(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate refused: {error.verify_message}"
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


async def _connect(target: Target, buffer: ReceiveBuffer) -> UpstreamOpening:
    loop = asyncio.get_running_loop()
    url = target.url
    handshake = None
    if url is not None:
        handshake = Dial(
            url,
            headers=target.headers,
            cookies=target.cookies,
            origin=target.origin,
            subprotocols=target.subprotocols,
        )
    sock = await _socket(target)
    try:
        tls = await _secured(sock, target.tls, target.host, buffer) if target.tls else None
        leg = UpstreamLeg(buffer, handshake, tls)
        opening = UpstreamOpening(leg)
        await loop.create_connection(lambda: leg, sock=sock)  # type: ignore[type-var]  # uvloop asks for no base
    except BaseException:
        sock.close()
        raise
    leg.watch_loss()
    return opening


async def _secured(sock: socket.socket, context: ssl.SSLContext, host: str, buffer: ReceiveBuffer) -> Tls:
    """TLS on a connected socket, its handshake done. Raises ssl.SSLError, OSError."""
    loop = asyncio.get_running_loop()
    tls = Tls(context, buffer, host=host)
    data = b""
    while not tls.secured:
        early = tls.receive(data, buffer.view)
        reply = tls.to_send()
        if reply:
            await loop.sock_sendall(sock, reply)
        if tls.fault is not None:
            raise tls.fault
        if early or tls.ended:  # it has not been asked for anything
            raise UpstreamUnreachable(f"{host} did not wait for the WebSocket's request")
        if not tls.secured:
            data = await loop.sock_recv(sock, HANDSHAKE_READ)
            if not data:
                raise ConnectionResetError("closed in TLS's handshake")
    return tls


async def _socket(target: Target) -> socket.socket:
    """A socket connected to the target, or to the proxy that leads there."""
    if target.proxy:
        return await open_tunnel(target.proxy, target.host, target.port, reach=_reach)
    sock = await _reach(target.host, target.port)
    # Only now is it known what a name stands for.
    if not target.peer_allowed(str(sock.getpeername()[0])):
        sock.close()
        raise UpstreamUnreachable(f"{target}: the name leads to an address that is never dialled")
    return sock


async def _reach(host: str, port: int) -> socket.socket:
    loop = asyncio.get_running_loop()
    infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return await aiohappyeyeballs.start_connection(infos, happy_eyeballs_delay=HAPPY_EYEBALLS_DELAY, loop=loop)
