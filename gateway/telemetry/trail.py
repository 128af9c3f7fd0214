"""Where audit lines go: a stream, a file, syslog. Each takes a line at once and whole, or raises OSError.

None may hold the loop up: a pipe that nobody reads is full, not waited for.
"""

import contextlib
import errno
import fcntl
import os
import select
import socket
import stat
from pathlib import Path
from typing import Protocol

MAX_LINE = 4095
"""Bytes of a line; with its end what a pipe takes whole or not at all (PIPE_BUF of pipe(7))."""

PATIENCE_MS = 20
"""For a reader that is slow for once. The next line does not wait: it is asked for in the turn of all sessions."""

CLOSED = -1

SYSLOG = "/dev/log"
_PRIORITY = 10 << 3 | 6  # RFC 5424 §6.2.1: authpriv, informational


class Trail(Protocol):
    """Takes lines, without their ends. `last`: the whole line before the first one of this process, or b""."""

    last: bytes

    def append(self, line: bytes) -> None:
        """Write a line. Raises OSError when it can't be written now."""

    def close(self) -> None:
        """Let go of what is held."""


class StreamTrail:
    """A stream that belongs to the process: its standard output."""

    def __init__(self, descriptor: int) -> None:
        self.last = b""
        self._torn = False
        self._patience = PATIENCE_MS
        self._use(descriptor)

    def append(self, line: bytes) -> None:
        """Write a line; one that was cut short by a full disk is ended first."""
        if not self._writable.poll(self._patience):
            self._patience = 0
            raise OSError(errno.EAGAIN, "nobody reads")
        self._patience = PATIENCE_MS
        data = b"\n" * self._torn + line + b"\n"
        written = os.write(self._descriptor, data)
        if written < len(data):
            self._torn = self._torn or written > 0
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._torn = False

    def close(self) -> None:
        """Nothing: the stream was there before."""

    def _use(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._writable = select.poll()
        self._writable.register(descriptor, select.POLLOUT)


class FileTrail(StreamTrail):
    """A file that this process alone writes. Follows the name: a file moved away by log rotation is left alone.

    Raises OSError if it can't be opened, BlockingIOError if another process writes it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        super().__init__(_opened(path))
        tail = _tail(self._descriptor)
        self._torn = bool(tail) and not tail.endswith(b"\n")
        lines = tail.split(b"\n")[:-1]
        self.last = lines[-1] if lines else b""

    def append(self, line: bytes) -> None:
        """Write a line to the file that has the name now."""
        if self._descriptor == CLOSED:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        if not self._has_the_name():
            descriptor = _opened(self._path)
            self.close()
            self._use(descriptor)
            self._torn = False
        super().append(line)

    def close(self) -> None:
        """Close the file; a line that comes later is refused, and not written to whatever has the number then."""
        os.close(self._descriptor)
        self._descriptor = CLOSED

    def _has_the_name(self) -> bool:
        try:
            named = self._path.stat()
        except FileNotFoundError:
            return False
        return os.path.samestat(named, os.fstat(self._descriptor))


def _opened(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if _regular(descriptor):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _regular(descriptor: int) -> bool:
    return stat.S_ISREG(os.fstat(descriptor).st_mode)


def _tail(descriptor: int) -> bytes:
    """The end of a file, long enough to hold its last line."""
    if not _regular(descriptor):
        return b""
    length = 2 * (MAX_LINE + 1)
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, length, max(0, size - length))


class SyslogTrail:
    """The system's log, facility authpriv, by its datagram socket at `address`."""

    def __init__(self, address: str = SYSLOG) -> None:
        self.last = b""
        self._address = address
        self._socket: socket.socket | None = None

    def append(self, line: bytes) -> None:
        """Send a line; a syslog that has begun anew is connected to anew."""
        message = b"<%d>vnc-gateway[%d]: %s" % (_PRIORITY, os.getpid(), line)
        if self._socket is not None:
            with contextlib.suppress(ConnectionError):
                self._socket.send(message)
                return
            self.close()
        self._connected().send(message)

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connected(self) -> socket.socket:
        fresh = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            fresh.settimeout(0)  # full is an answer, too
            fresh.connect(self._address)
        except OSError:
            fresh.close()
            raise
        self._socket = fresh
        return fresh
