"""Sockets at their end: emptied, reset, or deaf."""

import asyncio
import contextlib
import ctypes
import fcntl
import socket
import struct
import termios

_FLUSH_WITHIN = 0.5  # seconds for the other side to take what was sent before
_RST = struct.pack("ii", 1, 0)  # SO_LINGER on, for no time: closing then resets


async def flushed(writer: asyncio.StreamWriter) -> None:
    """Wait until the gateway's kernel has everything: a reset throws away what is still on the way."""
    try:
        async with asyncio.timeout(_FLUSH_WITHIN):
            while writer.transport.get_write_buffer_size() or _unsent(writer.get_extra_info("socket")):
                await asyncio.sleep(0.001)
    except (TimeoutError, OSError):
        return


def _unsent(connection: socket.socket) -> int:
    if connection.fileno() < 0:
        return 0
    answer = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4))
    return int(struct.unpack("i", answer)[0])


def abort(writer: asyncio.StreamWriter) -> None:
    """Reset, not close: whatever is unread or unsent is gone."""
    connection: socket.socket | None = writer.get_extra_info("socket")
    if connection is not None and not writer.is_closing():
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
    writer.transport.abort()


def drop_everything(connection: socket.socket) -> None:
    """Let the kernel drop every packet that comes for this socket, acknowledgements included.

    A packet filter of one instruction, "take 0 bytes" (SO_ATTACH_FILTER): it needs no rights, and the other end sees
    what a pulled cable looks like.
    """
    attach_filter, return_nothing = 26, struct.pack("HBBI", 0x06, 0, 0, 0)
    program = ctypes.create_string_buffer(return_nothing)
    connection.setsockopt(socket.SOL_SOCKET, attach_filter, struct.pack("HL", 1, ctypes.addressof(program)))
