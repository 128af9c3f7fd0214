"""The opening of a connection, the server's side (RFC 6143 §7.1 to §7.3), for clients of 3.3, 3.7 and 3.8."""

import re
import struct
from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeAlias

from gateway.simulator.desktop.security import answers
from gateway.simulator.desktop.wire import Encoding, Security

Conversation: TypeAlias = Generator[int, bytes, None]  # yields how many bytes it needs, is sent exactly these

REASON = b"Authentication failed"


class ClientError(Exception):
    """The client broke the protocol, or may not come in: send what is left, then close."""


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What kind of server to be.

    `version`: 3, 7 or 8, the highest RFB 3.x spoken. `password`: VNC authentication instead of None.
    `security`: offer exactly these types, whatever they are. `without`: encodings and extensions not to know.
    """

    version: int = 8
    password: str | None = None
    security: tuple[int, ...] = ()
    without: frozenset[Encoding] = frozenset()

    @property
    def offered(self) -> tuple[int, ...]:
        return self.security or (Security.NONE if self.password is None else Security.VNC,)


def handshake(options: ServerOptions, challenge: bytes, out: bytearray) -> Conversation:
    """Up to and with ClientInit. Answers go to `out`. Raises ClientError for who may not come in."""
    out += b"RFB 003.%03d\n" % options.version
    version = _agreed((yield 12), options.version)
    if version == 3:
        chosen = options.offered[0]
        out += struct.pack(">I", chosen)
    else:
        out += bytes([len(options.offered), *options.offered])
        chosen = (yield 1)[0]
        if chosen not in options.offered:
            raise ClientError(f"security type {chosen} was not offered")
    if chosen == Security.VNC:
        out += challenge
        good = answers(challenge, (yield 16), options.password or "")
    else:
        good = chosen == Security.NONE
    if chosen != Security.NONE or version == 8:
        out += struct.pack(">I", 0 if good else 1)
    if not good:
        if version == 8:
            out += struct.pack(">I", len(REASON)) + REASON
        raise ClientError("authentication failed")
    yield 1  # ClientInit's shared flag: everybody may look


def _agreed(line: bytes, highest: int) -> int:
    """The version spoken from here on: an unknown one counts as 3.3 or, from 3.8 up, as 3.8."""
    match = re.fullmatch(rb"RFB (\d{3})\.(\d{3})\n", line)
    if match is None:
        raise ClientError("that is not RFB")
    asked = (int(match[1]), int(match[2]))
    spoken = 8 if asked >= (3, 8) else 7 if asked == (3, 7) else 3
    return min(spoken, highest)
