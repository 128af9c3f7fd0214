"""Addresses and networks, as the configuration, sockets and proxies write them."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from gateway.config.values import commas

Address = IPv4Address | IPv6Address
AnyNetwork = IPv4Network | IPv6Network


def address(text: str) -> Address | None:
    """Read one address; None if it is none. An IPv4 address written as IPv6 (RFC 4291 §2.5.5.2) is the IPv4 one.

    A zone (`fe80::1%eth0`) means something to one machine only and may hold any letters, so there it is no address.
    """
    if "%" in text:
        return None
    try:
        read = ip_address(text)
    except ValueError:
        return None
    return (read.ipv4_mapped or read) if isinstance(read, IPv6Address) else read


def within(text: str, networks: Iterable[AnyNetwork]) -> bool:
    """Tell whether `text` is an address of one of `networks`."""
    read = address(text)
    return read is not None and any(read in network for network in networks)


def _network(value: object) -> object:
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    try:
        return ip_network(value if isinstance(value, str) else "")
    except ValueError as error:
        raise ValueError(_expected(value)) from error


def _expected(value: object) -> str:
    try:
        return f"has bits beside its prefix: did you mean {ip_network(str(value), strict=False)}?"
    except ValueError:
        return 'must be a network or an address, as in "10.1.0.0/16" or "2001:db8::/32"'


Network = Annotated[AnyNetwork, BeforeValidator(_network), WithJsonSchema({"type": "string"})]
Networks = Annotated[tuple[Network, ...], commas]
