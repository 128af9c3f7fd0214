"""PROXY headers as load balancers write them, made here by the words of the specification."""

import ipaddress
import socket

SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")


def v1(source: str, destination: str = "", *, port: int = 40000) -> bytes:
    """A line (§2.1) that names `source`."""
    version = ipaddress.ip_address(source).version
    destination = destination or ("192.0.2.1" if version == 4 else "2001:db8::1")
    return f"PROXY TCP{version} {source} {destination} {port} 443\r\n".encode()


def v2(source: str, *, tlvs: bytes = b"", command: int = 1) -> bytes:
    """A binary header (§2.2) that names `source`, with `tlvs` behind the addresses."""
    version = ipaddress.ip_address(source).version
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    destination = socket.inet_pton(family, "192.0.2.1" if version == 4 else "2001:db8::1")
    addresses = socket.inet_pton(family, source) + destination + (40000).to_bytes(2, "big") + (443).to_bytes(2, "big")
    return binary(command, 0x11 if version == 4 else 0x21, addresses + tlvs)


def binary(command: int, family: int, rest: bytes = b"", *, version: int = 2) -> bytes:
    """Any binary header."""
    return SIGNATURE + bytes([version << 4 | command, family]) + len(rest).to_bytes(2, "big") + rest


def tlv(kind: int, value: bytes) -> bytes:
    """One more thing that a balancer tells (§2.2.1)."""
    return bytes([kind]) + len(value).to_bytes(2, "big") + value


LOCAL = binary(0, 0)
UNKNOWN = b"PROXY UNKNOWN\r\n"
