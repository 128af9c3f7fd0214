"""Accept connections that begin with a PROXY header, and take exactly that header off them.

It has to be gone before TLS begins, and not a byte more: so the socket is looked into (MSG_PEEK) before it becomes a
transport. Leaves the header's form to proxy_protocol.py.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

from gateway.web.door import Door
from gateway.web.forwarded import Proxies
from gateway.web.proxy_protocol import MAX_HEADER, BadHeader, NoHeader, parse

HEADER_TIMEOUT = 5.0
"""Seconds for the header, which a proxy sends with its first packet."""

PAUSE = 1.0
"""Seconds until the next try where the process is out of files or memory, as asyncio does it."""

_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

_log = logging.getLogger(__name__)


class Accepting:
    """Accepts on `sockets`, from `proxies` alone."""

    def __init__(self, sockets: Sequence[socket.socket], proxies: Proxies, door: Door) -> None:
        self._sockets = sockets
        self._proxies = proxies
        self._door = door

    @asynccontextmanager
    async def serving(self, serve: Callable[[str], asyncio.BaseProtocol]) -> AsyncIterator[None]:
        """Accept until the block is left; `serve(source)` makes the protocol of a connection from that address."""
        accepting = asyncio.create_task(self._run(serve))
        try:
            yield
        finally:
            accepting.cancel()
            await asyncio.wait([accepting])
            for listening in self._sockets:
                listening.close()

    async def _run(self, serve: Callable[[str], asyncio.BaseProtocol]) -> None:
        async with asyncio.TaskGroup() as group:
            for listening in self._sockets:
                group.create_task(self._accept(listening, serve, group))

    async def _accept(
        self, listening: socket.socket, serve: Callable[[str], asyncio.BaseProtocol], group: asyncio.TaskGroup
    ) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, peer = await loop.sock_accept(listening)
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    _log.error("no connection can be accepted: %s", error.strerror)
                    await asyncio.sleep(PAUSE)
                continue
            if self._proxies.trusts(peer[0]):
                group.create_task(self._begin(connection, peer[0], serve))
            else:
                self._door.dropped("no_proxy")
                connection.close()

    async def _begin(self, connection: socket.socket, peer: str, serve: Callable[[str], asyncio.BaseProtocol]) -> None:
        task = asyncio.current_task()
        assert task is not None
        place = self._door.enter(task.cancel)
        try:
            source = await _take_header(connection) or peer
            place.leave()  # the protocol takes one of its own
            await asyncio.get_running_loop().connect_accepted_socket(partial(serve, source), connection)
        except (OSError, BadHeader) as error:
            self._door.dropped("no_proxy" if isinstance(error, NoHeader) else "bad_header")
            _log.debug("no PROXY header from a trusted proxy: %s", error)
            connection.close()
        except Exception:  # one connection's bug is its own end: let out, it would end them all
            _log.exception("a connection failed before it began")
            connection.close()
        except BaseException:
            connection.close()
            raise
        finally:
            place.leave()


async def _take_header(connection: socket.socket) -> str:
    """Take the header off `connection`: the address that it names, "" for none.

    Raises BadHeader for what is none, comes too late or breaks off; NoHeader where none was begun.
    """
    taken = bytearray()
    try:
        async with asyncio.timeout(HEADER_TIMEOUT):
            return await _take_into(taken, connection)
    except (TimeoutError, OSError) as error:
        raise (BadHeader if taken else NoHeader)(f"it does not end: {error}") from error


async def _take_into(taken: bytearray, connection: socket.socket) -> str:
    """Take it piece by piece; `taken`: what is off the connection and not the whole header."""
    while True:
        await _readable(connection)
        try:
            seen = connection.recv(MAX_HEADER - len(taken), socket.MSG_PEEK)
        except BlockingIOError:
            continue
        header = parse(bytes(taken) + seen)
        if header is not None:
            connection.recv(header.size - len(taken))
            return header.source
        if not seen:
            raise ConnectionError("the connection ended")
        taken += connection.recv(len(seen))  # all of it is the header's; peeked again and again it would be a busy loop


async def _readable(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(connection, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(connection)
