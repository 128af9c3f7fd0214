"""Socket options of the legs, each with its reason. Options that the platform lacks are left out."""

import asyncio
import fcntl
import socket
import sys
from collections.abc import Mapping
from struct import Struct

NOTSENT_LOWAT = 128 * 1024
"""Unsent bytes in the kernel above which a browser socket is not writable: without it a ping waits behind
4 MB of kernel buffer (33 s on a 1 Mbit/s line); with it 256 KB were measured."""

USER_TIMEOUT_MS = 20_000
"""Unacknowledged data for this long means a vanished peer, where no WebSocket ping can ask."""


_SIOCOUTQ, _SIOCOUTQNSD = 0x5411, 0x894B
"""Linux, tcp(7) and sockios.h: bytes not acknowledged, and those of them not even sent."""

_INT = Struct("i")


_AT_ONCE = {(socket.IPPROTO_TCP, "TCP_NODELAY"): 1}
_LITTLE_UNSENT = {(socket.IPPROTO_TCP, "TCP_NOTSENT_LOWAT"): NOTSENT_LOWAT}
_LOSS_SEEN = {
    (socket.SOL_SOCKET, "SO_KEEPALIVE"): 1,
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE"): 10,
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL"): 5,
    (socket.IPPROTO_TCP, "TCP_KEEPCNT"): 2,
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT"): USER_TIMEOUT_MS,
}


def tune(transport: asyncio.Transport) -> None:
    """Send small messages at once, on every leg."""
    _set(transport, _AT_ONCE)


def bound_unsent(transport: asyncio.Transport) -> None:
    """Keep the kernel's share of the queue towards a slow browser small."""
    _set(transport, _LITTLE_UNSENT)


def detect_loss(transport: asyncio.Transport) -> None:
    """Let TCP notice a vanished plain VNC server: probes while idle, a bound on unacknowledged data."""
    _set(transport, _LOSS_SEEN)


def queued(transport: asyncio.Transport) -> tuple[int, int]:
    """Bytes that the kernel still has to send, and those that it has sent and nobody has acknowledged yet.

    Two system calls. (0, 0) where the platform can't tell.
    """
    sock = transport.get_extra_info("socket")
    if sock is None or not sys.platform.startswith("linux"):
        return 0, 0
    try:
        unacknowledged, unsent = (
            _INT.unpack(fcntl.ioctl(sock.fileno(), request, bytes(_INT.size)))[0]
            for request in (_SIOCOUTQ, _SIOCOUTQNSD)
        )
    except OSError:
        return 0, 0
    return unsent, unacknowledged - unsent


def _set(transport: asyncio.Transport, options: Mapping[tuple[int, str], int]) -> None:
    sock = transport.get_extra_info("socket")
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):  # asking costs a system call
        return
    for (level, option), value in options.items():
        number = getattr(socket, option, None)
        if number is not None:
            sock.setsockopt(level, number, value)
