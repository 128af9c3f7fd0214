"""ProtocolVersion (RFC 6143 §7.1.1), read leniently where servers in the field are odd.

Owns the twelve bytes and their mapping to the three versions that are spoken.
"""

import re
from enum import IntEnum

VERSION_LENGTH = 12

_SHAPE = re.compile(rb"RFB (\d{3})\.(\d{3})\n")
_SAMPLE = b"RFB 000.000\n"


class Version(IntEnum):
    """The versions of RFC 6143 §7.1.1, by their minor number."""

    V3_3 = 3
    V3_7 = 7
    V3_8 = 8

    @property
    def wire(self) -> bytes:
        """The ProtocolVersion message."""
        return b"RFB 003.%03d\n" % self


def plausible(begin: bytes | bytearray) -> bool:
    """Whether these bytes can still become a ProtocolVersion: garbage is noticed before all twelve are there."""
    return all(
        48 <= got <= 57 if wanted == 48 else got == wanted  # ASCII digits
        for got, wanted in zip(begin[:VERSION_LENGTH], _SAMPLE, strict=False)
    )


def spoken(message: bytes) -> Version | None:
    """The version to speak with a peer that sent `message`, None if it is none or too old.

    Below 3.7 all are 3.3 (RFC 6143 §7.1.1); 3.8 stands for everything above, such as Apple's 003.889 and RealVNC's
    004.001 and 005.000.
    """
    match = _SHAPE.fullmatch(message)
    if match is None:
        return None
    number = (int(match[1]), int(match[2]))
    if number < (3, 3):
        return None
    if number < (3, 7):
        return Version.V3_3
    return Version.V3_7 if number == (3, 7) else Version.V3_8
