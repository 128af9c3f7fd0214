"""The one receive buffer that all connections of a loop share.

Owns the rule that makes sharing safe: whoever wrote a view of the buffer and finds that the transport
could not send all of it at once leaves that buffer to the transport and takes a new one.
"""

import ssl

SIZE = 256 * 1024
"""Bytes asked of one read. With 128 KiB a picture costs a fifth more, with 512 KiB the same (measured)."""


LITTLE = 8 * 1024
"""Bytes of one read where the other connections should have their turn soon."""


RECORD = 17 * 1024
"""Bytes that decryption may give beyond those of one read: a TLS record (RFC 8446 §5.1) that lacked its end."""


class ReceiveBuffer:
    """A block that every `get_buffer` of the loop returns; `renew` gives up the current one.

    `view`: all of it. `little`: its beginning. `sealed`: what may be read if it is then decrypted in place.
    `incoming`, `outgoing`: where OpenSSL reads and writes; empty between two uses.
    """

    __slots__ = ("incoming", "little", "outgoing", "sealed", "view")

    def __init__(self) -> None:
        self.renew()
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()

    def renew(self) -> None:
        """Take a fresh block; views of the old one keep it alive for as long as they need."""
        self.view = memoryview(bytearray(SIZE))
        self.little = self.view[:LITTLE]
        self.sealed = self.view[: SIZE - RECORD]
