"""What the two opening handshakes have in common: the exchange as steps, each of which takes one message.

Owns the collecting of bytes, and the numbers of RFC 6143 §7.1. Leaves the steps to browser_handshake and
upstream_handshake.
"""

from collections.abc import Callable
from enum import IntEnum


class SecurityType(IntEnum):
    """The security types that the gateway speaks (RFC 6143 §7.1.2)."""

    INVALID = 0
    NONE = 1
    VNC_AUTHENTICATION = 2


class SecurityResult(IntEnum):
    """RFC 6143 §7.1.3, and what servers of before 3.8 send after too many attempts."""

    OK = 0
    FAILED = 1
    TOO_MANY = 2


Step = Callable[[], bytes | None]
"""Takes one message from what was received: the answer to it, or None if it is not all here."""


class Handshake:
    """Feed it what the peer sends until `done`; send what it returns. `leftover`: bytes beyond the handshake."""

    def __init__(self, first: Step) -> None:
        self.done = False
        self.leftover = b""
        self._received = bytearray()
        self._step = first

    def receive(self, data: bytes | memoryview) -> bytes:
        """The answer to the bytes received so far, possibly empty. What it raises is said by each side."""
        self._received += data
        answers = bytearray()
        while not self.done:
            answer = self._step()
            if answer is None:
                return bytes(answers)
            answers += answer
        self.leftover += bytes(self._received)
        self._received.clear()
        return bytes(answers)

    def _take(self, length: int) -> bytes | None:
        if len(self._received) < length:
            return None
        taken = bytes(self._received[:length])
        del self._received[:length]
        return taken
