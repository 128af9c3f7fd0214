"""The PROXY protocol's header, versions 1 and 2: what a load balancer says of a connection before its first byte.

The specification is HAProxy's `doc/proxy-protocol.txt`; sections are named where they count. Bytes in, values out.
Leaves sockets to accepting.py, and who may send a header at all, too.
"""

from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address

from gateway.config.networks import address

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"

MAX_V1 = 107
"""Bytes of a line, its end included: two IPv6 addresses and two ports (§2.1)."""

MAX_V2 = 4096
"""Bytes after the first 16. Addresses have 36; what clouds' balancers add has some hundred, or a certificate's name."""

MAX_HEADER = 16 + MAX_V2


class Command(IntEnum):
    """The lower half of the 13th byte (§2.2)."""

    LOCAL = 0
    PROXY = 1


class Family(IntEnum):
    """The 14th byte: address family and transport."""

    UNSPECIFIED = 0x00
    TCP4 = 0x11
    UDP4 = 0x12
    TCP6 = 0x21
    UDP6 = 0x22
    UNIX_STREAM = 0x31
    UNIX_DATAGRAM = 0x32


@dataclass(frozen=True, slots=True)
class Header:
    """`source`: the client's address, "" where the header names none. `size`: bytes of the header itself."""

    source: str
    size: int


class BadHeader(Exception):
    """What came is no PROXY header."""


class NoHeader(BadHeader):
    """It does not even begin as one: its sender knows nothing of the protocol."""


def parse(data: bytes) -> Header | None:
    """The header that `data` begins with; None if more is needed, and then all of `data` belongs to it.

    Raises BadHeader, NoHeader where neither signature is there, as soon as it can be known.
    """
    if SIGNATURE.startswith(data[:12]):
        return _parse_v2(data)
    if b"PROXY ".startswith(data[:6]):
        return _parse_v1(data)
    raise NoHeader("it begins with neither signature")


def _parse_v1(data: bytes) -> Header | None:
    end = data.find(b"\r\n", 0, MAX_V1)
    if end < 0:
        if len(data) >= MAX_V1:
            raise BadHeader("the line does not end")
        return None
    words = data[:end].decode("latin-1").split(" ")
    if words[1] == "UNKNOWN":  # the rest of the line is to be ignored (§2.1)
        return Header("", end + 2)
    if len(words) != 6 or words[1] not in ("TCP4", "TCP6") or not all(map(_is_port, words[4:])):
        raise BadHeader("the line is malformed")
    kind = IPv4Address if words[1] == "TCP4" else IPv6Address
    try:
        source, _ = (kind(word) for word in words[2:4])
    except ValueError as error:
        raise BadHeader("the line has other addresses than it says") from error
    return Header(_written(str(source)), end + 2)


def _is_port(word: str) -> bool:
    return word.isdecimal() and word.isascii() and str(int(word[:6])) == word and int(word) <= 65535


def _parse_v2(data: bytes) -> Header | None:
    if len(data) < 16:
        return None
    version, command = divmod(data[12], 16)
    length = int.from_bytes(data[14:16], "big")
    if version != 2 or command not in set(Command) or data[13] not in set(Family) or length > MAX_V2:
        raise BadHeader("version, command, family or length is unknown")
    size = 16 + length
    width = {Family.TCP4: 4, Family.TCP6: 16}.get(Family(data[13]), 0)
    if length < (2 * width + 4 if width else 0):
        raise BadHeader("it is shorter than its addresses")
    if len(data) < size:
        return None
    if command == Command.LOCAL or not width:
        return Header("", size)
    source = data[16 : 16 + width]
    return Header(_written(str(IPv4Address(source) if width == 4 else IPv6Address(source))), size)


def _written(source: str) -> str:
    """The address as it is written everywhere else; one with a zone is none."""
    read = address(source)
    if read is None:
        raise BadHeader("the address has a zone")
    return str(read)
