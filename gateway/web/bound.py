"""Sockets that listen on an address, before anything is served there."""

import asyncio
import errno
import socket

from gateway.errors import ListenFailed

BACKLOG = 1024
"""Connections that the kernel keeps until they are accepted."""


async def bound(host: str, port: int, *, shares_port: bool = False) -> list[socket.socket]:
    """Listening sockets on every address that `host` is, all on the same port. Raises ListenFailed.

    `shares_port`: with other processes of this user that share it, too; the kernel spreads connections over them.
    """
    sockets: list[socket.socket] = []
    failed: OSError | None = None
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ListenFailed(host, port, error) from error
    for family, _, _, _, address in dict.fromkeys(found):
        try:
            one = socket.create_server((address[0], port), family=family, backlog=BACKLOG, reuse_port=shares_port)
        except OSError as error:
            failed = error
            if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):  # localhost, where there is no IPv6
                break
            continue
        one.settimeout(0)
        port = one.getsockname()[1]
        sockets.append(one)
    else:
        if sockets:
            return sockets
    for one in sockets:
        one.close()
    assert failed is not None, "a name has an address, or getaddrinfo fails"
    raise ListenFailed(host, port, failed) from failed
