"""One side of a TLS connection as bytes in, bytes out: what the legs need of the standard library's SSLObject.

Why not uvloop's own TLS: it keeps 700 KB a session after one picture. Here a session keeps what OpenSSL keeps
between two records, because the memory BIOs are the loop's, not the session's. That is safe because both are
empty when a method returns: OpenSSL takes every byte out of its input (an unfinished record waits in a buffer of its
own), and what it has to say is taken out of its output. Leaves sockets, waiting and time to the legs.
"""

import contextlib
import ssl
from collections.abc import Callable
from typing import cast

from gateway.relay.buffer import ReceiveBuffer

RECORD = 16 * 1024
"""Bytes of plaintext in the largest record (RFC 8446 §5.1)."""

MAX_HELD = 256 * 1024
"""Bytes that may wait until the peer ends a handshake that it began in mid-stream: one read of the other leg and its
replies, which stop at once. More is a peer that lets us wait on purpose."""


class Tls:
    """TLS over bytes that somebody else carries.

    `secured`: the handshake is over. `ended`: the peer has sent its last byte (close_notify). `fault`: why nothing
    more can be read or written, None while all is well.
    """

    __slots__ = ("_buffer", "_held", "_out", "_read", "_ssl", "ended", "fault", "secured")

    def __init__(
        self,
        context: ssl.SSLContext,
        buffer: ReceiveBuffer,
        *,
        host: str | None = None,
        session: ssl.SSLSession | None = None,
    ) -> None:
        """Be the client that wants `host` (SNI, and what the certificate has to name), or without one the server."""
        self._buffer = buffer
        self._ssl = context.wrap_bio(
            buffer.incoming, buffer.outgoing, server_side=host is None, server_hostname=host, session=session
        )
        # With a buffer it returns how many bytes it has put there, unlike what its types say.
        self._read = cast(Callable[[int, memoryview], int], self._ssl.read)
        self._out = b""
        self._held = b""
        self.secured = False
        self.ended = False
        self.fault: ssl.SSLError | None = None

    @property
    def connection(self) -> ssl.SSLObject:
        """What the standard library tells about the connection."""
        return self._ssl

    def receive(self, data: bytes | memoryview, into: memoryview) -> int:
        """Take bytes of the peer and decrypt into `into`, which may be where they are: how many there are now.

        `into` has room for `data` and a record. Afterwards look at `secured`, `ended`, `fault` and `to_send`.
        """
        incoming, outgoing = self._buffer.incoming, self._buffer.outgoing
        incoming.write(data)
        size = 0
        try:
            if not self.secured:
                self._ssl.do_handshake()
                self.secured = True
            read = self._read
            # A call gives at most one record, and all of it: asking OpenSSL whether more is decrypted costs as much.
            while incoming.pending:
                count = read(RECORD, into[size:])
                if not count:
                    self.ended = True
                    break
                size += count
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:  # the peer's close_notify after ours
            self.ended = True
        except ssl.SSLError as error:
            self.fault = error
        if incoming.pending:  # what comes behind the end, or behind a fault
            incoming.read()
        if outgoing.pending:  # handshake, an answer to KeyUpdate, an alert
            self._out += outgoing.read()
        return size

    def to_send(self) -> bytes:
        """What is to be sent after `receive`, nearly always nothing."""
        out, self._out = self._out, b""
        return out + self.encrypt(b"") if self._held else out

    def encrypt(self, data: bytes) -> bytes:
        """The records that carry `data`; none while a handshake is unfinished, or after a fault."""
        if self._held:
            data, self._held = self._held + data, b""
        try:
            self._ssl.write(data)
        except ssl.SSLWantReadError as error:
            if len(data) > MAX_HELD:
                self.fault = error
            else:
                self._held = data
        except ssl.SSLError as error:
            self.fault = self.fault or error
        return self._buffer.outgoing.read()

    def close_notify(self) -> bytes:
        """The last record. Nothing waits for the peer's (RFC 8446 §6.1)."""
        with contextlib.suppress(ssl.SSLError):  # the peer's is not there yet, or the connection is broken anyway
            self._ssl.unwrap()
        return self._buffer.outgoing.read()
