"""Which hosts an address may name: allow-lists, and the addresses that no console lives at.

Pure: no name is resolved here. What a name resolves to is known only when it is dialled, so the
dialler asks `Target.peer_allowed` about the address that it really reached.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from gateway.errors import BadAddress

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Reachable from inside every cloud VM, able to hand out its credentials, never a console.
_REFUSED: tuple[Network, ...] = tuple(
    ip_network(network)
    for network in (
        "169.254.0.0/16",  # link-local; 169.254.169.254 is the metadata service of most clouds
        "fe80::/10",  # link-local
        "100.100.100.200/32",  # Alibaba's metadata service
        "168.63.129.16/32",  # Azure's host agent
        "192.0.0.192/32",  # Oracle's metadata service
        "fd00:ec2::254/128",  # EC2's metadata service over IPv6
        "fd20:ce::254/128",  # Google's metadata service over IPv6
    )
)
_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052 §2.1: the last 32 bits are an IPv4 address
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.(?!-)[a-z0-9_-]{1,63})*")
_NUMBER = re.compile(r"(?:\d+|0x[0-9a-f]*)")
_MAX_NAME = 253  # RFC 1035 §2.3.4, as text without the final dot


def canonical(host: str) -> str:
    """`host` in lower case, without brackets or final dot; BadAddress if it is no host.

    Addresses only in their full form: resolvers read `0xa9fea9fe` and `127.1` as addresses, so a
    name that ends in a number (WHATWG URL §3.5) is refused before it can pass for a name.
    """
    name = host.lower().removesuffix(".")
    if (address := literal(name)) is not None:
        return str(address)
    if len(name) > _MAX_NAME or not _NAME.fullmatch(name) or _NUMBER.fullmatch(name.rpartition(".")[2]):
        raise BadAddress("the address names no valid host")
    return name


def literal(host: str) -> Address | None:
    """The IP address that `host` spells out, an IPv4 address in IPv6 clothing unwrapped; None for a name."""
    try:
        address = ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address
    return address


def is_refused(address: Address) -> bool:
    """Whether `address` is link-local or a cloud's metadata service."""
    return any(address.version == network.version and address in network for network in _REFUSED)


class AllowedHosts:
    """An allow-list of names (each stands for itself and all below it; `.name`: only for those below) and addresses."""

    def __init__(self, entries: Iterable[str]) -> None:
        self._addresses: set[Address] = set()
        self._names: set[str] = set()
        self._suffixes: tuple[str, ...] = ()
        for entry in entries:
            self._add(entry.strip().lower())

    def _add(self, entry: str) -> None:
        if (address := literal(entry)) is not None:
            self._addresses.add(address)
            return
        name = entry.removeprefix("*").removeprefix(".")
        self._suffixes += (f".{name}",)
        if name == entry:
            self._names.add(name)

    def allows(self, host: str) -> bool:
        """Whether `host`, in canonical form, is on the list."""
        address = literal(host)
        if address is not None:
            return address in self._addresses
        return host in self._names or host.endswith(self._suffixes)

    def check(self, host: str) -> None:
        """BadAddress if `host` is not on the list. The message names the host, which is no secret."""
        if not self.allows(host):
            raise BadAddress(f"host {host} is not in allowed_hosts")
